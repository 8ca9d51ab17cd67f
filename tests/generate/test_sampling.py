"""Samplers on distributions worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from abi.errors import InputError
from abi.generate import make_sampler
from abi.generate._sampling import (
    Candidates,
    min_p_filter,
    pick,
    softmax,
    top_k_filter,
    top_p_filter,
)

# Probabilities 0.1, 0.4, 0.2, 0.3: in order of likelihood the ids are 1, 3, 2, 0.
LOGITS = np.log(np.array([0.1, 0.4, 0.2, 0.3], np.float32))


def ids(kept: Candidates) -> list[int]:
    return kept.ids.tolist()


@pytest.mark.parametrize(
    ("k", "expected"), [(0, [1, 3, 2, 0]), (1, [1]), (3, [1, 3, 2]), (9, [1, 3, 2, 0])]
)
def test_top_k(k: int, expected: list[int]) -> None:
    assert ids(top_k_filter(LOGITS, k)) == expected


def test_top_k_takes_lower_ids_of_equals() -> None:
    assert ids(top_k_filter(np.zeros(4, np.float32), 4)) == [0, 1, 2, 3]


@pytest.mark.parametrize(
    ("p", "expected"),
    [
        (0.01, [1]),
        (0.39, [1]),
        (0.41, [1, 3]),
        (0.69, [1, 3]),
        (0.71, [1, 3, 2]),
        (1.0, [1, 3, 2, 0]),
    ],
)
def test_top_p(p: float, expected: list[int]) -> None:
    assert ids(top_p_filter(p)(top_k_filter(LOGITS, 0))) == expected


@pytest.mark.parametrize(
    ("p", "expected"), [(0.0, [1, 3, 2, 0]), (0.3, [1, 3, 2]), (0.6, [1, 3]), (0.9, [1])]
)
def test_min_p(p: float, expected: list[int]) -> None:
    assert ids(min_p_filter(p)(top_k_filter(LOGITS, 0))) == expected


@pytest.mark.parametrize(("u", "expected"), [(0.0, 0), (0.09, 0), (0.11, 1), (0.49, 1), (0.999, 2)])
def test_pick(u: float, expected: int) -> None:
    assert pick(np.array([0.1, 0.4, 0.5], np.float32), u) == expected


def test_softmax_of_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([1e4, 1e4], np.float32)), [0.5, 0.5])


def test_temperature_0_is_greedy() -> None:
    assert make_sampler(temperature=0)(LOGITS) == 1


def test_draws_follow_the_distribution() -> None:
    sample = make_sampler(temperature=1, top_k=0, top_p=1, min_p=0, seed=1)
    counts = np.bincount([sample(LOGITS) for _ in range(4000)], minlength=4) / 4000
    np.testing.assert_allclose(counts, [0.1, 0.4, 0.2, 0.3], atol=0.03)


@pytest.mark.parametrize("temperature", [1e-38, 1e-46, 5e-324])
def test_a_temperature_near_0_is_greedy(temperature: float) -> None:
    sample = make_sampler(temperature=temperature, top_k=0, top_p=1, min_p=0, seed=1)
    assert {sample(LOGITS) for _ in range(20)} == {1}


def test_a_huge_temperature_is_uniform() -> None:
    sample = make_sampler(temperature=1e300, top_k=0, top_p=1, min_p=0, seed=1)
    counts = np.bincount([sample(LOGITS) for _ in range(4000)], minlength=4) / 4000
    np.testing.assert_allclose(counts, 0.25, atol=0.03)


def test_numpy_numbers_are_taken() -> None:
    assert make_sampler(top_k=np.int64(1), seed=np.int64(3))(LOGITS) == 1  # type: ignore[arg-type]


def test_temperature_sharpens() -> None:
    # At 0.5 probabilities go as their squares: 16/30, 9/30, 4/30, 1/30.
    sample = make_sampler(temperature=0.5, top_k=0, top_p=1, min_p=0, seed=1)
    counts = np.bincount([sample(LOGITS) for _ in range(4000)], minlength=4) / 4000
    np.testing.assert_allclose(counts, np.array([1, 16, 4, 9]) / 30, atol=0.03)


def test_a_seed_repeats() -> None:
    runs = [[s(LOGITS) for _ in range(50)] for s in (make_sampler(seed=7), make_sampler(seed=7))]
    assert runs[0] == runs[1]
    assert len(set(runs[0])) > 1


@given(
    hnp.arrays(np.float32, st.integers(1, 40), elements=st.floats(-50, 50, width=32)),
    st.integers(0, 50), st.floats(0.01, 1), st.floats(0, 0.99), st.integers(0, 9),
)  # fmt: skip
def test_something_is_always_drawn_from_the_filtered(
    logits: np.ndarray,
    k: int,
    p: float,
    m: float,
    seed: int,  # type: ignore[type-arg]
) -> None:
    token = make_sampler(top_k=k, top_p=p, min_p=m, seed=seed)(logits)
    assert 0 <= token < len(logits)
    assert logits[token] >= logits.max() + np.log(max(m, 1e-30)) - 1e-4


@pytest.mark.parametrize(
    ("option", "words"),
    [
        ({"temperature": -1.0}, "temperature=-1.0: expected 0 or above"),
        ({"temperature": float("nan")}, "temperature=nan"),
        ({"top_k": -1}, "top_k=-1"),
        ({"top_p": 0.0}, "top_p=0.0: expected above 0, up to 1"),
        ({"min_p": 1.0}, "min_p=1.0: expected 0 or above, below 1"),
        ({"seed": -1}, "seed=-1"),
        ({"seed": 1.5}, r"seed=1\.5: expected a whole number"),
        ({"temperature": "hot"}, "are numbers, got"),
    ],
)
def test_options_out_of_range_are_refused(option: dict[str, float], words: str) -> None:
    with pytest.raises(InputError, match=words):
        make_sampler(**option)  # type: ignore[arg-type]
