"""The graph of a segment that was merged into another, from which that one's graph goes on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import AbiError
from abi.index import HNSW, Vectors, subset

__all__ = ["Before"]


@dataclass(frozen=True)
class Before:
    """A graph of other rows, some of which were written first into a segment.

    Parameters
    ----------
    arrays : mapping of str to array
        Of the index file.
    vectors : Vectors
        Those that it is of.
    places : (m,) int64
        Which of them are the first of the segment, ascending.
    """

    arrays: Mapping[str, npt.NDArray[Any]]
    vectors: Vectors
    places: npt.NDArray[np.int64]

    def graph(self, vectors: Vectors) -> HNSW | None:
        """A graph of the first of some vectors; None where it is damaged."""
        try:
            arrays = {k[6:]: a for k, a in self.arrays.items() if k.startswith("graph/")}
            index = HNSW.from_arrays(arrays, self.vectors, vectors.kernels)
            return subset(index, self.places, vectors.first(len(self.places)))
        except AbiError:
            return None
