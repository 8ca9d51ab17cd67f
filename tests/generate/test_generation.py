"""Streaming, stopping, cancelling and limits."""

from __future__ import annotations

import io
from collections.abc import Iterator
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import abi
from abi.errors import Cancelled, ContextLengthError, FormatError, InputError
from abi.generate import Model
from abi.generate._stop import StopFilter
from abi.gguf import read, write
from abi.quant import Tensor
from tests.synthetic import LlamaShape, llama_bytes


@pytest.fixture(scope="module")
def model() -> Model:
    return abi.load(kernels="numpy")


@pytest.fixture(scope="module")
def random_model() -> Model:
    return abi.load(llama_bytes(LlamaShape()), kernels="numpy", n_batch=10)


def greedy(model: Model, prompt: str = "Once upon a time", **options: object) -> abi.Generation:
    return model.generate(prompt, temperature=0, **options)  # type: ignore[arg-type]


def test_pieces_join_to_the_text_of_the_tokens(model: Model) -> None:
    generation = greedy(model, max_tokens=30)
    pieces = list(generation)
    assert len(pieces) > 5
    assert "".join(pieces) == generation.text
    whole = model.tokenizer.decode(generation.prompt_tokens + generation.tokens)
    assert whole == "Once upon a time" + generation.text


def test_one_token_at_a_time_equals_all_at_once(model: Model) -> None:
    generation = greedy(model, max_tokens=20)
    generation.read()
    ids = generation.prompt_tokens + generation.tokens
    logits = model.logits(ids[:-1], all=True)[len(generation.prompt_tokens) - 1 :]
    assert logits.argmax(1).tolist() == generation.tokens


def test_max_tokens_is_kept(model: Model) -> None:
    generation = greedy(model, max_tokens=7)
    generation.read()
    assert (len(generation.tokens), generation.finish_reason) == (7, "length")
    assert greedy(model, max_tokens=0).read() == ""


def test_a_seed_repeats_a_text(model: Model) -> None:
    texts = {model.generate("The", max_tokens=20, seed=seed).read() for seed in (5, 5, 5)}
    assert len(texts) == 1


def test_the_end_token_ends(model: Model) -> None:
    generation = greedy(model)
    generation.read()
    assert generation.finish_reason == "stop"
    assert generation.tokens[-1] == model.tokenizer.eos
    assert "</s>" not in generation.text


def test_an_empty_prompt_starts_without_a_space(model: Model) -> None:
    assert not greedy(model, "", max_tokens=5).read().startswith(" ")


def test_stop_strings_are_left_out(model: Model) -> None:
    text = greedy(model, max_tokens=40).read()
    stop = text[10:14]
    generation = greedy(model, max_tokens=40, stop=stop)
    assert generation.read() == text[: text.index(stop)]
    assert generation.finish_reason == "stop"


def test_stop_tokens_end(model: Model) -> None:
    tokens = greedy(model, max_tokens=9)
    tokens.read()
    stop = tokens.tokens[5]
    generation = greedy(model, max_tokens=9, stop_tokens=[stop])
    generation.read()
    assert generation.tokens[-1] == stop
    assert generation.finish_reason == "stop"


def test_leaving_the_loop_early_stops_the_work(model: Model) -> None:
    generation = greedy(model, max_tokens=100)
    for _ in generation:
        break
    assert len(generation.tokens) < 5
    assert generation.finish_reason is None


def test_cancel_between_tokens(model: Model) -> None:
    generation = greedy(model, max_tokens=100)
    for n, _ in enumerate(generation):
        if n == 3:
            generation.cancel()
    assert generation.finish_reason == "cancelled"
    assert len(generation.tokens) < 10


def test_cancel_is_said_at_once(model: Model) -> None:
    generation = greedy(model, max_tokens=100)
    next(generation)
    generation.cancel()
    assert generation.finish_reason == "cancelled"
    finished = greedy(model, max_tokens=2)
    finished.read()
    finished.cancel()
    assert finished.finish_reason == "length"


def test_an_exception_of_the_callers_is_said(model: Model) -> None:
    def broken() -> bool:
        raise RuntimeError("broken")

    generation = greedy(model, cancel=broken)
    with pytest.raises(RuntimeError, match="broken"):
        generation.read()
    assert generation.finish_reason == "error"


@pytest.mark.parametrize("ids", ["ab", [1.7], [2**70], [[1, 2]], None])
def test_logits_take_token_ids_alone(model: Model, ids: object) -> None:
    with pytest.raises(InputError):
        model.logits(ids)  # type: ignore[arg-type]


def test_things_print_in_a_line(model: Model) -> None:
    generation = greedy(model, max_tokens=3)
    for thing in (model, model.tokenizer, model.transformer, model.tokenizer.vocab, generation):
        assert len(repr(thing)) < 1200
    assert repr(model).startswith("<abi.Model 'abi tiny") or "abi.Model" in repr(model)


def test_cancel_between_blocks_of_the_prompt(random_model: Model) -> None:
    blocks: list[int] = []
    answers = iter([False, False, True])
    generation = random_model.generate(
        list(range(3, 103)), max_tokens=5, cancel=lambda: next(answers),
        progress=lambda done, total: blocks.append(done),
    )  # fmt: skip
    assert generation.read() == ""
    assert (generation.finish_reason, blocks) == ("cancelled", [10, 20])


def test_cancel_while_asking_for_logits(random_model: Model) -> None:
    with pytest.raises(Cancelled, match="cancelled after 0 of 100 prompt tokens"):
        random_model.logits(list(range(3, 103)), cancel=lambda: True)


def test_a_prompt_past_the_context_is_an_error(random_model: Model) -> None:
    prompt = [5] * 257
    with pytest.raises(
        ContextLengthError, match=r"prompt of 257 tokens: 257 .* context has 256"
    ) as caught:
        random_model.generate(prompt)
    assert (caught.value.n_tokens, caught.value.n_ctx) == (257, 256)
    with pytest.raises(ContextLengthError):
        random_model.logits(prompt)


def test_more_tokens_than_the_context_has_is_an_error(random_model: Model) -> None:
    with pytest.raises(ContextLengthError, match="200 tokens and 58 to generate: 257 positions"):
        random_model.generate([5] * 200, max_tokens=58)


def test_the_context_can_be_filled_to_the_last_position(random_model: Model) -> None:
    eog = sorted(random_model.tokenizer.vocab.eog)

    def no_end() -> Iterator[abi.Generation]:
        for seed in range(20):
            generation = random_model.generate([5] * 200, seed=seed)
            generation.read()
            if generation.tokens[-1] not in eog:
                yield generation

    generation = next(no_end())
    assert (len(generation.tokens), generation.finish_reason) == (57, "context")
    exact = random_model.generate([5] * 200, max_tokens=57, seed=0)
    exact.read()
    assert exact.finish_reason in ("length", "stop")


def test_a_larger_context_can_be_asked_for(model: Model) -> None:
    assert abi.load(n_ctx=64).n_ctx == 64
    with pytest.raises(ContextLengthError, match="load with n_ctx=70"):
        abi.load(n_ctx=64).generate([5] * 70)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_broken_weights_are_said(bad: float, temperature: float) -> None:
    file = read(llama_bytes(LlamaShape()))
    norm = file.tensors["output_norm.weight"]
    file.tensors[norm.name] = Tensor.from_array(norm.name, np.full(norm.shape, bad))
    out = io.BytesIO()
    write(out, file.typed(), list(file.tensors.values()))
    model = abi.load(out.getvalue(), kernels="numpy")
    with pytest.raises(FormatError, match="NaN or infinity; its weights are broken"):
        model.generate("a", max_tokens=2, temperature=temperature).read()


def test_timings_count_tokens(model: Model) -> None:
    generation = greedy(model, max_tokens=6)
    generation.read()
    timings = generation.timings
    assert timings.prefill_tokens + timings.reused_tokens == len(generation.prompt_tokens)
    assert timings.decode_tokens == 5
    assert timings.prefill_rate > 0
    assert timings.decode_rate > 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"prompt": []}, "the prompt has no tokens"),
        ({"prompt": ["a"]}, "expected text, bytes or token ids"),
        ({"prompt": [2**70]}, "token 1180591620717411303424 is not in the vocabulary"),
        ({"max_tokens": -1}, "max_tokens=-1"),
        ({"max_tokens": 1.5}, r"max_tokens=1\.5: expected a whole number"),
        ({"stop": 3}, "stop=3: expected a text or a list"),
        ({"stop": [b"x"]}, "expected a text or a list"),
        ({"stop_tokens": [10**9]}, "token 1000000000 is not in the vocabulary"),
        ({"cancel": 5}, "cancel=5: expected a function"),
        ({"temperature": "a"}, "temperature='a': expected a number"),
    ],
)
def test_requests_that_cannot_run_are_refused(
    model: Model, options: dict[str, object], words: str
) -> None:
    with pytest.raises(InputError, match=words):
        model.generate(**options)  # type: ignore[arg-type]


@given(st.text("abc", max_size=30), st.lists(st.text("abc", min_size=1, max_size=4), max_size=3),
       st.lists(st.integers(0, 30), max_size=8))  # fmt: skip
def test_stop_filter_equals_a_search_in_the_whole(
    text: str, stops: list[str], cuts: list[int]
) -> None:
    edges = [0, *sorted(c for c in cuts if c < len(text)), len(text)]
    stop = StopFilter(stops)
    shown = "".join(stop.feed(text[a:b]) for a, b in pairwise(edges))
    shown += stop.flush()
    ends = [text.find(s) + len(s) for s in stops if s in text]
    if not ends:
        assert (shown, stop.stopped) == (text, None)
    else:
        assert stop.stopped in stops
        assert text.startswith(shown + str(stop.stopped))
        earliest = [text.find(s) for s in stops if s in text and text.find(s) + len(s) == min(ends)]
        assert len(shown) <= min(earliest)
