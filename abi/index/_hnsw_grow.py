"""Room for new rows in an HNSW graph: their levels, and empty lists.

Levels are drawn as hnswlib draws them, `floor(-ln(u) / ln(M))`, from a generator seeded with the
index's seed and the first new row, so that the same additions give the same graph.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from abi.kernels import Graph

__all__ = ["draw_levels", "empty", "grown"]

_TOP = 30  # levels above it have a chance below 1e-9 even for M = 2


def draw_levels(count: int, M: int, seed: int, first: int) -> npt.NDArray[np.uint8]:  # noqa: N803
    """The top layer of each of `count` rows from row `first` on."""
    uniform = 1 - np.random.default_rng((seed, first)).random(count)  # (0, 1]
    levels: npt.NDArray[np.uint8] = np.minimum(-np.log(uniform) / np.log(M), _TOP).astype(np.uint8)
    return levels


def empty(M: int) -> Graph:  # noqa: N803
    """A graph over no rows."""
    return Graph(
        levels=np.zeros(0, np.uint8),
        links=np.zeros((0, 2 * M), np.int32),
        upper=np.zeros((0, M), np.int32),
        upper_start=np.zeros(0, np.int32),
        entry=-1,
    )


def grown(graph: Graph, count: int, seed: int) -> Graph:
    """A copy of a graph with `count` more rows, not linked yet."""
    levels = draw_levels(count, graph.M, seed, len(graph.levels))
    tall = levels.astype(np.int64)
    first = len(graph.upper) + np.cumsum(tall) - tall
    start = np.where(tall > 0, first, -1).astype(np.int32)
    upper = np.full((int(tall.sum()), graph.M), -1, np.int32)
    links = np.full((count, 2 * graph.M), -1, np.int32)
    return Graph(
        levels=np.concatenate((graph.levels, levels)),
        links=np.concatenate((graph.links, links)),
        upper=np.concatenate((graph.upper, upper)),
        upper_start=np.concatenate((graph.upper_start, start)),
        entry=graph.entry,
    )
