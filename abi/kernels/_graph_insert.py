"""Building an HNSW graph in blocks of points.

The graph is hnswlib's in kind (algorithm 1 of Malkov and Yashunin, arXiv 1603.09320): each point
is linked on each of its layers to neighbours chosen among those inserted before it. Candidates
come from one exact product of a block with all earlier points, or from a walk where the product
would cost more; links back are added for a block together.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from abi._platform import has_blas
from abi.kernels._graph_space import Space
from abi.kernels._graph_types import ABSENT, Graph
from abi.kernels._graph_walk import EMPTY, keys_of, merge, scores_of, walk

__all__ = ["candidates", "insert", "link"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]

_BLOCK = 512  # points inserted together, once the graph is several times as large
_COLUMNS = 4096  # earlier points in one product
_WALK_FROM = 2048  # earlier points below which a walk is never worth its calls


Candidates = Callable[[Graph, I64, int], I64]  # of the points of a block on a layer
Choose = Callable[[I64, I64, int], I32]  # of points with their candidates, so many neighbours


def insert(graph: Graph, first: int, stop: int, find: Candidates, choose: Choose) -> Graph:
    """Link rows `first` to `stop`, whose levels and places in `upper` are set."""
    end = first
    while end < stop:
        at, end = end, min(stop, end + min(_BLOCK, max(64, end // 8)))
        block = np.arange(at, end, dtype=np.int64)
        block = block[graph.levels[at:end] != ABSENT]
        if not block.size:
            continue
        top = int(graph.levels[block].max(initial=0))
        # All layers are searched before one is linked: else a walk comes from above to the
        # point itself, which leads nowhere yet.
        new = [block[graph.levels[block] >= layer] for layer in range(top + 1)]
        chosen = [choose(points, find(graph, points, i), graph.M) for i, points in enumerate(new)]
        for layer, points in enumerate(new):
            link(graph, layer, points, chosen[layer], choose)
        if graph.entry < 0 or top > graph.levels[graph.entry]:
            graph = replace(graph, entry=int(block[graph.levels[block].argmax()]))
    return graph


def candidates(graph: Graph, space: Space, block: I64, layer: int, ef: int) -> I64:
    """For each point of a block the ef nearest rows before it, as far as a walk finds them."""
    first = int(block[0])
    present = graph.levels[:first]
    earlier = np.flatnonzero((present >= layer) & (present != ABSENT))
    points = space.points(block)
    if layer == 0 and _walk_is_cheaper(len(earlier), points.shape[1], ef):
        keys, _ = walk(graph, space.scoring(space.vectors[block]), len(block), ef)
    else:
        keys = np.full((len(block), ef), EMPTY, np.int64)
        _nearest(keys, space, points, earlier)
    _among(keys, space, points, block)
    return scores_of(keys)[0]


def _walk_is_cheaper(rows: int, dim: int, ef: int) -> bool:
    """By nanoseconds a point, fitted to what tests/bench/hnsw_recall.py builds."""
    product = rows * (0.7 + (0.015 if has_blas() else 1.0) * dim)
    return rows > _WALK_FROM and product > (500 + 12 * ef) * (50 + 0.75 * dim)


def _nearest(keys: I64, space: Space, points: F32, rows: I64) -> None:
    """Merge into each point's keys the nearest among rows."""
    start, width = 0, keys.shape[1]
    while start < len(rows):
        part = rows[start : start + width]
        scores = _order(space, points, space.points(part))
        _keep(keys, scores, part)
        start, width = start + width, min(2 * width, _COLUMNS)


def _among(keys: I64, space: Space, points: F32, block: I64) -> None:
    """Merge into each point's keys the nearest of those before it in its own block."""
    scores = _order(space, points, points)
    scores[np.triu_indices(len(block))] = -np.inf
    _keep(keys, scores, block)


def _order(space: Space, points: F32, others: F32) -> F32:
    """Scores of others `(T, C)`, up to a summand of each point's own."""
    scores = points @ others.T
    if space.metric == "l2":
        scores *= 2
        scores -= np.vecdot(others, others)
    return scores


def _keep(keys: I64, scores: F32, rows: I64) -> None:
    bound = scores_of(keys[:, -1])[1]
    place = np.flatnonzero((scores > bound[:, None]).ravel())
    which, column = np.divmod(place, len(rows))
    merge(keys, which, keys_of(scores.ravel()[place], rows[column]))


def link(graph: Graph, layer: int, points: I64, chosen: I32, choose: Choose) -> None:
    """Write the lists of new points, and add each to the lists of those it chose."""
    width = chosen.shape[1]
    table, places = _lists(graph, layer, points)
    table[places, :width] = chosen
    real = chosen >= 0
    targets, sources = chosen[real].astype(np.int64), np.repeat(points, real.sum(axis=1))
    order = np.argsort(targets, kind="stable")
    targets, sources = targets[order], sources[order]
    rows, starts, counts = np.unique(targets, return_index=True, return_counts=True)
    if not rows.size:
        return
    table, places = _lists(graph, layer, rows)
    old = table[places]
    held = (old >= 0).sum(axis=1)
    limit = table.shape[1]
    wide = np.full((len(rows), limit + int(counts.max())), -1, np.int64)
    wide[:, :limit] = old
    each = np.repeat(np.arange(len(rows)), counts)
    wide[each, held[each] + np.arange(len(sources)) - starts[each]] = sources
    over = held + counts > limit
    table[places[~over]] = wide[~over, :limit]
    if over.any():
        table[places[over]] = choose(rows[over], wide[over], limit)


def _lists(graph: Graph, layer: int, rows: I64) -> tuple[I32, I64]:
    """The matrix that holds these rows' lists on a layer, and where."""
    if layer == 0:
        return graph.links, rows
    return graph.upper, graph.upper_start[rows].astype(np.int64) + (layer - 1)
