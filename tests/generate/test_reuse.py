"""What a generation computed serves the next one, and a file keeps it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abi
from abi.errors import FormatError, InputError
from abi.generate import Model
from tests.oracle.architectures import case_bytes
from tests.oracle.overlays import CONTROL, LORA, write_control, write_lora

PROMPT = "Once upon a time, Lily and her dog"


@pytest.fixture
def model() -> Model:
    return abi.load(kernels="numpy")


def tokens(model: Model, prompt: str, n: int = 20) -> list[int]:
    generation = model.generate(prompt, max_tokens=n, temperature=0)
    generation.read()
    return generation.tokens


def test_a_common_beginning_is_computed_once(model: Model) -> None:
    first = model.generate(PROMPT, max_tokens=10, temperature=0)
    text = first.read()
    again = model.generate(PROMPT + text + " and then", max_tokens=10, temperature=0)
    again.read()
    assert first.timings.reused_tokens == 0
    assert again.timings.reused_tokens >= len(first.prompt_tokens) + 5
    assert again.timings.reused_tokens + again.timings.prefill_tokens == len(again.prompt_tokens)
    assert again.tokens == tokens(abi.load(kernels="numpy"), PROMPT + text + " and then", 10)


def test_the_same_prompt_leaves_one_token_to_compute(model: Model) -> None:
    first = tokens(model, PROMPT)
    generation = model.generate(PROMPT, max_tokens=20, temperature=0)
    generation.read()
    assert generation.timings.prefill_tokens == 1
    assert generation.tokens == first


def test_another_beginning_is_computed_anew(model: Model) -> None:
    other = tokens(abi.load(kernels="numpy"), "Tom was sad because")
    tokens(model, PROMPT)
    assert tokens(model, "Tom was sad because") == other


def test_generations_that_run_at_once_do_not_share(model: Model) -> None:
    want = [tokens(abi.load(kernels="numpy"), p, 12) for p in (PROMPT, "A small bird")]
    tokens(model, PROMPT)
    running = [model.generate(p, max_tokens=12, temperature=0) for p in (PROMPT, "A small bird")]
    for _ in range(40):
        for generation in running:
            next(generation, None)
    assert [g.tokens for g in running] == want


def test_what_was_left_early_is_still_of_use(model: Model) -> None:
    generation = model.generate(PROMPT, max_tokens=30, temperature=0)
    for _ in range(4):
        next(generation)
    generation._pieces.close()  # type: ignore[attr-defined]
    assert model.prompt_cache.tokens[: len(generation.prompt_tokens)] == generation.prompt_tokens
    assert tokens(model, PROMPT) == tokens(abi.load(kernels="numpy"), PROMPT)


def test_a_loop_left_early_gives_back_what_it_computed(model: Model) -> None:
    with model.generate(PROMPT, max_tokens=30, temperature=0) as generation:
        for _ in generation:
            break
    assert model.prompt_cache.tokens[: len(generation.prompt_tokens)] == generation.prompt_tokens


def test_what_ends_late_does_not_replace_what_came_after(model: Model) -> None:
    early = model.generate("Tom was sad because", max_tokens=30, temperature=0)
    next(early)
    tokens(model, PROMPT)
    held = list(model.prompt_cache.tokens)
    early.close()
    assert model.prompt_cache.tokens == held
    running = model.generate(PROMPT, max_tokens=30, temperature=0)
    next(running)
    model.prompt_cache.clear()
    running.close()
    assert not model.prompt_cache.tokens


def test_a_stop_string_in_a_chat_leaves_the_prompt_for_the_next_turn(model: Model) -> None:
    hi = [{"role": "user", "content": PROMPT}]
    template = "{{ messages[0].content }}"
    model.chat(hi, template=template, stop=["a"], temperature=0, max_tokens=40)
    assert model.prompt_cache.tokens


def test_two_generations_are_never_lent_the_same_cache(model: Model) -> None:
    """As when another thread comes in between: at each step of a loan, a second one begins."""
    tokens(model, PROMPT)
    held, cache, lent = list(model.prompt_cache.tokens), model.prompt_cache, []

    class Interrupted(list[int]):
        def __getitem__(self, key: Any) -> Any:
            lent.append(cache.lend(model.transformer, held)[0])
            return super().__getitem__(key)

    lent.append(cache.lend(model.transformer, Interrupted(held))[0])
    assert len(lent) >= 2
    assert sum(one is not None for one in lent) == 1


def test_choices_keep_nothing_and_take_nothing(model: Model) -> None:
    tokens(model, PROMPT)
    held = list(model.prompt_cache.tokens)
    model.choices(PROMPT, n=2, max_tokens=3, seed=1).read()
    assert model.prompt_cache.tokens == held


def test_it_can_be_let_go(model: Model) -> None:
    tokens(model, PROMPT)
    model.prompt_cache.clear()
    generation = model.generate(PROMPT, max_tokens=1)
    generation.read()
    assert generation.timings.reused_tokens == 0


def test_a_file_keeps_a_computed_prompt(model: Model, tmp_path: Path) -> None:
    want = tokens(model, PROMPT)
    n = model.save_prompt_cache(tmp_path / "prompt.gguf")
    assert n == len(model.prompt_cache.tokens)
    other = abi.load(kernels="numpy")
    assert other.load_prompt_cache(tmp_path / "prompt.gguf") == n
    generation = other.generate(PROMPT, max_tokens=20, temperature=0)
    generation.read()
    assert generation.timings.prefill_tokens == 1
    assert generation.tokens == want


def test_there_must_be_something_to_save(model: Model, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no computed prompt is kept; generate from it first"):
        model.save_prompt_cache(tmp_path / "prompt.gguf")
    assert not list(tmp_path.iterdir())


def test_adapters_start_afresh(tmp_path: Path) -> None:
    model = abi.load(case_bytes(LORA), kernels="numpy")
    write_lora(tmp_path / "lora.gguf")
    ids = [5, 6, 7, 8]
    before = model.logits(ids)
    first = model.generate(ids, max_tokens=5, temperature=0)
    first.read()
    model.save_prompt_cache(tmp_path / "prompt.gguf")
    for _ in range(2):  # again over what is there
        model.set_adapters([(tmp_path / "lora.gguf", 0.7)])
    second = model.generate(ids, max_tokens=5, temperature=0)
    second.read()
    assert second.timings.reused_tokens == 0
    assert np.abs(model.logits(ids) - before).max() > 0.1
    model.set_adapters([])  # what the adapter computed must not be taken for the model's own
    with pytest.raises(InputError, match="no computed prompt is kept"):
        model.save_prompt_cache(tmp_path / "other.gguf")
    model.set_adapters([(tmp_path / "lora.gguf", 0.7)])
    with pytest.raises(FormatError, match=r"abi\.cache\.model: the cache was saved with"):
        model.load_prompt_cache(tmp_path / "prompt.gguf")
    model.set_adapters([])
    np.testing.assert_array_equal(model.logits(ids), before)
    assert model.load_prompt_cache(tmp_path / "prompt.gguf") == 8


def test_control_vectors_are_set_and_taken_away(tmp_path: Path) -> None:
    model = abi.load(case_bytes(CONTROL), kernels="numpy")
    write_control(tmp_path / "control.gguf")
    before = model.logits([5, 6, 7])
    model.set_control([tmp_path / "control.gguf"], layers=(1, 2))
    assert np.abs(model.logits([5, 6, 7]) - before).max() > 0.05
    running = model.generate([5, 6, 7], max_tokens=9)
    next(running)
    model.set_control([])
    running.close()
    with pytest.raises(InputError, match="no computed prompt is kept"):
        model.save_prompt_cache(tmp_path / "other.gguf")
    np.testing.assert_array_equal(model.logits([5, 6, 7]), before)
    with pytest.raises(InputError, match=r"layers=\(3, 9\): expected \(first, last\) within 0"):
        model.set_control([tmp_path / "control.gguf"], layers=(3, 9))
    path = tmp_path / "control.gguf"
    for call in (
        lambda: model.set_adapters([(path, "x")]),  # type: ignore[list-item]
        lambda: model.set_adapters([(path,)]),  # type: ignore[list-item]
        lambda: model.set_adapters([(path, float("inf"))]),
    ):
        with pytest.raises(InputError, match=r"strength=.*: expected a number"):
            call()
    with pytest.raises(InputError, match=r"adapters='x\.gguf': expected a list of files"):
        model.set_adapters("x.gguf")
    for layers in ((1,), 3, (2, 1)):
        with pytest.raises(InputError, match=r"expected \(first, last\) within 0 to 4"):
            model.set_control([path], layers=layers)  # type: ignore[arg-type]
