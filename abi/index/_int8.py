"""Vectors as 8-bit integers with a scale each: a quarter of the memory, scores to about 1%.

What is coded is a row less the mean of all. Of rows that lie off zero, dimensions that are wider
than others, and rows of different lengths, a scale a row loses little in each; one a dimension,
tried beside it, loses a quarter of the neighbours where lengths differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.index._arrays import check_metric, taken
from abi.index._blocks import spans, top_of_blocks
from abi.index._centred import centred, constants_of, floats, mean_of
from abi.index._protocol import Found, Mask
from abi.index._vectors import Vectors
from abi.kernels import Look, NumpyKernels, select

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
    constants : (n,) float32
        What is added to the products of each row; see `abi.index._centred`.
    centre : (dim,) float32
        What was taken off each row.
    kernels : NumpyKernels
    """

    codes: npt.NDArray[np.int8]
    scales: F32
    metric: str
    constants: F32
    centre: F32
    kernels: NumpyKernels = field(default_factory=select)

    @classmethod
    def of(cls, vectors: Vectors) -> Int8Codes:
        """Codes of vectors: each row to 255 steps from its largest number to minus that.

        Raises
        ------
        InputError
            If they are bits.
        """
        if vectors.metric == "hamming":
            raise InputError("bits are codes already; int8 is for float vectors")
        n, unit = len(vectors), vectors.metric == "cosine"
        centre = mean_of(vectors.data, unit)
        codes = np.empty(vectors.data.shape, np.int8)
        scales, constants = np.empty(n, np.float32), np.empty(n, np.float32)
        for start, stop in spans(n, vectors.data.shape[1]):
            rows = floats(vectors.data[start:stop], unit) - centre
            largest = np.abs(rows).max(axis=1, initial=0) / np.float32(127)
            some = np.where(largest > 0, largest, np.float32(1))
            codes[start:stop] = np.rint(rows / some[:, None]).astype(np.int8)
            scales[start:stop] = some
            constants[start:stop] = constants_of(rows, centre, vectors.metric)
        return cls(codes, scales, vectors.metric, constants, centre, vectors.kernels)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What `from_arrays` makes equal codes of."""
        return {
            "codes": self.codes,
            "scales": self.scales,
            "constants": self.constants,
            "centre": self.centre,
        }

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        metric: str,
        kernels: NumpyKernels | None = None,
    ) -> Int8Codes:
        """Codes that were saved, which may be read-only memory maps.

        Raises
        ------
        FormatError
            If the arrays do not fit together.
        InputError
            If the metric is not one of float vectors.
        """
        check_metric(metric)
        codes = taken(arrays, "codes", np.int8, (None, None))
        scales = taken(arrays, "scales", np.float32, (len(codes),))
        constants = taken(arrays, "constants", np.float32, (len(codes),))
        centre = taken(arrays, "centre", np.float32, (codes.shape[1],))
        return cls(codes, scales, metric, constants, centre, kernels or select())

    def __len__(self) -> int:
        return len(self.codes)

    def prepare(self, queries: npt.NDArray[Any]) -> F32:
        """Queries and, last, what is added to each of their products: `(Q, dim + 1)`."""
        dim = len(self.centre)
        if queries.ndim != 2 or queries.shape[1] != dim:
            raise InputError(f"queries: shape {queries.shape}; expected (Q, {dim})")
        return centred(queries, self.centre, self.metric)

    def block(self, prepared: F32, start: int, stop: int) -> F32:
        """Scores of rows start to stop: `(Q, stop - start)`."""
        codes = self.codes[start:stop].astype(np.float32)
        products = self.kernels.distances(prepared[:, :-1], codes, "ip")
        return self._scores(products, prepared[:, -1:], slice(start, stop))

    def pairs(self, prepared: F32, which: I64, rows: I64) -> F32:
        """Scores of single rows, each for one query: `(m,)`; `which` ascends."""
        asked = prepared[which]
        products = np.vecdot(self.codes[rows].astype(np.float32), asked[:, :-1])
        return self._scores(products, asked[:, -1], rows)

    def top(self, prepared: F32, k: int, allow: Mask | None = None) -> Found:
        """The best k of all rows, or of those allowed, `(n,)` bool."""
        if not self.compared_in_place:
            return top_of_blocks(self, prepared, k, allow, self.codes.shape[1])
        given = (prepared[:, :-1], self.codes, "ip", k, self.factors, allow, self.constants)
        rows, scores = self.kernels.scan(*given)
        return rows, scores + prepared[:, -1:]

    def look(self, prepared: F32, look: Look) -> tuple[I64, F32, I64] | None:
        """Look into partitions, in one call where there is one."""
        given = (look, prepared[:, :-1], self.codes, "ip", self.factors, self.constants)
        found = self.kernels.probe(*given) if self.compared_in_place else None
        return None if found is None else (found[0], found[1] + prepared[:, -1:], found[2])

    @property
    def compared_in_place(self) -> bool:
        """Whether the kernels compare codes as they are."""
        return "int8" in self.kernels.row_types

    @cached_property
    def factors(self) -> F32:
        """What products of codes are multiplied by: `(n,)`."""
        return self.scales * np.float32(2 if self.metric == "l2" else 1)

    def _scores(self, products: F32, added: F32, rows: slice | I64) -> F32:
        found: F32 = products * self.factors[rows] + self.constants[rows] + added
        return found
