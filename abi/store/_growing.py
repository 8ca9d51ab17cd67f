"""An array that grows at its end, while those who read its first rows go on doing so."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Growing"]

_LARGE = 1 << 20


class Growing:
    """Rows that are appended.

    Parameters
    ----------
    dtype : dtype
    width : int or None
        Elements a row; None for an array of one dimension.
    """

    def __init__(self, dtype: npt.DTypeLike, width: int | None = None) -> None:
        self._tail = () if width is None else (width,)
        self._data = np.empty((0, *self._tail), dtype)
        self._n = 0

    def __len__(self) -> int:
        return self._n

    def append(self, rows: npt.NDArray[Any]) -> None:
        """Add rows. What `view` gave before keeps its contents."""
        end = self._n + len(rows)
        if end > len(self._data):
            # Pages that nothing is written to cost nothing, and copying does.
            factor = 4 if self._data.nbytes > _LARGE else 2
            fresh = np.empty((max(end, factor * self._n, 64), *self._tail), self._data.dtype)
            fresh[: self._n] = self._data[: self._n]
            self._data = fresh
        self._data[self._n : end] = rows
        self._n = end

    def view(self, n: int | None = None) -> npt.NDArray[Any]:
        """The first `n` rows, all by default; read-only."""
        found = self._data[: self._n if n is None else n]
        found.flags.writeable = False
        return found
