"""The conformance suite's part about search: scores, the best rows, the scan, codes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.kernels._check import SIZES, Check, compare, normal
from abi.kernels._search import SearchKernels

__all__ = ["check_search"]

F64 = npt.NDArray[np.float64]

_METRICS = ("cosine", "ip", "l2", "hamming")


def check_search(kernels: SearchKernels, rng: np.random.Generator) -> Iterator[Check]:
    """Every search kernel, for few and many queries, widths that are odd, and gaps in memory."""
    for metric in _METRICS:
        for n in SIZES:
            for n_queries, width in ((1, 1), (3, 33), (66, 8)):
                label = f"{metric} n={n} Q={n_queries} width={width}"
                yield from _scans(kernels, rng, metric, (n_queries, n, width), label)
    yield from _codes(kernels, rng)


def _scans(
    kernels: SearchKernels,
    rng: np.random.Generator,
    metric: str,
    shape: tuple[int, int, int],
    label: str,
) -> Iterator[Check]:
    n_queries, n, width = shape
    queries = _rows(rng, metric, n_queries, 2 * width)[:, ::2]  # not contiguous
    vectors = _rows(rng, metric, 2 * n, width)[::2]
    norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
    inverse = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0).astype(np.float32)
    given = inverse if metric == "cosine" else None
    want = _scores(queries, vectors, metric)
    yield compare("distances", label, kernels.distances(queries, vectors, metric, given), want, 8)
    allow = rng.random(n) < 0.5
    for k in (1, 10):
        for mask in (None, allow):
            rows, scores = kernels.scan(queries, vectors, metric, k, given, mask)
            kept = want if mask is None else np.where(mask, want, -np.inf)
            yield _best("scan", f"{label} k={k}", kept, rows, scores)
    rows, scores = kernels.top_k(want.astype(np.float32), 5)
    yield _best("top_k", label, want.astype(np.float32).astype(np.float64), rows, scores)


def _best(kind: str, label: str, want: F64, rows: Any, scores: Any) -> Check:
    """Whether rows have the scores that they are given, and these are the best there are."""
    k = rows.shape[1]
    best = -np.sort(-want, axis=1)[:, :k]
    expected = np.full(rows.shape, -np.inf)
    expected[:, : best.shape[1]] = best
    there = np.isfinite(expected)
    if not np.array_equal(rows >= 0, there) or np.any(scores[:, 1:] > scores[:, :-1]):
        return Check(f"{kind} {label}: other rows than the best", np.inf, 0.0)
    own = np.take_along_axis(want, np.maximum(rows, 0), axis=1) if want.shape[1] else expected
    pairs = np.stack([own[there], scores[there]])
    return compare(kind, label, pairs, np.stack([expected[there]] * 2), 8)


def _codes(kernels: SearchKernels, rng: np.random.Generator) -> Iterator[Check]:
    for n in SIZES:
        tables = normal(rng, 3, 5, 16)
        codes = rng.integers(0, 16, (n, 5), np.uint8)
        want = sum(tables[:, j, codes[:, j]].astype(np.float64) for j in range(5))
        yield compare("adc", f"n={n}", kernels.adc(tables, codes), want)
        words = rng.integers(0, 1 << 63, (n + 2, 3), np.uint64)
        bits = np.unpackbits(words.view(np.uint8), axis=1)
        differing = (bits[:2, None] != bits[None, 2:]).sum(axis=2)
        got = kernels.popcount_distances(words[:2], words[2:])
        yield compare("popcount", f"n={n}", got, differing)
        if n:
            table, order = normal(rng, 9, 35), rng.integers(0, 9, n)
            starts = np.unique(np.append(0, rng.integers(0, n, 3)))
            parts = np.split(table.astype(np.float64)[order], starts[1:])
            want = np.stack([part.sum(axis=0) for part in parts])
            yield compare("sums", f"n={n}", kernels.sums(table, order, starts), want)
        for k in (1, 16, 35):  # small whole numbers: products are exact, and some are equal
            rows, near = (rng.integers(-2, 3, (m, 5)).astype(np.float32) for m in (n, k))
            off = rng.integers(0, 3, k).astype(np.float32) if k > 1 else None
            labels = (rows @ near.T - (0 if off is None else off)).argmax(axis=1)
            yield compare("nearest", f"n={n} k={k}", kernels.nearest(rows, near, off), labels)


def _rows(rng: np.random.Generator, metric: str, n: int, width: int) -> npt.NDArray[Any]:
    if metric == "hamming":
        return rng.integers(0, 256, (n, width), np.uint8)
    found = normal(rng, n, width)
    found[::7] = 0  # no direction
    return found


def _scores(queries: npt.NDArray[Any], vectors: npt.NDArray[Any], metric: str) -> F64:
    if metric == "hamming":
        a, b = np.unpackbits(queries, axis=1), np.unpackbits(vectors, axis=1)
        bits: F64 = (a[:, None] != b[None]).sum(axis=2, dtype=np.float64)
        return -bits
    x, y = queries.astype(np.float64), vectors.astype(np.float64)
    if metric == "l2":
        squares: F64 = ((x[:, None] - y[None]) ** 2).sum(axis=2)
        return -squares
    if metric == "cosine":
        x, y = (v / np.maximum(np.linalg.norm(v, axis=1, keepdims=True), 1e-30) for v in (x, y))
    products: F64 = np.einsum("qd,nd->qn", x, y)
    return products
