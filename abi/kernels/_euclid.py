"""The exact search by Euclidean distance for many queries, with products doing most of the work.

2 <x, q> - |x|^2 - |q|^2 is fast, and loses the digits that |x|^2 takes. So it only rules out: a row
is dropped when even the best that rounding allows is worse than the worst of k others, and what
is left is compared by differences. Vectors far from zero are taken about a point among them,
where the bound is tight; without it the search would still be exact, and slow.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import numpy.typing as npt

from abi.kernels._top import Top

__all__ = ["about", "scan_l2"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_UNIT = 2.0**-24  # rounding of a float32
_FAR = 16  # times their squared spread that rows lie from zero to be worth moving
_PAIRS = 1 << 21  # numbers of differences at once


def scan_l2(
    queries: F32, vectors: F32, k: int, allow: Mask | None, spans: Iterable[tuple[int, int]]
) -> tuple[I64, F32]:
    """The k nearest rows of each query, and minus their squared distances: `(Q, k)` both."""
    top = Top(len(queries), k)
    found: list[tuple[I64, I64, F32]] = []
    for start, stop in spans:
        mask = None if allow is None else allow[start:stop]
        if mask is not None and not mask.any():
            continue
        worst, slack = _bounds(*about(queries, vectors[start:stop]))
        if mask is not None:
            worst[:, ~mask] = -np.inf
        top.add(worst, start)
        worst += slack  # now the best that each may be
        query, row = np.divmod(np.flatnonzero(worst >= top.least), stop - start)
        if mask is not None:
            query, row = query[mask[row]], row[mask[row]]
        found.append((query, row + start, worst[query, row]))
    empty = np.empty(0, np.int64)
    query = np.concatenate([empty, *(part[0] for part in found)])
    row = np.concatenate([empty, *(part[1] for part in found)])
    best = np.concatenate([np.empty(0, np.float32), *(part[2] for part in found)])
    kept = best >= top.least[query, 0]
    return _nearest(queries, vectors, query[kept], row[kept], k)


def about(queries: F32, block: F32) -> tuple[F32, F32]:
    """Queries and rows, less a point among the rows where they lie far from zero."""
    if not len(block):
        return queries, block
    three = block[[0, len(block) // 2, -1]]
    origin: F32 = np.sort(three, axis=0)[1]
    away = three - origin
    if np.vecdot(origin, origin) <= _FAR * np.vecdot(away, away).mean():
        return queries, block
    return queries - origin, block - origin


def _bounds(queries: F32, block: F32) -> tuple[F32, F32]:
    """The worst that each score may be, `(Q, rows)`, and how much better than that, `(Q, rows)`
    or what broadcasts to it: sums of products have an error of dim units of their terms at most.
    """
    share = np.float32(2 * (block.shape[1] + 16) * _UNIT)
    rows, asked = np.vecdot(block, block), np.vecdot(queries, queries)[:, None]
    worst: F32 = (2 * queries) @ block.T
    worst -= (1 + share) * rows
    worst -= (1 + share) * asked
    return worst, 2 * share * (rows + asked)


def _nearest(queries: F32, vectors: F32, query: I64, row: I64, k: int) -> tuple[I64, F32]:
    """The best k of pairs of a query and a row, by differences."""
    score = np.empty(len(row), np.float32)
    step = max(1, _PAIRS // vectors.shape[1])
    for start in range(0, len(row), step):
        some = slice(start, start + step)
        away = vectors[row[some]] - queries[query[some]]
        score[some] = -np.vecdot(away, away)
    order = np.lexsort((row, -score, query))
    query, row, score = query[order], row[order], score[order]
    place = np.arange(len(query)) - np.searchsorted(query, query)
    first = place < k
    rows = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    rows[query[first], place[first]] = row[first]
    scores[query[first], place[first]] = score[first]
    return rows, scores
