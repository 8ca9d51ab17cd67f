"""Looks at partitions: a query alone partition by partition, many queries partition by partition
for all that look at it.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.index._int8 import Int8Codes
from abi.index._pq import PQCodes
from abi.index._protocol import Found, Mask, Scorer
from abi.index._vectors import Vectors
from abi.kernels import Look, Ranking

__all__ = ["Partitions", "probe"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_CANDIDATES = 1 << 23  # scores that are held at once
_RANKED = 1024  # queries whose scores of partitions are held at once
_SLACK = 16  # more candidates than wanted where products stand for differences


@dataclass(frozen=True)
class Partitions:
    """Rows in the order of their partitions; see `IVF`."""

    scorer: Scorer
    offsets: I64
    order: npt.NDArray[Any] | None

    def rows(self, places: I64) -> I64:
        """The caller's numbers of rows."""
        return places if self.order is None else self.order[places].astype(np.int64)


def probe(
    space: Partitions,
    prepared: Any,
    ranked: Ranking,
    nprobe: int,
    k: int,
    allow: Mask | None,
) -> tuple[Found, int]:
    """The k best rows, and how many were compared, of the partitions that each query ranks first.

    Parameters
    ----------
    space : Partitions
    prepared : (Q, width)
    ranked : Ranking
        Of the partitions.
    nprobe, k : int
    allow : (n,) bool, optional
        By place. More partitions are looked at while too few rows are allowed in them.
    """
    sizes = _sizes(space.offsets, allow)
    if isinstance(space.scorer, Vectors | PQCodes | Int8Codes):
        look = Look(ranked, space.offsets, sizes, nprobe, k, space.order, allow)
        found = space.scorer.look(prepared, look)
        if found is not None:
            return found[:2], int(found[2].sum())
    rows = np.full((len(prepared), k), -1, np.int64)
    scores = np.full((len(prepared), k), -np.inf, np.float32)
    lists: list[I64] = []
    for first in range(0, len(prepared), _RANKED):
        some = replace(ranked, queries=ranked.queries[first : first + _RANKED])
        lists += [_chosen(row, sizes, nprobe, k) for row in some.scores()]
    start = 0
    while start < len(lists):
        stop = _fitting(lists, space.offsets, start)
        _search(space, prepared, lists, (start, stop), allow, rows, scores)
        start = stop
    compared = sum(int((space.offsets[some + 1] - space.offsets[some]).sum()) for some in lists)
    return (rows, scores), compared


def _sizes(offsets: I64, allow: Mask | None) -> I64:
    """Rows of each partition that may be found."""
    if allow is None:
        return offsets[1:] - offsets[:-1]
    ends = np.concatenate(([0], np.cumsum(allow, dtype=np.int32)))
    found: I64 = ends[offsets[1:]] - ends[offsets[:-1]]
    return found


def _chosen(ranked: F32, sizes: I64, nprobe: int, k: int) -> I64:
    """Partitions to look at: nprobe, and as many more as k rows need."""
    n = len(ranked)
    if nprobe < n:
        first = np.argpartition(-ranked, nprobe)[:nprobe]
        if sizes[first].sum() >= min(k, sizes.sum()):
            return first[sizes[first] > 0]
    order = np.argsort(-ranked, kind="stable")
    enough = int(np.searchsorted(np.cumsum(sizes[order]), min(k, sizes.sum()))) + 1
    first = order[: max(min(nprobe, n), enough)]
    return first[sizes[first] > 0]


def _fitting(lists: list[I64], offsets: I64, start: int) -> int:
    """As many queries as have room together, one at least."""
    total, stop = 0, start
    while stop < len(lists):
        total += int((offsets[lists[stop] + 1] - offsets[lists[stop]]).sum())
        if total > _CANDIDATES and stop > start:
            break
        stop += 1
    return stop


def _search(
    space: Partitions,
    prepared: Any,
    lists: list[I64],
    span: tuple[int, int],
    allow: Mask | None,
    rows: I64,
    scores: F32,
) -> None:
    """The queries of a span, with their results put in their place."""
    start, stop = span
    offsets = space.offsets
    chosen = lists[start:stop]
    lengths = [offsets[some + 1] - offsets[some] for some in chosen]
    buffers = [np.empty(int(sizes.sum()), np.float32) for sizes in lengths]
    begins = [np.cumsum(sizes) - sizes for sizes in lengths]
    query = np.repeat(np.arange(len(chosen)), [len(some) for some in chosen])
    part = np.concatenate([np.empty(0, np.int64), *chosen])
    where = np.concatenate([np.empty(0, np.int64), *begins])
    order = np.argsort(part, kind="stable")
    bounds = [*np.flatnonzero(np.diff(part[order], prepend=-1)).tolist(), len(order)]
    for a, b in itertools.pairwise(bounds):
        same = order[a:b]
        first, last = int(offsets[part[same[0]]]), int(offsets[part[same[0]] + 1])
        asked = prepared[start + query[same]]
        block = space.scorer.block(asked, first, last)
        if allow is not None:
            block = np.where(allow[first:last], block, -np.inf)
        for line, (i, at) in zip(block, zip(query[same], where[same], strict=True), strict=True):
            buffers[i][at : at + last - first] = line
    for i, (buffer, some) in enumerate(zip(buffers, chosen, strict=True)):
        asked = prepared[start + i : start + i + 1]
        found = _best(space, asked, buffer, offsets[some], begins[i], scores.shape[1])
        rows[start + i, : len(found[0])], scores[start + i, : len(found[0])] = found


def _best(
    space: Partitions, asked: Any, found: F32, firsts: I64, begins: I64, k: int
) -> tuple[I64, F32]:
    """The best of a query's candidates, equal scores by the lower row."""
    rough = space.scorer.metric == "l2"
    count = k + _SLACK if rough else k
    kept = np.flatnonzero(found > -np.inf)
    if len(kept) > count:
        least = np.partition(found[kept], len(kept) - count)[len(kept) - count]
        kept = kept[found[kept] >= least]
    block = np.searchsorted(begins, kept, side="right") - 1
    places, scores = firsts[block] + kept - begins[block], found[kept]
    if rough:
        scores = space.scorer.pairs(asked, np.zeros(len(places), np.int64), places)
    names = space.rows(places)
    order = np.lexsort((names, -scores))[:k]
    return names[order], scores[order]
