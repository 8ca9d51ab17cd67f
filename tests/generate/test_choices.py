"""Several choices, log-probabilities and constraints over the tiny model."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pytest

import abi
from abi.errors import InputError
from abi.generate import Model
from abi.sampling import SamplingParams

PROMPT = "Once upon a time"


@pytest.fixture(scope="module")
def model() -> Model:
    return abi.load(kernels="numpy")


class Letters:
    """Allows one token of the word after the other, and then the end."""

    def __init__(self, model: Model, word: str, done: int = 0) -> None:
        self.model, self.word, self.done = model, word, done
        ids = model.tokenizer.encode(word, add_special=False)
        self.ids = [*ids, model.tokenizer.eos]

    def allowed(self) -> npt.NDArray[np.bool_]:
        every = np.arange(self.model.transformer.n_vocab)
        return np.asarray(every == (self.ids[self.done] if self.done < len(self.ids) else -1))

    def check(self, token: int) -> bool:
        return bool(self.allowed()[token])

    def accept(self, token: int) -> None:
        assert self.check(token)
        self.done += 1

    def copy(self) -> Self:
        return type(self)(self.model, self.word, self.done)


def test_each_choice_is_a_run_with_its_own_seed(model: Model) -> None:
    options: Any = {"temperature": 1.2, "max_tokens": 80}
    choices = model.choices(PROMPT, n=4, seed=11, **options)
    texts = choices.read()
    alone = [model.generate(PROMPT, seed=11 + i, **options) for i in range(4)]
    assert texts == [generation.read() for generation in alone]
    for got, expected in zip(choices.generations, alone, strict=True):
        assert (got.tokens, got.finish_reason, got.seed, got.prompt_tokens) == (
            expected.tokens, expected.finish_reason, expected.seed, expected.prompt_tokens,
        )  # fmt: skip
    assert len(set(texts)) > 1


def test_seeds_go_round_at_their_end(model: Model) -> None:
    choices = model.choices(PROMPT, n=2, seed=2**32 - 1, max_tokens=4)
    assert [generation.seed for generation in choices.generations] == [2**32 - 1, 0]


def test_pieces_come_with_their_index_and_interleaved(model: Model) -> None:
    choices = model.choices(PROMPT, n=3, seed=1, max_tokens=12)
    texts, order = ["", "", ""], []
    for index, piece in choices:
        texts[index] += piece
        order.append(index)
    assert texts == [generation.text for generation in choices.generations]
    assert order[:6] == [0, 1, 2, 0, 1, 2]


def test_the_prompt_is_computed_once(model: Model) -> None:
    blocks: list[int] = []
    choices = model.choices(
        PROMPT, n=3, seed=1, max_tokens=5, progress=lambda done, total: blocks.append(done)
    )
    choices.read()
    n_prompt = len(choices.generations[0].prompt_tokens)
    assert blocks == [n_prompt]
    assert [g.timings.prefill_tokens for g in choices.generations] == [n_prompt] * 3
    assert all(g.timings.decode_tokens == 4 for g in choices.generations)


def test_one_choice_can_be_cancelled(model: Model) -> None:
    choices = model.choices(PROMPT, n=3, seed=1, max_tokens=20)
    for made, _ in enumerate(choices):
        if made == 8:
            choices.generations[1].cancel()
    lengths = [len(generation.tokens) for generation in choices.generations]
    reasons = [generation.finish_reason for generation in choices.generations]
    assert (lengths[0], lengths[2]) == (20, 20)
    assert lengths[1] < 6
    assert reasons == ["length", "cancelled", "length"]


def test_all_choices_can_be_cancelled(model: Model) -> None:
    choices = model.choices(PROMPT, n=3, seed=1, max_tokens=50)
    next(choices)
    choices.cancel()
    choices.read()
    assert {generation.finish_reason for generation in choices.generations} == {"cancelled"}
    asked = model.choices(PROMPT, n=2, cancel=lambda: True)
    assert asked.read() == ["", ""]
    assert {generation.finish_reason for generation in asked.generations} == {"cancelled"}


def test_stop_strings_end_choices_one_by_one(model: Model) -> None:
    choices = model.choices(PROMPT, n=4, seed=3, stop=[" a "], max_tokens=40)
    alone = [model.generate(PROMPT, seed=3 + i, stop=[" a "], max_tokens=40) for i in range(4)]
    assert choices.read() == [generation.read() for generation in alone]


@pytest.mark.parametrize("n", [0, -1, 1025, 1.5, "2"])
def test_a_number_of_choices_that_cannot_be_is_refused(model: Model, n: Any) -> None:
    with pytest.raises(InputError, match="expected a whole number, 1 to 1024"):
        model.choices(PROMPT, n=n)


def test_options_reach_the_sampler(model: Model) -> None:
    params = SamplingParams(temperature=0)
    greedy = model.generate(PROMPT, max_tokens=20, sampling=params).read()
    assert greedy == model.generate(PROMPT, max_tokens=20, temperature=0).read()
    assert model.choices(PROMPT, n=2, max_tokens=20, sampling=params).read() == [greedy] * 2
    first = model.tokenizer.encode(PROMPT + greedy)[len(model.tokenizer.encode(PROMPT))]
    other = model.generate(PROMPT, max_tokens=20, sampling=params, logit_bias={first: False})
    other.read()
    assert first not in other.tokens


def test_penalties_look_at_the_prompt(model: Model) -> None:
    ids = model.tokenizer.encode(PROMPT)
    expected = model.logits(ids)
    seen = sorted(set(ids))
    expected[seen] -= 100
    penalised = model.generate(PROMPT, max_tokens=1, temperature=0, presence_penalty=100)
    penalised.read()
    assert penalised.tokens == [int(expected.argmax())]


def test_an_unknown_option_is_a_type_error(model: Model) -> None:
    with pytest.raises(TypeError, match="top_z"):
        model.generate(PROMPT, top_z=1)  # type: ignore[call-arg]


def test_logprobs_are_those_of_the_logits(model: Model) -> None:
    generation = model.generate(PROMPT, max_tokens=6, seed=4, temperature=2, logprobs=3)
    generation.read()
    assert generation.logprobs is not None
    ids = generation.prompt_tokens + generation.tokens
    rows = model.logits(ids[:-1], all=True)[len(generation.prompt_tokens) - 1 :]
    exact = rows.astype(np.float64)
    exact -= np.log(np.exp(exact).sum(1, keepdims=True))
    for one, token, row in zip(generation.logprobs, generation.tokens, exact, strict=True):
        best = np.argsort(-row)[:3]
        assert (one.token, [other.token for other in one.top]) == (token, best.tolist())
        assert one.logprob == pytest.approx(row[token], abs=1e-4)
        assert [other.logprob for other in one.top] == pytest.approx(row[best], abs=1e-4)
        assert one.piece == model.tokenizer.piece(token)
        assert one.text == one.piece.decode()


def test_logprobs_can_be_those_of_the_draw(model: Model) -> None:
    generation = model.generate(
        PROMPT, max_tokens=6, temperature=0, logprobs=3, post_sampling_probs=True
    )
    generation.read()
    assert generation.logprobs is not None
    assert [one.logprob for one in generation.logprobs] == [0.0] * 6
    assert [len(one.top) for one in generation.logprobs] == [1] * 6


def test_logprobs_are_left_out_unless_asked_for(model: Model) -> None:
    assert model.generate(PROMPT, max_tokens=2).logprobs is None
    none = model.generate(PROMPT, max_tokens=2, logprobs=0)
    none.read()
    assert none.logprobs is not None
    assert [one.top for one in none.logprobs] == [(), ()]
    with pytest.raises(InputError, match="logprobs=-1: expected a whole number"):
        model.generate(PROMPT, logprobs=-1)


def test_a_constraint_forces_the_text_and_its_end(model: Model) -> None:
    generation = model.generate(PROMPT, constraint=Letters(model, "dragon"))
    assert generation.read() == " dragon"
    assert generation.finish_reason == "stop"
    assert generation.tokens[-1] == model.tokenizer.eos


def test_each_choice_has_its_own_constraint(model: Model) -> None:
    choices = model.choices(PROMPT, n=3, constraint=Letters(model, "dragon"))
    assert choices.read() == [" dragon"] * 3


def test_a_constraint_with_nothing_left_is_an_error(model: Model) -> None:
    generation = model.generate(PROMPT, constraint=Letters(model, "dragon", done=99))
    with pytest.raises(InputError, match="the constraint allows no token"):
        generation.read()
    assert generation.finish_reason == "error"
