"""Filters on distributions worked by hand."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from abi.sampling import Candidates
from abi.sampling._candidates import F32, find, first_k, in_order, softmax, total
from abi.sampling._filters import logit_bias, min_p, top_k, top_n_sigma, top_p, typical

# Probabilities 0.1, 0.4, 0.2, 0.3: in order of likelihood the ids are 1, 3, 2, 0.
LOGITS = np.log(np.array([0.1, 0.4, 0.2, 0.3], np.float32))
ROW = Candidates.of(LOGITS)
ORDERED = in_order(ROW)


def ids(kept: Candidates) -> list[int]:
    return kept.ids.tolist()


@pytest.mark.parametrize(("k", "expected"), [(1, [1]), (3, [1, 3, 2]), (9, [1, 3, 2, 0])])
def test_top_k(k: int, expected: list[int]) -> None:
    assert ids(top_k(k)(ROW)) == expected
    assert ids(top_k(k)(ORDERED)) == expected


def test_top_k_takes_lower_ids_of_equals() -> None:
    assert ids(top_k(4)(Candidates.of(np.zeros(6)))) == [0, 1, 2, 3]
    assert ids(top_k(2)(Candidates.of([0.0, -0.0, 0.0]))) == [0, 1]


@given(
    hnp.arrays(np.float32, st.integers(1, 400), elements=st.integers(-40, 40)),
    st.integers(1, 420),
)
def test_first_k_equals_a_stable_sort(logits: F32, k: int) -> None:
    expected = np.argsort(-logits, kind="stable")[:k]
    kept = first_k(Candidates.of(logits), k)
    assert (kept.ids.tolist(), kept.ordered) == (expected.tolist(), True)


def test_order_knows_infinity_and_both_zeros() -> None:
    row = Candidates.of([-np.inf, -0.0, 3.0, 0.0, -1.0])
    assert ids(in_order(row)) == [2, 1, 3, 4, 0]


@pytest.mark.parametrize(
    ("p", "min_keep", "expected"),
    [
        (0.0, 0, [1]),
        (0.39, 0, [1]),
        (0.41, 0, [1, 3]),
        (0.69, 0, [1, 3]),
        (0.71, 0, [1, 3, 2]),
        (0.39, 3, [1, 3, 2]),
        (0.39, 9, [1, 3, 2, 0]),
    ],
)
def test_top_p(p: float, min_keep: int, expected: list[int]) -> None:
    assert ids(top_p(p, min_keep)(ROW)) == expected
    assert ids(top_p(p, min_keep)(ORDERED)) == expected


def test_top_p_of_a_flat_row_needs_more_than_its_first_guesses() -> None:
    for n in (300, 5000):
        assert len(ids(top_p(0.995, 0)(Candidates.of(np.zeros(n))))) == pytest.approx(0.995 * n, 1)


@pytest.mark.parametrize(
    ("p", "min_keep", "expected"),
    [(0.3, 0, [1, 2, 3]), (0.6, 0, [1, 3]), (0.9, 0, [1]), (1.0, 0, [1]), (0.9, 3, [1, 3, 2])],
)
def test_min_p(p: float, min_keep: int, expected: list[int]) -> None:
    assert ids(min_p(p, min_keep)(ROW)) == expected
    assert sorted(ids(min_p(p, min_keep)(ORDERED))) == sorted(expected)


@pytest.mark.parametrize(
    ("p", "min_keep", "expected"),
    [(0.1, 0, [3]), (0.35, 0, [3, 2]), (0.55, 0, [3, 2, 1]), (0.95, 0, [3, 2, 1, 0]),
     (0.1, 2, [3, 2])],
)  # fmt: skip
def test_typical(p: float, min_keep: int, expected: list[int]) -> None:
    # Entropy 1.2799; surprises 2.3026, 0.9163, 1.6094, 1.2040: distances 1.0227, 0.3636,
    # 0.3296, 0.0759.
    assert ids(typical(p, min_keep)(ROW)) == expected


def test_typical_leaves_banned_tokens_to_the_end() -> None:
    row = Candidates.of([-np.inf, 1.0, 1.0, -np.inf])
    assert ids(typical(0.9, 0)(row)) == [1, 2]


@pytest.mark.parametrize(("n", "kept"), [(0.5, [3]), (1.5, [2, 3]), (2.5, [0, 1, 2, 3])])
def test_top_n_sigma(n: float, kept: list[int]) -> None:
    # Of 1, 1, 3, 5: mean 2.5; squares 2.25, 2.25, 0.25, 6.25; sigma sqrt(2.75) = 1.6583.
    out = top_n_sigma(n)(Candidates.of([1.0, 1.0, 3.0, 5.0]))
    assert np.flatnonzero(out.logits > -np.inf).tolist() == kept


def test_top_n_sigma_counts_no_banned_token() -> None:
    out = top_n_sigma(1.5)(Candidates.of([1.0, -np.inf, 1.0, 3.0, 5.0]))
    assert np.flatnonzero(out.logits > -np.inf).tolist() == [3, 4]


def test_logit_bias() -> None:
    out = logit_bias({1: -np.inf, 3: 2.0})(ROW)
    np.testing.assert_array_equal(out.logits, LOGITS + np.array([0, -np.inf, 0, 2], np.float32))
    np.testing.assert_allclose(LOGITS, np.log([0.1, 0.4, 0.2, 0.3]), rtol=1e-6)


def test_tokens_are_found_in_any_order_and_number() -> None:
    row = Candidates(np.array([5, 2, 9]), np.zeros(3, np.float32))
    at, here = find(row, np.array([9, 1, 5]))
    assert (at.tolist(), here.tolist()) == ([2, 0], [True, False, True])


def test_softmax_of_large_logits() -> None:
    np.testing.assert_allclose(softmax(np.array([1e4, 1e4], np.float32)), [0.5, 0.5])


def test_sums_go_from_first_to_last_in_float32() -> None:
    # 2**24 + 1 rounds to 2**24 in float32, so every later one is lost too.
    assert total(np.array([2.0**24, 1, 1, 1], np.float32)) == 2.0**24


@given(
    hnp.arrays(np.float32, st.integers(1, 60), elements=st.floats(-50, 50, width=32)),
    st.floats(0, 1),
    st.integers(0, 70),
)
def test_filters_never_drop_the_best_and_keep_so_many(logits: F32, p: float, m: int) -> None:
    row, best = Candidates.of(logits), int(logits.argmax())
    for keep in (top_p(p, m), min_p(max(p, 1e-9), m), top_k(max(m, 1))):
        kept = keep(row)
        assert logits[kept.ids].max() == logits[best]
        assert len(kept.ids) >= min(m, len(logits))
