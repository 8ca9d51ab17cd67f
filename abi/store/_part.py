"""What a collection is made of: parts, each with rows that are read in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from abi.index import HNSW, GrowingPostings, Postings, Vectors
from abi.kernels import NumpyKernels
from abi.store._ids import Id
from abi.store._pack import Array
from abi.store.filter import Filter
from abi.store.payload import Key

__all__ = ["Matrix", "Part", "View"]

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Matrix:
    """A vector of the rows of a part that have it.

    Parameters
    ----------
    data : (m, width) float32 or uint8
    rows : (m,) or None
        Row of each, ascending; None when all rows have one.
    inverse_norms : (m,) float32 or None
        Of "cosine", None where they are not known or all are one.
    """

    data: Array
    rows: Array | None
    inverse_norms: Array | None

    def vectors(self, metric: str, kernels: NumpyKernels) -> Vectors:
        """To be compared."""
        return Vectors(self.data, metric, self.inverse_norms, kernels)

    def places(self, rows: I64) -> I64:
        """Where in `data` the vectors of rows are, -1 where there is none."""
        if self.rows is None:
            return rows
        at = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[at] == rows, at, -1)


class Part(Protocol):
    """Rows of a collection, numbered from 0."""

    def __len__(self) -> int: ...

    def find(self, ids: Sequence[Id], view: View | None = None) -> I64:
        """The living row of each id, now or as a view has it; or -1."""

    def ids(self, rows: I64) -> list[Id]:
        """Ids of rows."""

    def payloads(self, rows: I64) -> list[bytes]:
        """Payloads of rows, as JSON; empty where there is none."""

    def texts(self, rows: I64) -> list[bytes]:
        """Texts of rows, UTF-8; empty where there is none."""

    def commits(self, rows: I64) -> tuple[U64, U64]:
        """Sequences and times of the commits that wrote rows."""

    def matching(self, filter: Filter, n: int) -> Bool:
        """Which of the first `n` rows match a filter."""

    def facet(self, path: tuple[str, ...], rows: Bool) -> Counter[Key]:
        """How many rows, of those in a mask, have each value at a path."""

    @property
    def postings(self) -> Postings | GrowingPostings | None:
        """Terms of the texts; None where there are no texts."""

    def index(self, name: str, kernels: NumpyKernels) -> HNSW | None:
        """The index of a vector, where there is one."""

    def matrix(self, name: str, n: int) -> Matrix | None:
        """A vector of the first `n` rows; None where none of the rows has one."""


@dataclass(frozen=True)
class View:
    """The first `n` rows of a part, of which `alive` are; it does not change any more."""

    part: Part
    n: int
    alive: Bool | None

    def living(self) -> I64:
        """Rows that are alive."""
        return np.arange(self.n) if self.alive is None else np.flatnonzero(self.alive)
