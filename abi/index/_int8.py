"""Vectors as 8-bit integers with a scale each: a quarter of the memory, scores to about 1%."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.index._blocks import spans, top_of_blocks
from abi.index._protocol import Found, Mask
from abi.index._vectors import Vectors, inverse_norms
from abi.kernels import NumpyKernels, select

__all__ = ["Int8Codes"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Int8Codes:
    """Rows of codes.

    Parameters
    ----------
    codes : (n, dim) int8
    scales : (n,) float32
        What a code of 1 stands for, in each row.
    metric : {"cosine", "ip", "l2"}
    squares : (n,) float32
        Squared lengths of the rows that the codes stand for.
    kernels : NumpyKernels
    """

    codes: npt.NDArray[np.int8]
    scales: F32
    metric: str
    squares: F32
    kernels: NumpyKernels = field(default_factory=select)

    @classmethod
    def of(cls, vectors: Vectors) -> Int8Codes:
        """Codes of vectors, to the nearest of 255 steps between each row's extremes.

        Raises
        ------
        InputError
            If they are bits.
        """
        if vectors.metric == "hamming":
            raise InputError("bits are codes already; int8 is for float vectors")
        n = len(vectors)
        codes = np.empty(vectors.data.shape, np.int8)
        scales, squares = np.empty(n, np.float32), np.empty(n, np.float32)
        for start, stop in spans(n, vectors.data.shape[1]):
            rows = np.asarray(vectors.data[start:stop], np.float32)
            if vectors.metric == "cosine":
                rows = rows * inverse_norms(rows)[:, None]
            largest = np.abs(rows).max(axis=1, initial=0) / np.float32(127)
            some = np.where(largest > 0, largest, np.float32(1))
            codes[start:stop] = np.rint(rows / some[:, None]).astype(np.int8)
            scales[start:stop], squares[start:stop] = some, np.vecdot(rows, rows)
        return cls(codes, scales, vectors.metric, squares, vectors.kernels)

    def __len__(self) -> int:
        return len(self.codes)

    def prepare(self, queries: npt.NDArray[Any]) -> F32:
        """Queries, of norm 1 under "cosine"."""
        if queries.ndim != 2 or queries.shape[1] != self.codes.shape[1]:
            raise InputError(f"queries: shape {queries.shape}; expected (Q, {self.codes.shape[1]})")
        wide = np.ascontiguousarray(queries, np.float32)
        return wide * inverse_norms(wide)[:, None] if self.metric == "cosine" else wide

    def block(self, prepared: F32, start: int, stop: int) -> F32:
        """Scores of rows start to stop: `(Q, stop - start)`."""
        products = prepared @ self.codes[start:stop].astype(np.float32).T
        products *= self.scales[start:stop]
        if self.metric == "l2":
            products *= 2
            products -= self.squares[start:stop]
            products -= np.vecdot(prepared, prepared)[:, None]
        return products

    def pairs(self, prepared: F32, which: I64, rows: I64) -> F32:
        """Scores of single rows, each for one query: `(m,)`; `which` ascends."""
        asked = prepared[which]
        products: F32 = np.vecdot(self.codes[rows].astype(np.float32), asked) * self.scales[rows]
        if self.metric == "l2":
            products = 2 * products - self.squares[rows]
            products -= np.vecdot(asked, asked)
        return products

    def top(self, prepared: F32, k: int, allow: Mask | None = None) -> Found:
        """The best k of all rows, or of those allowed, `(n,)` bool."""
        return top_of_blocks(self, prepared, k, allow, self.codes.shape[1])
