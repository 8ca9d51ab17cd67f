"""Rows of several parts in one order: what a new segment is written from."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from abi.store._ids import Id
from abi.store._pack import Array
from abi.store._part import Matrix, Rows

__all__ = ["Selection"]

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
T = TypeVar("T")

_CHUNK_BYTES = 4 << 20


@dataclass(frozen=True)
class Selection:
    """Rows of parts.

    Parameters
    ----------
    parts : list of Rows
    part : (n,) int64
        Which of the parts each row is of.
    row : (n,) int64
        Its row there.
    """

    parts: Sequence[Rows]
    part: I64
    row: I64

    @classmethod
    def of(cls, chosen: Sequence[tuple[Rows, I64]]) -> Selection:
        """Some rows of each part, one part after another."""
        lengths = [len(rows) for _, rows in chosen]
        rows = [rows for _, rows in chosen]
        return cls(
            [part for part, _ in chosen],
            np.repeat(np.arange(len(chosen)), lengths),
            np.concatenate([np.empty(0, np.int64), *rows]),
        )

    def __len__(self) -> int:
        return len(self.row)

    def take(self, places: I64 | slice) -> Selection:
        """The rows at some places of it."""
        return Selection(self.parts, self.part[places], self.row[places])

    def ids(self) -> list[Id]:
        """Ids of all rows."""
        return self._gather(lambda part, rows: part.ids(rows))

    def payloads(self) -> list[bytes]:
        """Payloads of all rows, as JSON; empty where there is none."""
        return self._gather(lambda part, rows: part.payloads(rows))

    def texts(self) -> list[bytes]:
        """Texts of all rows, UTF-8; empty where there is none."""
        return self._gather(lambda part, rows: part.texts(rows))

    def commits(self) -> tuple[U64, U64]:
        """Sequences and times of the commits that wrote the rows."""
        sequences, times = np.empty(len(self), np.uint64), np.empty(len(self), np.uint64)
        for number, part in enumerate(self.parts):
            at = self._places(number)
            sequences[at], times[at] = part.commits(self.row[at])
        return sequences, times

    def places_of(self, part: int) -> I64:
        """For each row of a part its place here, -1 for one that is not."""
        found = np.full(len(self.parts[part]), -1, np.int64)
        at = self._places(part)
        found[self.row[at]] = at
        return found

    def with_vector(self, name: str) -> I64:
        """Places of the rows that have a vector."""
        found = np.zeros(len(self), np.bool_)
        for number, matrix in enumerate(self._matrices(name)):
            at = self._places(number)
            found[at] = matrix is not None and matrix.places(self.row[at]) >= 0
        return np.flatnonzero(found)

    def vectors(self, name: str, width: int, dtype: str) -> Iterator[Array]:
        """A vector of all rows, which must have it, in chunks of some MiB."""
        step = max(1, _CHUNK_BYTES // (width * np.dtype(dtype).itemsize))
        matrices = self._matrices(name)
        for start in range(0, len(self), step):
            some = self.take(slice(start, start + step))
            out = np.empty((len(some), width), dtype)
            for number, matrix in enumerate(matrices):
                at = some._places(number)
                if matrix is not None and len(at):
                    out[at] = matrix.data[matrix.places(some.row[at])]
            yield out

    def _matrices(self, name: str) -> list[Matrix | None]:
        return [part.matrix(name, len(part)) for part in self.parts]

    def _places(self, number: int) -> I64:
        return np.flatnonzero(self.part == number)

    def _gather(self, read: Callable[[Rows, I64], list[T]]) -> list[T]:
        found: dict[int, T] = {}
        for number, part in enumerate(self.parts):
            at = self._places(number)
            found.update(zip(at.tolist(), read(part, self.row[at]), strict=True))
        return [found[i] for i in range(len(self))]
