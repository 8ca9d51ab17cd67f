"""Choosing neighbours: algorithm 4 of Malkov and Yashunin (arXiv 1603.09320), for many at once.

As hnswlib applies it: a candidate is taken unless it is nearer to one taken before it than to
the point itself, nothing rejected is kept, and lists shorter than the limit are kept whole.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from abi.kernels._graph_space import Space

__all__ = ["select_neighbours"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

_FLOATS = 1 << 18  # of candidates' vectors held at a time: 1 MiB, what the cache keeps


def select_neighbours(space: Space, points: I64, candidates: I64, limit: int) -> I32:
    """Neighbours of each point, nearest first: `(T,)` and `(T, C)` padded with -1 to `(T, limit)`.

    Candidates come in any order; a point is not among its own.
    """
    out = np.full((len(points), limit), -1, np.int32)
    width = max(1, space.vectors.shape[1] * (8 if space.metric == "hamming" else 1))
    counts = (candidates >= 0).sum(axis=1)
    order = np.argsort(counts, kind="stable")  # alike together: one long list widens few others
    start = 0
    while start < len(order):
        guess = max(1, int(counts[order[start]]))
        part = order[start : start + max(1, _FLOATS // (width * guess))]
        longest = max(1, int(counts[part[-1]]))
        part = part[: max(1, _FLOATS // (width * longest))]
        real = np.argsort(candidates[part] < 0, axis=1, kind="stable")[:, :longest]
        lists = np.take_along_axis(candidates[part], real, axis=1)
        out[part] = _select(space, points[part], lists, limit)
        start += len(part)
    return out


def _select(space: Space, points: I64, candidates: I64, limit: int) -> I32:
    near, vectors, squares = _measure(space, points, candidates)
    real = candidates >= 0
    near[~real] = -np.inf
    out = np.full((len(points), limit), -1, np.int32)
    few = real.sum(axis=1) < limit
    order = np.argsort(-near[few], axis=1, kind="stable")[:, :limit]
    out[few, : order.shape[1]] = np.take_along_axis(candidates[few], order, axis=1)
    real[few] = False
    _prune(out, candidates, real, near, vectors, squares)
    return out


def _measure(space: Space, points: I64, candidates: I64) -> tuple[F32, F32, F32 | None]:
    """Scores of candidates, their vectors and, for distances, squares, seen from their point."""
    centre = space.points(points)
    vectors = space.points(np.maximum(candidates, 0))
    if space.metric == "l2":  # from the point's own place, where differences are exact enough
        vectors -= centre[:, None, :]
        squares = np.vecdot(vectors, vectors)
        return -squares, vectors, squares
    return np.matmul(vectors, centre[:, :, None])[:, :, 0], vectors, None


def _prune(
    out: I32, candidates: I64, alive: Mask, near: F32, vectors: F32, squares: F32 | None
) -> None:
    """Fill `out` step by step, each step with the nearest candidate that none chosen hides."""
    rows = np.arange(len(out))
    for place in range(out.shape[1]):
        going: Mask = np.logical_or.reduce(alive, axis=1)
        if 2 * np.count_nonzero(going) < len(rows):  # copying what is left costs a step or so
            rows, alive, near, vectors = rows[going], alive[going], near[going], vectors[going]
            squares = None if squares is None else squares[going]
            going = np.ones(len(rows), np.bool_)
        if not rows.size:
            return
        each = np.arange(len(rows))
        pick = np.where(alive, near, -np.inf).argmax(axis=1)
        out[rows[going], place] = candidates[rows, pick][going]
        between = np.matmul(vectors, vectors[each, pick][:, :, None])[:, :, 0]
        if squares is not None:
            between = 2 * between - squares - squares[each, pick][:, None]
        alive &= between <= near
        alive[each, pick] = False
