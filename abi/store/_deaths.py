"""Which rows of a part are alive, and since when the others are not."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.store._pack import Array

__all__ = ["Deaths"]

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]
Bool = npt.NDArray[np.bool_]


class Deaths:
    """Deletions of rows, with the commit of each.

    The mask that `alive` gives is not changed afterwards: a later deletion makes a new one, so
    whoever reads keeps seeing what was there.
    """

    def __init__(self) -> None:
        self._rows: list[I64] = []
        self._commits: list[tuple[int, int, int]] = []  # sequence, time, rows
        self._mask: Bool | None = None
        self._shared = False
        self.count = 0

    def kill(self, rows: I64, sequence: int, when: int, n: int) -> None:
        """Delete rows, alive so far, of `n`."""
        if not len(rows):
            return
        mask = self._grown(n)
        mask[rows] = False
        self._rows.append(rows)
        self._commits.append((sequence, when, len(rows)))
        self.count += len(rows)

    def alive(self, n: int) -> Bool | None:
        """Mask of the first `n` rows, None while all are alive."""
        if not self.count:
            return None
        mask = self._grown(n)
        self._shared = True
        return mask[:n]

    def is_alive(self, row: int) -> bool:
        """Whether one row is."""
        mask = self._mask
        return mask is None or row >= len(mask) or bool(mask[row])

    def log(self) -> tuple[I64, U64, U64]:
        """All deletions in their order: rows, sequences, times."""
        rows = np.concatenate(self._rows) if self._rows else np.empty(0, np.int64)
        sequences = [np.full(n, sequence, np.uint64) for sequence, _, n in self._commits]
        times = [np.full(n, when, np.uint64) for _, when, n in self._commits]
        empty = np.empty(0, np.uint64)
        return rows, np.concatenate([empty, *sequences]), np.concatenate([empty, *times])

    def arrays(self) -> dict[str, Array]:
        """As they are written."""
        rows, sequences, times = self.log()
        return {"rows": rows.astype(np.uint32), "sequences": sequences, "times": times}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], n: int, source: str) -> Deaths:
        """As they were written; FormatError for rows that are not, or that die twice."""
        try:
            rows, sequences, times = arrays["rows"], arrays["sequences"], arrays["times"]
        except KeyError as error:
            raise FormatError(f"deletions without {error}", source=source) from None
        typed = rows.dtype == np.uint32 and sequences.dtype == times.dtype == np.uint64
        if not typed or not rows.shape == sequences.shape == times.shape or rows.ndim != 1:
            raise FormatError("deletions of other types or lengths", source=source)
        if len(rows) and (int(rows.max()) >= n or len(np.unique(rows)) != len(rows)):
            raise FormatError("deletions of rows that are not", source=source)
        found = cls()
        bounds = np.flatnonzero(np.diff(sequences)) + 1
        for start, stop in itertools.pairwise([0, *bounds.tolist(), len(rows)]):
            if start < stop:
                some = rows[start:stop].astype(np.int64)
                found.kill(some, int(sequences[start]), int(times[start]), n)
        return found

    def _grown(self, n: int) -> Bool:
        """A mask of at least `n` rows that nobody else reads, unless nothing was shared."""
        mask = self._mask
        if mask is None or len(mask) < n or self._shared:
            room = max(n, 64) if mask is None else max(n + n // 4, len(mask))
            fresh = np.ones(room, np.bool_)
            if mask is not None:
                fresh[: len(mask)] = mask
            self._mask, self._shared = fresh, False
            return fresh
        return mask
