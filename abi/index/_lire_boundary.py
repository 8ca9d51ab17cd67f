"""Which rows another partition may be nearest to after splits, by the paper's two conditions.

Every row was in the partition with the nearest centroid before. After a split of A into A1 and A2,
(1) a row of A may belong elsewhere only if A's centroid was at least as near as those of A1 and A2;
(2) a row of another partition may belong to A1 or A2 only if one of them is at least as near as A's
centroid was. Both hold for splits made together.
"""

from __future__ import annotations

import itertools

import numpy as np
import numpy.typing as npt

from abi.index._lire_split import Splits
from abi.index._lire_state import State

__all__ = ["reassign"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


def reassign(state: State, splits: Splits) -> None:
    """Move the rows that splits left in a partition that is not nearest."""
    named = [np.empty(0, np.int64)]
    near = _near(state, splits)
    for part, rows in state.members(np.fromiter(near, np.int64)):
        which = near[part]
        for some in state.blocks(rows, 3 * len(which) + 1):
            named.append(some[_may_leave(state, splits, part, which, state.rows(some))])
    rows = np.concatenate(named)
    found = state.nearest(rows)
    state.counts["reassigned"] += int((found != state.labels[rows]).sum())
    state.labels[rows] = found


def _near(state: State, splits: Splits) -> dict[int, I64]:
    """Partitions around each split, its halves among them: for each, the splits it is near."""
    n = len(state.centroids)
    count = min(state.limits.reassign_range, n)
    centroids = state.centroids - state.origin
    lists = [splits.first, splits.second]
    whose = [np.arange(len(splits.first))] * 2
    for some in state.blocks(whose[0], n):
        scores = state.scores(splits.before[some] - state.origin, centroids)
        first = np.argpartition(-scores, count - 1, axis=1)[:, :count]
        lists.append(first.ravel())
        whose.append(np.repeat(some, count))
    part, which = np.concatenate(lists), np.concatenate(whose)
    pairs = np.unique(part * len(splits.first) + which)
    part, which = np.divmod(pairs, len(splits.first))
    bounds = [*np.flatnonzero(np.diff(part, prepend=-1)).tolist(), len(part)]
    return {int(part[a]): which[a:b] for a, b in itertools.pairwise(bounds)}


def _may_leave(
    state: State, splits: Splits, part: int, which: I64, rows: F32
) -> npt.NDArray[np.bool_]:
    """Rows of a partition that a condition names and, by (2), to which a half is nearer: `(n,)`."""
    first, second = splits.first[which], splits.second[which]
    halves = state.centroids[first], state.centroids[second]
    columns = np.concatenate([state.centroids[[part]], splits.before[which], *halves])
    scores = state.scores(rows, columns - state.origin)
    own, (before, one, other) = scores[:, :1], np.split(scores[:, 1:], 3, axis=1)
    halves_best = np.maximum(one, other)  # (n, splits)
    inside = (first == part) | (second == part)
    named = np.where(inside, before >= halves_best, halves_best >= before)
    state.counts["examined"] += len(rows)
    state.counts["named"] += int(named.any(axis=1).sum())
    found: npt.NDArray[np.bool_] = (named & (inside | (halves_best > own))).any(axis=1)
    return found
