"""Splitting and merging partitions.

A partition is split by 2-means whose halves are kept from differing much while they are learnt
(SPANN, arXiv 2111.08566, balances its clusters for the same reason); in the end each row goes to
the nearer. Rows of a merged partition go each to the nearest that is left.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abi.index._kmeans import kmeans, normed
from abi.index._lire_state import State

__all__ = ["Splits", "merge_small", "split_large"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_SAMPLE = 4096  # rows that halves are learnt from
_TURNS = 4  # of halving and taking means
_TRIALS = 4  # of leaving out rows that lie far away


@dataclass(frozen=True)
class Splits:
    """Splits made together: the centroid before, and the partitions that its two halves are."""

    before: F32  # (S, dim)
    first: I64  # (S,) in the place of what was split
    second: I64  # (S,)


def split_large(state: State) -> Splits | None:
    """Split every partition above the limit in two; None where there is none.

    There are never more partitions than rows, so that splitting ends whatever the rows are.
    """
    large = np.flatnonzero(state.sizes() > state.limits.split_limit)
    room = int((state.labels >= 0).sum()) - len(state.centroids)
    large = large[: max(0, room)]
    if not len(large):
        return None
    second = np.arange(len(large)) + len(state.centroids)
    splits = Splits(state.centroids[large], large, second)
    added = np.empty_like(splits.before)
    for i, (part, rows) in enumerate(state.members(large)):
        pair, others = _halved(state, rows)
        state.centroids[part], added[i] = pair
        state.labels[rows[others]] = second[i]
    state.centroids = np.concatenate([state.centroids, added])
    state.counts["splits"] += len(large)
    return splits


def merge_small(state: State) -> None:
    """Dissolve partitions below the threshold, the smallest first, as long as one is left."""
    sizes, least = state.sizes(), state.limits.merge_threshold
    small = np.flatnonzero(sizes < least)
    held = {part: [rows] for part, rows in state.members(small)}
    closed = np.zeros(len(sizes), np.bool_)
    for part in small[np.argsort(sizes[small], kind="stable")].tolist():
        if sizes[part] >= least or closed.sum() == len(closed) - 1:
            continue
        closed[part] = True
        rows = np.concatenate([np.empty(0, np.int64), *held.get(part, [])])
        found = state.nearest(rows, closed)
        state.labels[rows] = found
        np.add.at(sizes, found, 1)
        for other in np.unique(found).tolist():
            held.setdefault(other, []).append(rows[found == other])
        state.counts["reassigned"] += len(rows)
    state.counts["merges"] += int(closed.sum())
    numbers = np.append(np.cumsum(~closed) - 1, -1).astype(np.int32)
    state.centroids, state.labels = state.centroids[~closed], numbers[state.labels]


def _halved(state: State, rows: I64) -> tuple[F32, npt.NDArray[np.bool_]]:
    """Two centroids for the rows of a partition, and which rows are the second's.

    Rows far from all others would be a half of their own, to be merged again: halves are then
    learnt from the rest. Where all are equal, they are dealt out to two equal centroids.
    """
    sample = rows
    if len(rows) > _SAMPLE:
        sample = np.sort(state.rng.choice(rows, _SAMPLE, replace=False))
    some = state.rows(sample)
    for _ in range(_TRIALS):
        pair = _learnt(state, some)
        lean = [_lean(state, state.rows(part), pair) for part in state.blocks(rows, 2)]
        others = np.concatenate(lean) < 0
        few = min(int(others.sum()), len(rows) - int(others.sum()))
        if few >= max(1, state.limits.merge_threshold):
            return pair + state.origin, others
        side = _lean(state, some, pair) < 0
        most = side == (2 * side.sum() > len(side))
        if most.all() or most.sum() < 2:
            break
        some = some[most]
    mean = normed(some.mean(axis=0, keepdims=True), state.metric)
    others = np.zeros(len(rows), np.bool_)
    others[len(rows) // 2 :] = True
    return np.repeat(mean, 2, axis=0) + state.origin, others


def _learnt(state: State, some: F32) -> F32:
    """Means of two halves, neither of which has less than a third of the rows: `(2, dim)`."""
    seed, kernels = int(state.rng.integers(1 << 31)), state.vectors.kernels
    pair = kmeans(some, 2, state.metric, iterations=2, seed=seed, kernels=kernels)
    third = len(some) // 3
    for _ in range(_TURNS):
        lean = _lean(state, some, pair)
        cut = min(max(int((lean < 0).sum()), third, 1), len(some) - max(third, 1))
        order = np.argsort(lean, kind="stable")
        halves = some[order[cut:]].mean(axis=0), some[order[:cut]].mean(axis=0)
        pair = normed(np.stack(halves), state.metric)
    return pair


def _lean(state: State, rows: F32, pair: F32) -> F32:
    """How much nearer each row is to the first of two centroids."""
    scores = state.scores(rows, pair)
    found: F32 = scores[:, 0] - scores[:, 1]
    return found
