"""Keeping an HNSW graph whole: edges repaired where rows are removed, no row out of reach.

A removed row's neighbours are linked anew, by the heuristic, to what they still have and to the
neighbours of what they lost (as hnswlib's updates repair connections). Rows that no walk from
the entry would reach on layer 0 are linked from the nearest that one does.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abi.index._vectors import Vectors
from abi.kernels import ABSENT, Graph, NumpyKernels

__all__ = ["connect", "reached", "unlink"]

I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]

_BLOCK = 1024  # rows whose candidates are gathered at a time
_NEAR = 64  # beam with which a row out of reach looks for those in reach


def unlink(graph: Graph, rows: I64, vectors: Vectors, kernels: NumpyKernels) -> Graph:
    """A copy of a graph without these rows."""
    gone = np.zeros(len(graph.levels), np.bool_)
    gone[rows] = True
    levels = np.where(gone, np.uint8(ABSENT), graph.levels)
    links = graph.links.copy()
    links[rows] = -1
    left = np.flatnonzero(levels != ABSENT)
    relink = _Relink(gone, vectors, kernels)
    relink(links, graph.links, left, np.arange(len(levels)))
    upper = graph.upper.copy()
    for layer in range(1, _top(levels) + 1):
        left = np.flatnonzero((levels != ABSENT) & (levels >= layer))
        places = graph.upper_start.astype(np.int64) + (layer - 1)
        relink(upper, graph.upper, left, places)
    start = np.where(gone, np.int32(-1), graph.upper_start)
    entry = graph.entry
    if entry >= 0 and gone[entry]:
        entry = int(np.where(levels == ABSENT, -1, levels.astype(np.int16)).argmax())
        entry = -1 if levels[entry] == ABSENT else entry
    return Graph(levels, links, upper, start, entry)


def _top(levels: npt.NDArray[np.uint8]) -> int:
    return int(levels[levels != ABSENT].max(initial=0))


@dataclass(frozen=True)
class _Relink:
    """Chooses the neighbours anew of rows whose lists held rows that are gone."""

    gone: Mask
    vectors: Vectors
    kernels: NumpyKernels

    def __call__(self, new: I32, old: I32, rows: I64, place: I64) -> None:
        """Of these rows on one layer, whose lists are in `old` at `place[row]`, into `new`."""
        hurt = rows[_lost(old[place[rows]], self.gone).any(axis=1)]
        for start in range(0, len(hurt), _BLOCK):
            part = hurt[start : start + _BLOCK]
            candidates = self._candidates(old, part, place)
            new[place[part]] = self.kernels.hnsw_neighbours(
                part,
                candidates,
                old.shape[1],
                self.vectors.data,
                self.vectors.metric,
                self.vectors.inverse_norms,
            )

    def _candidates(self, old: I32, rows: I64, place: I64) -> I64:
        """What each row still has, and the neighbours of what it lost."""
        lists = old[place[rows]].astype(np.int64)
        lost = _lost(lists, self.gone)
        which, column = np.nonzero(lost)
        counts = np.bincount(which, minlength=len(rows))
        nth = np.arange(len(which)) - (np.cumsum(counts) - counts)[which]
        wide = np.full((len(rows), 1 + int(counts.max()), old.shape[1]), -1, np.int64)
        wide[:, 0] = np.where(lost, -1, lists)
        wide[which, 1 + nth] = old[place[lists[which, column]]]
        return _distinct(wide.reshape(len(rows), -1), rows, self.gone)


def _lost(lists: npt.NDArray[np.integer], gone: Mask) -> Mask:
    found: Mask = (lists >= 0) & gone[lists]
    return found


def _distinct(candidates: I64, points: I64, gone: Mask) -> I64:
    """Candidates without those gone, the point itself and repetitions, which become -1."""
    bad = gone[candidates] | (candidates == points[:, None])
    candidates = np.sort(np.where(bad, -1, candidates), axis=1)
    candidates[:, 1:][candidates[:, 1:] == candidates[:, :-1]] = -1
    return candidates


def reached(graph: Graph) -> Mask:
    """Which rows a walk over layer 0 can reach from the entry: `(n,)`."""
    seen = np.zeros(len(graph.levels), np.bool_)
    if graph.entry >= 0:
        _spread(graph.links, seen, graph.entry)
    return seen


def _spread(links: I32, seen: Mask, row: int) -> None:
    """Mark a row and all that can be reached from it (breadth first)."""
    seen[row] = True
    frontier: npt.NDArray[np.integer] = np.array([row])
    while frontier.size:
        lists = links[frontier].ravel()
        lists = lists[lists >= 0]
        frontier = np.unique(lists[~seen[lists]])
        seen[frontier] = True


def connect(graph: Graph, vectors: Vectors, kernels: NumpyKernels) -> int:
    """Link, in place, every row of a graph that cannot be reached; how many there were."""
    seen = reached(graph)
    lost = np.flatnonzero((graph.levels != ABSENT) & ~seen)
    if not lost.size:
        return 0
    data, norms = vectors.data, vectors.inverse_norms
    found, _, _ = kernels.hnsw_search(graph, data[lost], data, vectors.metric, _NEAR, _NEAR, norms)
    for row, near in zip(lost.tolist(), found, strict=True):
        if not seen[row]:
            near = near[(near >= 0) & seen[near]]  # a walk's higher layers may lead elsewhere
            _attach(graph.links, near if near.size else np.array([graph.entry]), row)
            _spread(graph.links, seen, row)
    return len(lost)


def _attach(links: I32, near: I64, row: int) -> None:
    """Link a row from the nearest reached one with room, else in the midst of an edge.

    A reached row without room gives its last edge up to the new one, which takes it over: what
    was reached by that edge still is.
    """
    room = near[links[near, -1] < 0]
    if room.size:
        held = links[room[0]]
        held[np.argmax(held < 0)] = row
        return
    last = int(links[near[0], -1])
    links[near[0], -1] = row
    if last not in links[row]:
        free = int(np.argmax(links[row] < 0)) if links[row, -1] < 0 else -1
        links[row, free] = last
