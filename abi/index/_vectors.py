"""Vectors as they were given, compared exactly."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.index._protocol import METRICS, Found, Mask
from abi.kernels import Look, NumpyKernels, Scoring, Space, select

__all__ = ["Vectors", "inverse_norms"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_UNIT = 1e-6  # a norm this close to 1 needs no multiplication
_BLOCK = 1 << 15  # elements whose norms are taken at once: as many as a near cache holds


@dataclass(frozen=True)
class Vectors:
    """Rows of a matrix; they are used where they are, a memory map for one, and never copied.

    Parameters
    ----------
    data : (n, dim) float32, or (n, dim // 8) uint8 for "hamming"
    metric : {"cosine", "ip", "l2", "hamming"}
    inverse_norms : (n,) float32, optional
        For "cosine": one over the length of each row; None where all are 1.
    kernels : NumpyKernels
    """

    data: npt.NDArray[Any]
    metric: str
    inverse_norms: F32 | None = None
    kernels: NumpyKernels = field(default_factory=select)

    @classmethod
    def of(
        cls, data: npt.NDArray[Any], metric: str, kernels: NumpyKernels | None = None
    ) -> Vectors:
        """From a matrix alone.

        Raises
        ------
        InputError
            If the metric is unknown, or the array is none for it.

        Examples
        --------
        >>> rows = Vectors.of(np.float32([[1, 0], [0, 2]]), "cosine")
        >>> found, scores = rows.top(rows.prepare(np.float32([[0, 1]])), 2)
        >>> found.tolist(), scores.tolist()
        ([[1, 0]], [[1.0, 0.0]])
        """
        if metric not in METRICS:
            raise InputError(f"metric={metric!r}: expected one of {', '.join(METRICS)}")
        kind = np.uint8 if metric == "hamming" else np.float32
        if data.ndim != 2 or data.dtype != kind or not data.shape[1]:
            got = f"{data.dtype} {data.shape}"
            raise InputError(f"vectors: got {got}; expected (n, dim) {np.dtype(kind)}")
        norms = _norms_if_needed(data) if metric == "cosine" else None
        return cls(data, metric, norms, kernels or select())

    def __len__(self) -> int:
        return len(self.data)

    def prepare(self, queries: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Queries, of norm 1 under "cosine"."""
        if queries.ndim != 2 or queries.shape[1] != self.data.shape[1]:
            expected = f"(Q, {self.data.shape[1]})"
            raise InputError(f"queries: shape {queries.shape}; expected {expected}")
        if self.metric == "hamming":
            return np.ascontiguousarray(queries, np.uint8)
        wide = np.ascontiguousarray(queries, np.float32)
        return wide * inverse_norms(wide)[:, None] if self.metric == "cosine" else wide

    def block(self, prepared: npt.NDArray[Any], start: int, stop: int) -> F32:
        """Scores of rows start to stop: `(Q, stop - start)`."""
        norms = None if self.inverse_norms is None else self.inverse_norms[start:stop]
        metric = "ip" if self.metric == "cosine" else self.metric  # prepared queries have norm 1
        found: F32 = self.kernels.distances(prepared, self.data[start:stop], metric, norms)
        return found

    def pairs(self, prepared: npt.NDArray[Any], which: I64, rows: I64) -> F32:
        """Scores of single rows, each for one query: `(m,)`; `which` ascends."""
        return self.kernels.pairs(prepared, self.data, self.metric, which, rows, self.inverse_norms)

    def scoring(self, prepared: npt.NDArray[Any]) -> Scoring:
        """`pairs` of these queries."""
        return Space(self.data, self.metric, self.inverse_norms).scoring(prepared)

    def top(self, prepared: npt.NDArray[Any], k: int, allow: Mask | None = None) -> Found:
        """The best k of all rows, or of those allowed, `(n,)` bool."""
        return self.kernels.scan(prepared, self.data, self.metric, k, self.inverse_norms, allow)

    def look(self, prepared: npt.NDArray[Any], look: Look) -> tuple[I64, F32, I64] | None:
        """Look into partitions, in one call where there is one."""
        return self.kernels.probe(look, prepared, self.data, self.metric, self.inverse_norms)

    def best(self, prepared: npt.NDArray[Any], rows: I64, k: int) -> Found:
        """The k best of some rows of each query, `(Q, width)` with -1 for none; k <= width."""
        norms = self.inverse_norms
        return self.kernels.rescore(prepared, self.data, self.metric, rows, k, norms)

    def first(self, n: int) -> Vectors:
        """The first n rows, in place."""
        norms = None if self.inverse_norms is None else self.inverse_norms[:n]
        return Vectors(self.data[:n], self.metric, norms, self.kernels)

    def take(self, rows: I64) -> Vectors:
        """Some rows, copied."""
        norms = None if self.inverse_norms is None else self.inverse_norms[rows]
        return Vectors(self.data[rows], self.metric, norms, self.kernels)


def inverse_norms(vectors: npt.NDArray[np.float32]) -> F32:
    """One over the length of each row, 0 for a row without length: `(n,)` float32."""
    norms = np.empty(len(vectors))
    step = max(1, _BLOCK // max(1, vectors.shape[1]))
    for i in range(0, len(vectors), step):
        some = vectors[i : i + step].astype(np.float64)
        np.vecdot(some, some, out=norms[i : i + step])
    np.sqrt(norms, out=norms)
    inverse = np.divide(1, norms, out=np.zeros_like(norms), where=norms > 0)
    return np.asarray(inverse, np.float32)


def _norms_if_needed(data: npt.NDArray[np.float32]) -> F32 | None:
    found = inverse_norms(data)
    return found if np.any(np.abs(found - 1) > _UNIT) else None
