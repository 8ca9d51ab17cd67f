"""What a collection is made of: parts, each with rows that are read in the same way."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

from abi.index import GrowingPostings, Postings, Vectors
from abi.kernels import NumpyKernels
from abi.store._ids import Id
from abi.store._pack import Array
from abi.store.filter import Filter
from abi.store.payload import Columns, Key

if TYPE_CHECKING:
    from abi.store.indexes import Opened

__all__ = ["Matrix", "Part", "Rows", "View"]

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
        Row of each; None when all rows have one, in their order.
    inverse_norms : (m,) float32 or None
        Of "cosine", None where they are not known or all are one.
    ascending : bool
        Whether `rows` are; otherwise they lie in the order of partitions, and are of `n_rows`.
    """

    data: Array
    rows: Array | None
    inverse_norms: Array | None
    ascending: bool = True
    n_rows: int = 0

    def vectors(self, metric: str, kernels: NumpyKernels) -> Vectors:
        """To be compared."""
        return Vectors(self.data, metric, self.inverse_norms, kernels)

    def places(self, rows: I64) -> I64:
        """Where in `data` the vectors of rows are, -1 where there is none."""
        if self.rows is None:
            return rows
        if not self.ascending:
            return self._places[rows]
        at = np.minimum(np.searchsorted(self.rows, rows), len(self.rows) - 1)
        return np.where(self.rows[at] == rows, at, -1)

    @cached_property
    def _places(self) -> I64:
        """The place of each row's vector, up to the last that has one."""
        assert self.rows is not None
        found = np.full(self.n_rows, -1, np.int64)
        found[self.rows] = np.arange(len(self.rows))
        return found


class Rows(Protocol):
    """Rows that are numbered from 0, to be written into a segment."""

    def __len__(self) -> int: ...

    def ids(self, rows: I64) -> list[Id]:
        """Ids of rows."""

    def payloads(self, rows: I64) -> list[bytes]:
        """Payloads of rows, as JSON; empty where there is none."""

    def texts(self, rows: I64) -> list[bytes]:
        """Texts of rows, UTF-8; empty where there is none."""

    def commits(self, rows: I64) -> tuple[U64, U64]:
        """Sequences and times of the commits that wrote rows."""

    @property
    def columns(self) -> Columns | None:
        """Columns of all its payloads; None where they are not complete."""

    @property
    def postings(self) -> Postings | GrowingPostings | None:
        """Terms of the texts; None where there are no texts."""

    def partitions(self, name: str) -> tuple[Array, Array] | None:
        """Centroids and offsets of the partitions in whose order a vector lies, if it does."""

    def matrix(self, name: str, n: int) -> Matrix | None:
        """A vector of the first `n` rows; None where none of the rows has one."""


class Part(Rows, Protocol):
    """Rows of a collection that can be searched."""

    def find(self, ids: Sequence[Id], view: View | None = None) -> I64:
        """The living row of each id, now or as a view has it; or -1."""

    def matching(self, filter: Filter, n: int) -> Bool:
        """Which of the first `n` rows match a filter."""

    def facet(self, path: tuple[str, ...], rows: Bool) -> Counter[Key]:
        """How many rows, of those in a mask, have each value at a path."""

    def index(self, name: str, kernels: NumpyKernels) -> Opened | None:
        """The index of a vector, where there is one."""


@dataclass(frozen=True)
class View:
    """The first `n` rows of a part, of which `alive` are; it does not change any more."""

    part: Part
    n: int
    alive: Bool | None

    def living(self) -> I64:
        """Rows that are alive."""
        return np.arange(self.n) if self.alive is None else np.flatnonzero(self.alive)
