"""An HNSW graph in flat arrays: saved as they are, mapped back as they are.

A node of level l has a list of links on each layer from 0 to l. Layer 0 is a matrix; the lists
of a node's higher layers are consecutive rows of a second one. Lists end in -1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["ABSENT", "Graph"]

ABSENT = 255  # the level of a row that is not in the graph


@dataclass(frozen=True)
class Graph:
    """The arrays of a graph over n rows of vectors.

    Parameters
    ----------
    levels : (n,) uint8
        The top layer of each row; `ABSENT` for rows that are not in the graph.
    links : (n, 2 * M) int32
        Neighbours on layer 0, filled up with -1.
    upper : (rows, M) int32
        Neighbours on the layers above.
    upper_start : (n,) int32
        Where in `upper` a row's layer 1 is, its other layers following; -1 for level 0.
    entry : int
        The row a walk starts from, one of the highest level; -1 for an empty graph.
    """

    levels: npt.NDArray[np.uint8]
    links: npt.NDArray[np.int32]
    upper: npt.NDArray[np.int32]
    upper_start: npt.NDArray[np.int32]
    entry: int

    @property
    def M(self) -> int:  # noqa: N802 - hnswlib's name
        """Neighbours chosen for a new node, and the most on layers above 0."""
        width: int = self.links.shape[1]
        return width // 2
