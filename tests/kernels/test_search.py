"""Search kernels, beyond what the conformance suite compares: order, ties, limits."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from abi.kernels import NumpyKernels, _search, select

KERNELS = NumpyKernels()


@pytest.fixture(autouse=True, params=["numpy", "native"])
def _kernels(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, native_library: Path
) -> None:
    """Every test is of the reference and of the C kernels."""
    monkeypatch.setattr(sys.modules[__name__], "KERNELS", select(request.param))


def by_sorting(scores: Any, k: int) -> list[list[int]]:
    """Rows of the k largest of each row, equal ones by the lower number."""
    order = np.lexsort((np.broadcast_to(np.arange(scores.shape[1]), scores.shape), -scores), axis=1)
    found = order[:, :k]
    kept = np.take_along_axis(scores, found, 1) > -np.inf
    pairs = zip(found, kept, strict=True)
    return [[*rows[ok].tolist(), *[-1] * (k - int(ok.sum()))] for rows, ok in pairs]


@settings(
    max_examples=80,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    n=st.integers(0, 40),
    n_queries=st.one_of(st.integers(1, 7), st.integers(16, 40)),
    k=st.integers(1, 12),
    block=st.integers(1, 50),
    metric=st.sampled_from(["ip", "l2"]),
    masked=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_a_scan_gives_what_sorting_gives(
    n: int, n_queries: int, k: int, block: int, metric: str, masked: bool, seed: int
) -> None:
    """Small integers: every score is exact, and many are equal."""
    rng = np.random.default_rng(seed)
    vectors = rng.integers(-2, 3, (n, 3)).astype(np.float32)
    queries = rng.integers(-2, 3, (n_queries, 3)).astype(np.float32)
    allow = rng.random(n) < 0.4 if masked else None
    scores = queries @ vectors.T
    if metric == "l2":
        scores = -((queries[:, None] - vectors[None]) ** 2).sum(axis=2)
    kept = scores if allow is None else np.where(allow, scores, -np.inf)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_search, "_blocks", lambda n, q: blocks(n, block))
        rows, found = KERNELS.scan(queries, vectors, metric, k, None, allow)
    assert rows.tolist() == by_sorting(kept, k)
    there = rows >= 0
    query = np.nonzero(there)[0]
    assert found[there].tolist() == kept[query, rows[there]].tolist()
    assert np.isneginf(found[~there]).all()


def blocks(n: int, step: int) -> Any:
    return [(start, min(n, start + step)) for start in range(0, n, step)]


def test_top_k_is_worked_by_hand() -> None:
    scores = np.array([[1, 5, 5, -2], [0, 0, 0, 0]], np.float32)
    rows, best = KERNELS.top_k(scores, 3)
    assert rows.tolist() == [[1, 2, 0], [0, 1, 2]]
    assert best.tolist() == [[5, 5, 1], [0, 0, 0]]


def test_distances_far_from_the_origin_are_exact() -> None:
    """The squares are 1e6 and the distances 1e-2: as float32 products they would all be zero."""
    rng = np.random.default_rng(0)
    vectors = (1000 + rng.integers(0, 50, (200, 4)) / 1024).astype(np.float32)
    queries = vectors[:9]
    exact = -((queries[:, None].astype(np.float64) - vectors[None]) ** 2).sum(axis=2)
    for n in (1, 4):
        rows, scores = KERNELS.scan(queries[:n], vectors, "l2", 5)
        assert rows.tolist() == by_sorting(exact[:n], 5)
        assert np.allclose(scores, -np.sort(-exact[:n], axis=1)[:, :5], rtol=1e-6)


@pytest.mark.parametrize("offset", [0, 100, 1000])
@pytest.mark.parametrize("n_queries", [1, 5, 40])
def test_the_nearest_are_found_wherever_vectors_lie(offset: int, n_queries: int) -> None:
    """A thousand spreads and more from zero, where squared lengths have no digits to spare."""
    rng = np.random.default_rng(0)
    vectors = (offset + rng.normal(size=(3000, 16)) / 10).astype(np.float32)
    queries = (offset + rng.normal(size=(n_queries, 16)) / 10).astype(np.float32)
    exact = -((queries[:, None].astype(np.float64) - vectors[None]) ** 2).sum(axis=2)
    assert KERNELS.scan(queries, vectors, "l2", 10)[0].tolist() == by_sorting(exact, 10)
    scores = KERNELS.distances(queries, vectors, "l2")
    assert np.allclose(scores, exact, atol=2e-6)


@pytest.mark.parametrize("masked", [False, True])
def test_the_nearest_are_found_in_groups_that_lie_far_apart(masked: bool) -> None:
    """No point is near to all: the products say nothing, and every digit comes of differences."""
    rng = np.random.default_rng(1)
    centres = np.repeat(rng.normal(size=(3, 8)) * 3000, 500, axis=0)
    vectors = (centres + rng.normal(size=(1500, 8)) / 10).astype(np.float32)
    queries = vectors[::50] + np.float32(0.01)
    allow = rng.random(1500) < 0.5 if masked else None
    exact = -((queries[:, None].astype(np.float64) - vectors[None]) ** 2).sum(axis=2)
    kept = exact if allow is None else np.where(allow, exact, -np.inf)
    rows, _ = KERNELS.scan(queries, vectors, "l2", 7, None, allow)
    assert rows.tolist() == by_sorting(kept, 7)


def test_a_vector_without_direction_scores_zero() -> None:
    vectors = np.array([[0, 0], [1, 0], [-1, 0]], np.float32)
    inverse = np.array([0, 1, 1], np.float32)
    rows, scores = KERNELS.scan(np.float32([[2, 0]]), vectors, "cosine", 3, inverse)
    assert rows.tolist() == [[1, 0, 2]]
    assert scores.tolist() == [[1, 0, -1]]
    assert KERNELS.scan(np.float32([[0, 0]]), vectors, "cosine", 1, inverse)[1].tolist() == [[0]]


def test_adc_is_worked_by_hand() -> None:
    tables = np.array([[[1, 2], [10, 20]]], np.float32)
    codes = np.array([[0, 0], [1, 0], [1, 1]], np.uint8)
    assert KERNELS.adc(tables, codes).tolist() == [[11, 12, 22]]


def test_popcounts_are_worked_by_hand() -> None:
    codes = np.array([[0], [7], [2**64 - 1]], np.uint64)
    assert KERNELS.popcount_distances(codes[:2], codes).tolist() == [[0, 3, 64], [3, 0, 61]]
