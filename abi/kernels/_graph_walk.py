"""Walks over an HNSW graph: all queries of a batch take their steps together.

Follows algorithms 2 and 5 of Malkov and Yashunin (arXiv 1603.09320), with two changes that
cost no recall and save calls: a step expands the best few of a beam instead of one, and does so
for every query at once. A beam is a sorted row of 64-bit keys: the score, made to sort best
first, then the row, then whether it was expanded.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abi.kernels._graph_space import Scoring
from abi.kernels._graph_types import Graph

__all__ = ["EMPTY", "descend", "keys_of", "merge", "scores_of", "walk"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

EMPTY = np.iinfo(np.int64).max  # sorts last, and counts as expanded
_ROW = (1 << 31) - 1
_MARKS = 1 << 25  # bytes of marks of rows met that a group of queries may take
_BRIDGES = 32  # rows outside a filter that a walk keeps to cross them
_SEEDS = 32  # allowed rows, evenly spread, that a filtered walk also starts from
_WIDEST, _SHARE = 16, 16  # rows expanded in a step: a share of the beam, and the most


def keys_of(scores: F32, rows: npt.NDArray[np.integer]) -> I64:
    """Scores and rows as keys that sort best first, equal scores by lower row."""
    bits = (scores + np.float32(0)).view(np.int32)  # no -0
    order = bits ^ ((bits >> 31) & _ROW)
    keys: I64 = np.invert(order).astype(np.int64)
    keys <<= 32
    keys |= rows.astype(np.int64) << 1
    return keys


def scores_of(keys: I64) -> tuple[I64, F32]:
    """Rows and scores of keys; -1 and -inf where they are empty."""
    order = np.invert(keys >> 32).astype(np.int32)
    scores = (order ^ ((order >> 31) & _ROW)).view(np.float32)
    empty = keys == EMPTY
    rows = np.where(empty, -1, (keys >> 1) & _ROW)
    return rows, np.where(empty, np.float32(-np.inf), scores)


def walk(
    graph: Graph,
    score: Scoring,
    n_queries: int,
    ef: int,
    allow: Mask | None = None,
    budget: int | None = None,
) -> tuple[I64, I64]:
    """The beam that each query ends with, and how many vectors it compared: `(Q, ef)`, `(Q,)`.

    `budget` ends a query's walk once it compared that many.
    """
    beams = np.full((n_queries, ef), EMPTY, np.int64)
    scored = np.zeros(n_queries, np.int64)
    if graph.entry < 0:
        return beams, scored
    group = max(1, _MARKS // max(1, len(graph.levels)))
    for start in range(0, n_queries, group):
        queries = np.arange(start, min(n_queries, start + group), dtype=np.int64)
        walker = _Walker(graph, score, queries, ef, allow, budget)
        beams[queries], scored[queries] = walker.run()
    return beams, scored


def descend(graph: Graph, score: Scoring, queries: I64) -> tuple[I64, F32, I64]:
    """The row from which each query enters layer 0, its score, and how many were compared."""
    rows = np.full(len(queries), graph.entry, np.int64)
    best = score(queries, rows)
    compared = np.ones(len(queries), np.int64)
    for layer in range(int(graph.levels[graph.entry]), 0, -1):
        moving = np.arange(len(queries))
        while moving.size:
            lists = graph.upper.take(graph.upper_start[rows[moving]] + (layer - 1), axis=0)
            valid = lists >= 0
            compared[moving] += valid.sum(axis=1)
            which = np.broadcast_to(queries[moving][:, None], lists.shape)[valid]
            found = np.full(lists.shape, -np.inf, np.float32)
            found[valid] = score(which, lists[valid].astype(np.int64))
            each, at = np.arange(len(moving)), found.argmax(axis=1)
            better = found[each, at] > best[moving]
            moving, each, at = moving[better], each[better], at[better]
            rows[moving], best[moving] = lists[each, at], found[each, at]
    return rows, best, compared


@dataclass
class _Walker:
    """The walk of a group of queries over layer 0."""

    graph: Graph
    score: Scoring
    queries: I64
    ef: int
    allow: Mask | None
    budget: int | None

    def __post_init__(self) -> None:
        self.stride = len(self.graph.levels) + 1
        count = len(self.queries)
        # Rows that a query has met are marked; before its first is the place of the padding -1.
        self.base = np.arange(count, dtype=np.int64) * self.stride + 1
        self.met = np.zeros(count * self.stride, np.bool_)
        self.met[self.base - 1] = True
        self.beams = np.full((count, self.ef), EMPTY, np.int64)
        self.bridges = np.full((count, _BRIDGES), EMPTY, np.int64)
        self.scored = np.zeros(count, np.int64)
        self.width = min(_WIDEST, max(1, self.ef // _SHARE))

    def run(self) -> tuple[I64, I64]:
        active = self._start()
        while active.size:
            if self.budget is not None:
                active = active[self.scored[active] < self.budget]
            which, rows = self._choose(active)
            going = np.zeros(len(active), np.bool_)
            going[which] = True
            owners = active[which]
            active = active[going]
            if active.size:
                self._step(owners, rows)
        return self.beams, self.scored

    def _start(self) -> I64:
        """Put each query's first rows into its beam; the queries, which all have steps to take."""
        active = np.arange(len(self.queries), dtype=np.int64)
        rows, scores, self.scored[:] = descend(self.graph, self.score, self.queries)
        self.met[self.base + rows] = True
        keys = keys_of(scores, rows)
        if self.allow is None:
            self.beams[:, 0] = keys
            return active
        inside = self.allow[rows]
        self.beams[inside, 0] = keys[inside]
        self.bridges[~inside, 0] = keys[~inside]
        seeds = np.flatnonzero(self.allow)
        seeds = seeds[:: max(1, len(seeds) // _SEEDS)]
        lists = np.broadcast_to(seeds, (len(active), len(seeds)))
        self._enter(self.beams, *self._unmet(lists, active))
        return active

    def _choose(self, active: I64) -> tuple[I64, I64]:
        """The next rows to expand, best first, marked as expanded; by place in `active`.

        With a filter also bridges, where they are nearer than the last of the beam.
        """
        both = self.beams[active]
        fresh = (both & 1) == 0
        chosen = fresh & (np.cumsum(fresh, axis=1) <= self.width)
        if self.allow is not None:
            crossing = self.bridges[active]
            worth = ((crossing & 1) == 0) & (crossing < both[:, -1:])
            worth &= np.cumsum(worth, axis=1) <= self.width
            both = np.concatenate((both, crossing), axis=1)
            chosen = np.concatenate((chosen, worth), axis=1)
        which, column = np.nonzero(chosen)
        keys = both[which, column]
        both[which, column] = keys | 1
        self.beams[active] = both[:, : self.ef]
        if self.allow is not None:
            self.bridges[active] = both[:, self.ef :]
        return which, keys >> 1 & _ROW

    def _step(self, owners: I64, rows: I64) -> None:
        """Expand rows for the queries that own them."""
        queries, found = self._unmet(self.graph.links.take(rows, axis=0), owners)
        if self.allow is None:
            self._enter(self.beams, queries, found)
        else:
            self._look_through(queries, found, self.allow)

    def _look_through(self, queries: I64, rows: I64, allow: Mask) -> None:
        """Enter allowed neighbours, and allowed neighbours of the others (ACORN-1)."""
        inside = allow[rows]
        between = queries[~inside]
        lists = self.graph.links.take(rows[~inside], axis=0)
        others = (lists >= 0) & ~allow[lists]
        far_queries, far_rows = self._unmet(np.where(others, -1, lists), between)
        queries = np.concatenate((queries[inside], far_queries))
        order = np.argsort(queries, kind="stable")
        queries, rows = queries[order], np.concatenate((rows[inside], far_rows))[order]
        self._enter(self.beams, queries, rows)
        poor = _counts(queries, len(self.beams)) < self.graph.M
        held = poor[between]
        if held.any():
            lists = np.where(others[held], lists[held], -1)
            self._enter(self.bridges, *self._unmet(lists, between[held], _BRIDGES))

    def _unmet(self, lists: npt.NDArray[np.integer], owners: I64, most: int = 0) -> tuple[I64, I64]:
        """Queries, and rows of their lists that they had not met and now have, in this order.

        At most `most` rows a query, if given, at an even stride.
        """
        slots = (lists + self.base[owners][:, None]).ravel()
        slots = slots[~self.met.take(slots)]
        slots.sort()
        first = np.ones(len(slots), np.bool_)
        np.not_equal(slots[1:], slots[:-1], out=first[1:])
        slots = slots[first]
        queries = slots // self.stride
        if most and slots.size:
            kept = _stride(queries, most)
            slots, queries = slots[kept], queries[kept]
        self.met[slots] = True
        return queries, slots - self.base[queries]

    def _enter(self, beams: I64, queries: I64, rows: I64) -> None:
        """Score rows and put the best into their queries' beams."""
        self.scored += _counts(queries, len(beams))
        keys = keys_of(self.score(self.queries[queries], rows), rows)
        better = keys < beams[queries, -1]
        merge(beams, queries[better], keys[better])


def merge(beams: I64, queries: I64, keys: I64) -> None:
    """Put keys into the sorted beams of their queries, whose numbers ascend."""
    ef = beams.shape[1]
    if len(beams) == 1:
        one = np.concatenate((beams[0], keys))
        one.sort()
        beams[0] = one[:ef]
        return
    counts = _counts(queries, len(beams))
    touched = np.flatnonzero(counts)
    counts = counts[touched]
    starts = np.cumsum(counts) - counts
    place = np.repeat(np.arange(len(touched)), counts)
    wide = np.full((len(touched), ef + int(counts.max(initial=0))), EMPTY, np.int64)
    wide[:, :ef] = beams[touched]
    wide[place, ef + np.arange(len(keys)) - starts[place]] = keys
    wide.sort(axis=1)
    beams[touched] = wide[:, :ef]


def _counts(groups: I64, least: int) -> npt.NDArray[np.intp]:
    """Members of each group; NumPy of 32 bits counts only what is of its own width."""
    return np.bincount(groups.astype(np.intp, copy=False), minlength=least)


def _stride(groups: I64, most: int) -> Mask:
    """Which of the members of groups, whose numbers ascend, to take: at most so many of each."""
    counts = _counts(groups, 0)
    starts = np.cumsum(counts) - counts
    place = np.arange(len(groups)) - starts[groups]
    taken: Mask = place % -(-counts // most)[groups] == 0
    return taken
