"""A graph of some of its rows, renumbered: what a graph goes on as where its rows are moved."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.index._hnsw import HNSW
from abi.index._vectors import Vectors
from abi.kernels import ABSENT, Graph

__all__ = ["subset"]

I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]


def subset(index: HNSW, rows: I64, vectors: Vectors) -> HNSW:
    """An index of some rows of an index; the others are removed, and edges repaired.

    Parameters
    ----------
    index : HNSW
        It is not changed.
    rows : (m,) int64
        Ascending; row i of what is returned is `rows[i]`.
    vectors : Vectors
        Those of these rows.

    Raises
    ------
    InputError
        If a row is not in the index, or there are not as many vectors.

    Examples
    --------
    >>> points = Vectors.of(np.array([[0, 0], [1, 0], [0, 3]], np.float32), "l2")
    >>> index = subset(HNSW.build(points), np.array([0, 2]), points.take(np.array([0, 2])))
    >>> index.search(np.array([[0.0, 2.0]], np.float32), k=2)[0].tolist()
    [[1, 0]]
    """
    levels = index.graph.levels
    if len(vectors) != len(rows):
        raise InputError(f"{len(vectors)} vectors for {len(rows)} rows")
    if len(rows) and (rows[0] < 0 or rows[-1] >= len(levels) or np.any(rows[1:] <= rows[:-1])):
        raise InputError(f"rows: expected ascending ones of {len(levels)}")
    gone = np.ones(len(levels), np.bool_)
    gone[rows] = False
    settings = {"ef_construction": index.ef_construction, "ef": index.ef, "seed": index.seed}
    left = HNSW(index.vectors, index.graph, **settings, kernels=index.kernels)
    left.remove(np.flatnonzero(gone & (levels != ABSENT)))
    return HNSW(vectors, _renumbered(left.graph, rows), **settings, kernels=index.kernels)


def _renumbered(graph: Graph, rows: I64) -> Graph:
    """A graph whose every row is among some, with their places as numbers."""
    number = np.full(len(graph.levels) + 1, -1, np.int32)  # of -1 too, which is the last
    number[rows] = np.arange(len(rows))
    levels = graph.levels[rows]
    if np.any(levels == ABSENT):
        row = int(rows[levels == ABSENT][0])
        raise InputError(f"row {row} is not in the index")
    tall = levels.astype(np.intp)  # repeat takes no wider one
    ends = np.cumsum(tall)
    first = ends - tall
    nth = np.arange(int(tall.sum())) - np.repeat(first, tall)
    places = np.repeat(graph.upper_start[rows].astype(np.int64), tall) + nth
    return Graph(
        levels=levels,
        links=number[graph.links[rows]],
        upper=number[graph.upper[places]],
        upper_start=np.where(tall > 0, first, -1).astype(np.int32),
        entry=int(number[graph.entry]),
    )
