"""The exact search: every metric against float64, bits against counting, filters, memory maps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.errors import InputError
from abi.index import METRICS, BinaryCodes, Flat, Int8Codes, PQCodes, Vectors


def rows_of(metric: str, n: int, dim: int, rng: np.random.Generator) -> Any:
    if metric == "hamming":
        return rng.integers(0, 256, (n, -(-dim // 8)), np.uint8)
    found = rng.integers(-3, 4, (n, dim)).astype(np.float32)
    found[::5] = 0
    return found


def by_definition(queries: Any, data: Any, metric: str) -> Any:
    if metric == "hamming":
        a, b = np.unpackbits(queries, axis=1), np.unpackbits(data, axis=1)
        return -(a[:, None] != b[None]).sum(axis=2).astype(np.float64)
    q, x = queries.astype(np.float64), data.astype(np.float64)
    if metric == "l2":
        return -((q[:, None] - x[None]) ** 2).sum(axis=2)
    if metric == "cosine":
        q, x = (a / np.maximum(np.linalg.norm(a, axis=1, keepdims=True), 1e-30) for a in (q, x))
    return q @ x.T


@settings(max_examples=80, deadline=None, derandomize=True)
@given(
    metric=st.sampled_from(METRICS),
    n=st.integers(0, 60),
    dim=st.sampled_from([1, 3, 8, 17, 64]),
    n_queries=st.integers(0, 12),
    k=st.integers(1, 70),
    share=st.sampled_from([None, 0.0, 0.1, 0.9]),
    seed=st.integers(0, 1000),
)
def test_it_is_what_the_metric_says(
    metric: str, n: int, dim: int, n_queries: int, k: int, share: float | None, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    data, queries = rows_of(metric, n, dim, rng), rows_of(metric, n_queries, dim, rng)
    allow = None if share is None else rng.random(n) < share
    rows, scores = Flat(Vectors.of(data, metric)).search(queries, k, allow)
    assert (rows.dtype, scores.dtype) == (np.int64, np.float32)
    want = by_definition(queries, data, metric)
    kept = want if allow is None else np.where(allow, want, -np.inf)
    best = np.full((n_queries, k), -np.inf)
    best[:, :n] = -np.sort(-kept, axis=1)[:, :k]
    assert np.allclose(scores, best, atol=1e-5)
    assert np.array_equal(rows >= 0, best > -np.inf)
    own = np.take_along_axis(kept, np.maximum(rows, 0), axis=1) if n else best
    assert np.allclose(np.where(rows >= 0, own, -np.inf), best, atol=1e-5)
    if metric != "cosine":  # whose equal scores differ by rounding
        same = np.where(scores[:, 1:] == scores[:, :-1], rows[:, 1:] > rows[:, :-1], True)
        assert (same | (rows[:, 1:] < 0)).all()


def test_bits_are_worked_by_hand() -> None:
    data = np.array([[0b11110000], [0b11111111], [0b00000001]], np.uint8)
    rows, scores = Flat(Vectors.of(data, "hamming")).search(np.array([[0b11110001]], np.uint8), 4)
    assert rows.tolist() == [[0, 1, 2, -1]]
    assert scores.tolist() == [[-1, -3, -4, -np.inf]]


def test_vectors_on_disk_are_searched_where_they_are(tmp_path: Path) -> None:
    data = np.random.default_rng(0).normal(size=(500, 8)).astype(np.float32)
    np.save(tmp_path / "rows.npy", data)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    for metric in METRICS[:3]:
        vectors = Vectors.of(mapped, metric)
        assert np.shares_memory(vectors.data, mapped)
        rows, _ = Flat(vectors).search(data[:20], 1)
        expected = by_definition(data[:20], data, metric).argmax(axis=1)
        assert rows[:, 0].tolist() == expected.tolist()


def test_rows_of_length_one_need_no_norms() -> None:
    data = np.float32([[1, 0], [0.6, 0.8], [0, -1]])
    assert Vectors.of(data, "cosine").inverse_norms is None
    again = Vectors.of(data * np.float32(2), "cosine").inverse_norms
    assert again is not None
    assert again.tolist() == [0.5, 0.5, 0.5]


@pytest.mark.parametrize("make", [Int8Codes.of, BinaryCodes.of, lambda v: PQCodes.of(v, 8, 4)])
@pytest.mark.parametrize("n_queries", [0, 1, 2, 3, 20])
def test_codes_are_ranked_by_their_own_scores(make: Any, n_queries: int) -> None:
    """Many blocks or one, few queries or many, filtered or not: the best of what blocks say."""
    rng = np.random.default_rng(1)
    data = rng.normal(size=(3000, 64)).astype(np.float32)
    queries = rng.normal(size=(n_queries, 64)).astype(np.float32)
    codes = make(Vectors.of(data, "l2"))
    scores = codes.block(codes.prepare(queries), 0, 3000)
    allow = rng.random(3000) < 0.3
    for mask in (None, allow):
        kept = scores if mask is None else np.where(mask, scores, -np.inf)
        rows, got = Flat(codes).search(queries, 10, mask)
        assert np.allclose(got, -np.sort(-kept, axis=1)[:, :10], rtol=1e-4)
        assert np.allclose(np.take_along_axis(kept, rows, axis=1), got, rtol=1e-4)


@pytest.mark.parametrize(
    ("data", "metric", "message"),
    [
        (np.zeros((2, 3), np.float32), "dot", "metric='dot': expected one of cosine, ip, l2, hamm"),
        (np.zeros((2, 3)), "l2", r"got float64 \(2, 3\); expected \(n, dim\) float32"),
        (np.zeros(3, np.float32), "l2", r"got float32 \(3,\); expected \(n, dim\) float32"),
        (np.zeros((2, 0), np.float32), "l2", r"got float32 \(2, 0\); expected"),
        (np.zeros((2, 3), np.float32), "hamming", r"got float32 \(2, 3\); expected .* uint8"),
    ],
)
def test_what_is_no_matrix_for_the_metric_is_refused(data: Any, metric: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        Vectors.of(data, metric)


def test_queries_of_another_width_are_refused() -> None:
    index = Flat(Vectors.of(np.zeros((2, 3), np.float32), "l2"))
    with pytest.raises(InputError, match=r"queries: shape \(1, 4\); expected \(Q, 3\)"):
        index.search(np.zeros((1, 4), np.float32), 1)
