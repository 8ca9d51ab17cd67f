"""The whole sampler: bans, order, constraints, log-probabilities."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from abi.errors import InputError
from abi.sampling import (
    SamplingParams,
    logprobs_after,
    logprobs_before,
    make_sampler,
)
from tests.sampling.vocabulary import tiny_words

# Probabilities 0.1, 0.4, 0.2, 0.3.
LOGITS = np.log(np.array([0.1, 0.4, 0.2, 0.3], np.float32))


class Only:
    """Allows these tokens, and counts."""

    def __init__(self, *tokens: int, n: int = 4) -> None:
        self.tokens, self.n = tokens, n
        self.asked = 0
        self.accepted: list[int] = []

    def allowed(self) -> npt.NDArray[np.bool_]:
        self.asked += 1
        return np.isin(np.arange(self.n), self.tokens)

    def check(self, token: int) -> bool:
        return token in self.tokens

    def accept(self, token: int) -> None:
        self.accepted.append(token)

    def copy(self) -> Self:
        return type(self)(*self.tokens, n=self.n)


def drawn(n: int = 60, **options: Any) -> set[int]:
    sampler = make_sampler(4, **{"seed": 1, **options})
    return {sampler.sample(LOGITS) for _ in range(n)}


def test_0_is_greedy() -> None:
    assert drawn(temperature=0) == {1}


def test_greedy_obeys_what_can_change_the_best() -> None:
    assert drawn(temperature=0, logit_bias={1: False}) == {3}
    assert drawn(temperature=0, typical_p=0.1) == {3}
    assert drawn(temperature=0, xtc_probability=1, xtc_threshold=0.15) == {2}
    assert drawn(temperature=0, mirostat=2) == {1}


def test_xtc_that_can_exclude_nothing_draws_nothing() -> None:
    """Above a half there are never two top choices; the draws that follow stay what they were."""
    plain, off = (
        make_sampler(4, seed=1, xtc_probability=p, xtc_threshold=0.51) for p in (0.0, 1.0)
    )
    assert [plain.sample(LOGITS) for _ in range(50)] == [off.sample(LOGITS) for _ in range(50)]


def test_greedy_penalties_after_a_cut_see_the_cut() -> None:
    sampler = make_sampler(
        4, temperature=0, top_k=1, repeat_penalty=9, samplers=["top_k", "penalties", "temp"]
    )
    sampler.prime([1])
    assert sampler.sample(LOGITS) == 1


def test_without_temperature_in_the_order_there_is_none() -> None:
    assert drawn(temperature=0, samplers=["top_p"], top_p=0.6) == {1, 3}


def test_no_samplers_draw_from_all() -> None:
    assert drawn(samplers=[]) == {0, 1, 2, 3}


def test_mirostat_stands_in_place_of_the_filters() -> None:
    assert drawn(mirostat=2, mirostat_tau=9, top_k=1, temperature=1) == {0, 1, 2, 3}


def test_a_seed_repeats_and_none_is_told() -> None:
    def run(seed: int | None) -> tuple[int, list[int]]:
        sampler = make_sampler(4, seed=seed, top_k=0, temperature=2)
        return sampler.seed, [sampler.sample(LOGITS) for _ in range(40)]

    assert run(7) == run(7)
    seed, tokens = run(None)
    assert run(seed) == (seed, tokens)
    assert run(8)[1] != run(7)[1]


def test_logits_are_left_as_they_are() -> None:
    row = LOGITS.copy()
    row.flags.writeable = False
    options: dict[str, Any] = {
        "logit_bias": {1: -1.0}, "repeat_penalty": 1.5, "dry_multiplier": 1.0,
        "dry_sequence_breakers": [], "top_n_sigma": 2.0, "typical_p": 0.9, "dynatemp_range": 0.5,
        "xtc_probability": 1.0, "top_k": 3,
    }  # fmt: skip
    sampler = make_sampler(4, seed=1, **options)
    sampler.prime([1, 2, 3, 1, 2])
    for _ in range(5):
        sampler.accept(sampler.sample(row))


def test_params_and_options_meet() -> None:
    params = SamplingParams(temperature=0, seed=5)
    assert make_sampler(4, params).seed == 5
    assert make_sampler(4, params, seed=6).seed == 6
    assert make_sampler(4, params, logit_bias={1: False}).sample(LOGITS) == 3


def test_a_bias_on_a_text_is_on_each_of_its_tokens() -> None:
    vocabulary = tiny_words()
    tokens = vocabulary.encode(b"Once upon")
    assert len(tokens) > 1
    logits = np.zeros(len(vocabulary.texts), np.float32)
    logits[tokens] = np.arange(9, 9 - len(tokens), -1)
    options: Any = {"logit_bias": {"Once upon": False}, "temperature": 0}
    assert make_sampler(len(logits), vocabulary=vocabulary, **options).sample(logits) == 0


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"logit_bias": {4: 1.0}}, r"logit_bias: token 4 is not in the vocabulary \(0 to 3\)"),
        ({"logit_bias": {"a": 1.0}}, "logit_bias on a text needs the token texts"),
        ({"dry_multiplier": 1.0}, "dry_sequence_breakers needs the token texts"),
    ],
)
def test_what_cannot_be_made_is_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_sampler(4, **options)


def test_banning_all_is_an_error() -> None:
    sampler = make_sampler(4, logit_bias=dict.fromkeys(range(4), False))
    with pytest.raises(InputError, match="no token is left"):
        sampler.sample(LOGITS)


def test_a_constraint_is_asked_for_all_only_after_a_refusal() -> None:
    free, bound = Only(1, 3), Only(0)
    assert make_sampler(4, temperature=0, constraint=free).sample(LOGITS) == 1
    assert make_sampler(4, temperature=0, constraint=bound).sample(LOGITS) == 0
    assert (free.asked, bound.asked) == (0, 1)


def test_a_constraint_comes_before_the_cuts() -> None:
    # Free, only token 1 is drawn; of tokens 0 and 2 the best is 2.
    assert drawn(constraint=Only(0, 2), top_k=1) == {2}


def test_a_constraint_is_told_of_generated_tokens_alone() -> None:
    constraint = Only(1)
    sampler = make_sampler(4, constraint=constraint)
    sampler.prime([2, 3])
    sampler.accept(1)
    assert constraint.accepted == [1]


def test_a_constraint_that_allows_nothing_is_an_error() -> None:
    with pytest.raises(InputError, match="the constraint allows no token after this text"):
        make_sampler(4, constraint=Only()).sample(LOGITS)


def test_a_constraint_whose_tokens_cannot_come_is_an_error() -> None:
    with pytest.raises(InputError, match="the constraint allows no token after this text"):
        make_sampler(2, constraint=Only(1, n=2)).sample(np.array([1, -np.inf], np.float32))


def test_a_constraint_whose_tokens_are_banned_is_an_error() -> None:
    sampler = make_sampler(4, constraint=Only(2), logit_bias={2: False})
    with pytest.raises(InputError, match="no token is left"):
        sampler.sample(LOGITS)


def test_a_constraint_of_another_vocabulary_is_an_error() -> None:
    with pytest.raises(InputError, match=r"allows of \(5,\) tokens, logits are \(4,\)"):
        make_sampler(4, constraint=Only(4, n=5)).sample(LOGITS)


OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "temperature": st.floats(0, 5), "dynatemp_range": st.floats(0, 3),
        "top_k": st.integers(0, 50), "top_p": st.floats(0, 1), "min_p": st.floats(0, 1),
        "typical_p": st.floats(0, 1), "top_n_sigma": st.floats(-1, 5),
        "xtc_probability": st.floats(0, 1), "xtc_threshold": st.floats(0, 0.6),
        "repeat_penalty": st.floats(0.1, 5), "frequency_penalty": st.floats(-3, 3),
        "dry_multiplier": st.floats(0, 3), "dry_allowed_length": st.integers(0, 3),
        "mirostat": st.integers(0, 2), "mirostat_tau": st.floats(0, 20),
        "min_keep": st.integers(0, 50), "seed": st.integers(0, 99),
        "adaptive_target": st.floats(-1, 1),
        "samplers": st.permutations([*SamplingParams().samplers, "adaptive_p"]),
    },
)  # fmt: skip


@given(
    hnp.arrays(np.float32, st.integers(2, 40), elements=st.floats(-200, 200, width=32)),
    OPTIONS,
    st.sets(st.integers(0, 39), min_size=1),
)
@example(
    np.array([35, -11], np.float32),
    {"temperature": 0.0, "samplers": ["temperature", "top_n_sigma"], "dynatemp_range": 1.0,
     "top_n_sigma": 1e-204},
    {0},
)  # fmt: skip
def test_any_options_draw_an_allowed_token(
    logits: npt.NDArray[np.float32], options: dict[str, Any], allowed: set[int]
) -> None:
    n = len(logits)
    tokens = {token % n for token in allowed}
    options = {"dry_sequence_breakers": [], **options}
    sampler = make_sampler(n, constraint=Only(*tokens, n=n), **options)
    sampler.prime([0, 1, 0, 1, 0])
    for _ in range(3):
        token = sampler.sample(logits)
        assert token in tokens
        sampler.accept(token)


def test_logprobs_before_are_of_all_tokens() -> None:
    ranked = logprobs_before(LOGITS, 2, 2)
    assert ranked.logprob == pytest.approx(np.log(0.2))
    assert [token for token, _ in ranked.top] == [1, 3]
    assert [value for _, value in ranked.top] == pytest.approx(np.log([0.4, 0.3]))
    assert logprobs_before(LOGITS, 2, 0).top == []
    assert len(logprobs_before(LOGITS, 2, 99).top) == 4


def test_logprobs_after_are_of_the_kept_tokens() -> None:
    sampler = make_sampler(4, seed=1, top_k=2, top_p=1, min_p=0, temperature=1)
    token = sampler.sample(LOGITS)
    assert sampler.drawn is not None
    ranked = logprobs_after(sampler.drawn, 9)
    assert dict(ranked.top) == pytest.approx({1: np.log(4 / 7), 3: np.log(3 / 7)})
    assert ranked.logprob == dict(ranked.top)[token]
