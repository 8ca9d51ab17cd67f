"""A full context ends a text, or forgets its older half, as asked."""

from __future__ import annotations

import pytest

import abi
from abi.errors import ContextLengthError, InputError, UnsupportedError
from abi.generate import PromptLookup
from abi.model import Batch, KVCache, Transformer
from tests.oracle.architectures import CASES, ENCODERS, case_bytes


def test_a_text_ends_with_its_context_unless_asked() -> None:
    model = abi.load(kernels="numpy", n_ctx=40)
    generation = model.generate("Once upon a time", temperature=0)
    generation.read()
    assert generation.finish_reason == "context"
    assert len(generation.prompt_tokens) + len(generation.tokens) == 41


def test_a_shifted_text_goes_on() -> None:
    model = abi.load(kernels="numpy", n_ctx=40)
    whole = model.generate("Once upon a time", temperature=0)
    whole.read()
    generation = model.generate(
        "Once upon a time", temperature=0, max_tokens=100, context_shift=True
    )
    generation.read()
    assert len(generation.tokens) == 100
    assert generation.finish_reason == "length"
    assert generation.tokens[: len(whole.tokens)] == whole.tokens


@pytest.mark.parametrize(("n_keep", "shifts"), [(None, (1, 19)), (0, (0, 20)), (5, (5, 17))])
def test_the_older_half_goes_and_the_start_stays(
    monkeypatch: pytest.MonkeyPatch, n_keep: int | None, shifts: tuple[int, int]
) -> None:
    seen = []
    shift = Transformer.shift

    def spied(self: Transformer, cache: KVCache, slot: int, keep: int, discard: int) -> None:
        seen.append((keep, discard))
        shift(self, cache, slot, keep, discard)

    monkeypatch.setattr(Transformer, "shift", spied)
    model = abi.load(kernels="numpy", n_ctx=40)
    options = {"max_tokens": 60, "context_shift": True, "n_keep": n_keep, "temperature": 0}
    model.generate("Once upon a time", **options).read()  # type: ignore[arg-type]
    assert set(seen) == {shifts}


def test_what_was_shifted_is_not_reused() -> None:
    model = abi.load(kernels="numpy", n_ctx=40)
    model.generate("Once upon a time", temperature=0, max_tokens=90, context_shift=True).read()
    again = model.generate("Once upon a time", temperature=0, max_tokens=2)
    again.read()
    assert again.timings.reused_tokens == 0


def test_drafts_and_shifts_go_together() -> None:
    model = abi.load(kernels="numpy", n_ctx=40)
    options = {"temperature": 0.0, "max_tokens": 90, "context_shift": True, "n_keep": 3}
    texts = []
    for draft in (None, PromptLookup(2, 1)):
        generation = model.generate("Once upon a time", draft=draft, **options)  # type: ignore[arg-type]
        texts.append(generation.read())
    assert texts[0] == texts[1]


def test_a_prompt_must_fit_all_the_same() -> None:
    model = abi.load(kernels="numpy", n_ctx=8)
    with pytest.raises(ContextLengthError):
        model.generate("Once upon a time there was a little girl named", context_shift=True)
    with pytest.raises(InputError, match="n_keep=5: expected at most half of the context, 8"):
        model.generate("Once", context_shift=True, n_keep=5)


def test_learned_positions_cannot_be_shifted() -> None:
    model = abi.load(case_bytes(CASES["gpt2"]), kernels="numpy", n_ctx=16)
    generation = model.generate([5, 6], max_tokens=40, context_shift=True)
    with pytest.raises(UnsupportedError, match="its context cannot be shifted"):
        generation.read()


def test_an_encoder_generates_nothing() -> None:
    model = abi.load(case_bytes(ENCODERS["bert"]), kernels="numpy")
    with pytest.raises(UnsupportedError, match="this bert model is an encoder; use embed"):
        model.generate([5, 6])
    with pytest.raises(UnsupportedError, match="a bert model gives embeddings, not logits"):
        model.logits([5, 6])


def test_learned_positions_end_somewhere() -> None:
    with pytest.raises(InputError, match="n_ctx=300: the model has learned 256 positions"):
        abi.load(case_bytes(CASES["gpt2"]), kernels="numpy", n_ctx=300)
    transformer = abi.load(case_bytes(CASES["gpt2"]), kernels="numpy").transformer
    with pytest.raises(ContextLengthError, match="257 positions, and the model has learned 256"):
        transformer.forward(Batch.of([5] * 257), transformer.new_cache(n_ctx=300))


def test_a_window_of_one_can_be_shifted() -> None:
    model = abi.load(kernels="numpy", n_ctx=1)
    generation = model.generate([1], max_tokens=5, temperature=0, context_shift=True)
    generation.read()
    assert len(generation.tokens) == 5


def test_an_interrupted_shift_keeps_only_what_did_not_move() -> None:
    model = abi.load(kernels="numpy")
    transformer, calls = model.transformer, []
    cache = transformer.new_cache()
    transformer.forward(Batch.of(list(range(5, 45))), cache, [])
    shift = type(model.kernels).kv_shift

    def broken(*arguments: object) -> None:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        shift(*arguments)  # type: ignore[arg-type]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(model.kernels), "kv_shift", broken)
        with pytest.raises(KeyboardInterrupt):
            transformer.shift(cache, 0, 4, 10)
    assert cache.lengths == [4]
