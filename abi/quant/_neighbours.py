"""The search for rows of a grid, in which ggml's encoders of IQ2 and IQ3 differ from rounding.

A group of four or eight quants that is no row of the grid takes the best of its neighbours: the
rows at the smallest distances. Groups of 16 or 32 elements are columns, as in `_search`.
Follows quantize_row_iq3_xxs_impl, quantize_row_iq3_s_impl and quantize_row_iq2_s_impl, with one
difference: in IQ3_S a group of zeros shifts there the quants and signs of all that follow it in
the block; here it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from abi.quant._base import F32Array, column_sum
from abi.quant._grids import quants
from abi.quant._search import Found, nearest

__all__ = ["IQ1", "IQ2_S", "IQ3_S", "IQ3_XXS", "Flags", "Index", "Lattice"]

Index = npt.NDArray[np.intp]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Lattice:
    """A grid to search in. A quant q stands for the level `2 * q + 1`.

    Attributes
    ----------
    name : str
        Of the grid.
    n_quants : int
        They go from 0 to `n_quants - 1`.
    n_distances : int
        How many of the smallest distances make a neighbour.
    steps : int
        Scales that are tried to each side of the one that rounding suggests.
    step : float
        Between two of them, in quants.
    least : float
        A column whose largest value is below is all zero.
    keeps : bool
        Rows that rounding alone led to stay when the others are searched for again.
    """

    name: str
    n_quants: int
    n_distances: int
    steps: int = 0
    step: float = 0.0
    least: float = 0.0
    keeps: bool = True

    @property
    def size(self) -> int:
        """Quants in a row."""
        return int(quants(self.name).shape[1])

    @cached_property
    def levels(self) -> F32Array:
        """By place and row: `(size, rows)`."""
        found: F32Array = np.ascontiguousarray(2 * quants(self.name).T + 1).astype(np.float32)
        return found

    def search(self, x: F32Array, weights: F32Array) -> Found:
        """Scale `(n,)` and rows of the grid `(k / size, n)` for `x : (k, n)`."""
        top = np.float32(2 * self.n_quants - 1)
        largest = x.max(axis=0)
        scale: F32Array = largest / top
        best = np.zeros_like(scale)
        rows = np.zeros((len(x) // self.size, x.shape[1]), np.intp)
        exact = np.full(rows.shape, self.keeps)
        for i in range(-self.steps, self.steps + 1):
            inverse = (top + np.float32(i) * np.float32(self.step)) / largest
            found, on_grid = self._rows(x, weights, inverse, np.float32(1) / inverse)
            sum_xq, sum_qq = self._sums(x, weights, found)
            better = (sum_qq > 0) & (sum_xq * sum_xq > best * sum_qq)
            np.copyto(scale, sum_xq / sum_qq, where=better)
            np.copyto(best, scale * sum_xq, where=better)
            np.copyto(rows, found, where=better)
            np.copyto(exact, on_grid, where=better)
        again = ~exact.all(axis=0) & (scale > 0)
        found, _ = self._rows(x, weights, np.float32(1) / scale, scale)
        np.copyto(rows, found, where=again & ~exact if self.keeps else again)
        sum_xq, sum_qq = self._sums(x, weights, rows)
        np.copyto(scale, sum_xq / sum_qq, where=again & (sum_qq > 0))
        empty = (largest < np.float32(self.least)) | (largest == 0)
        scale[empty], rows[:, empty] = 0, 0
        return scale, rows.astype(np.float32)

    def nearest_rows(
        self, codes: Index, x: F32Array, weights: F32Array, scale: F32Array, levels: F32Array
    ) -> tuple[Index, Flags]:
        """The row of least weighted squares for each code, and whether the code is a row.

        Parameters
        ----------
        codes : (m, n)
            From `codes`, for m rows of each of n columns.
        x, weights : (m * size, n)
        scale : (n,)
        levels : (size, rows), or (2, size, rows) for those of the first and second row
        """
        neighbours, starts, counts, is_row = self._neighbours
        n_each = counts[codes].reshape(-1)
        ends = np.cumsum(n_each)
        begins = ends - n_each
        of = np.repeat(np.arange(n_each.size), n_each)  # the code that a candidate is for
        candidates = neighbours[np.arange(of.size) + (starts[codes].reshape(-1) - begins)[of]]
        error = self._errors(candidates, of, x, weights, np.tile(scale, len(codes)), levels)
        hits = np.flatnonzero(error == np.minimum.reduceat(error, begins)[of])[::-1]
        first = begins.copy()
        first[of[hits]] = hits  # backwards, so that the first of equals stays
        return candidates[first].reshape(codes.shape), is_row[codes]

    def codes(self, digits: Index) -> Index:
        """A number for each `size` quants: `(k, n)` to `(k / size, n)`."""
        parts = digits.reshape(len(digits) // self.size, self.size, -1)
        powers = self.n_quants ** np.arange(self.size)
        found: Index = (parts * powers[:, None]).sum(axis=1)
        return found

    def _rows(
        self, x: F32Array, weights: F32Array, inverse: F32Array, scale: F32Array
    ) -> tuple[Index, Flags]:
        digits = nearest(np.float32(0.5) * (x * inverse - np.float32(1)), 0, self.n_quants - 1)
        codes = self.codes(digits.astype(np.intp))
        return self.nearest_rows(codes, x, np.sqrt(weights), scale, self.levels)

    def _sums(self, x: F32Array, weights: F32Array, rows: Index) -> tuple[F32Array, F32Array]:
        q = self.levels[:, rows].transpose(1, 0, 2).reshape(x.shape)  # (size, m, n) to (k, n)
        return column_sum(weights * x * q), column_sum(weights * q * q)

    def _errors(
        self, candidates: Index, of: Index, x: F32Array, weights: F32Array, scale: F32Array,
        levels: F32Array,
    ) -> F32Array:  # fmt: skip
        """The weighted squares for each candidate row, `(m,)`."""
        total = np.zeros(of.size, np.float32)
        each = scale[of]
        for i in range(self.size):
            difference = each * levels[i][candidates]
            difference -= x[i :: self.size].reshape(-1)[of]
            total += weights[i :: self.size].reshape(-1)[of] * difference * difference
        return total

    @cached_property
    def _neighbours(self) -> tuple[Index, Index, Index, Flags]:
        """By code: where its neighbours begin in the first array, how many, and if it is a row.

        Nearest first, then by row. A code that is a row has that one.
        """
        rows = quants(self.name)
        n_codes, step, shift = self.n_quants**self.size, 1024, 11  # 2048 rows at most
        found: list[Index] = []
        counts, exact = [], []
        for start in range(0, n_codes, step):
            numbers = np.arange(start, min(start + step, n_codes))[:, None]
            codes = numbers // self.n_quants ** np.arange(self.size) % self.n_quants
            distance = (codes**2).sum(axis=1)[:, None] + (rows**2).sum(axis=1)
            keys = np.sort((distance - 2 * codes @ rows.T) << shift | np.arange(len(rows)), axis=1)
            ordered = keys >> shift
            rank = np.cumsum(np.diff(ordered, axis=1, prepend=ordered[:, :1]) > 0, axis=1)
            is_row = ordered[:, 0] == 0
            kept = np.where(is_row[:, None], ordered == 0, rank < self.n_distances)
            found.append((keys & ((1 << shift) - 1))[kept])
            counts.append(kept.sum(axis=1))
            exact.append(is_row)
        n_each = np.concatenate(counts)
        starts = np.cumsum(n_each) - n_each
        return np.concatenate(found), starts, n_each, np.concatenate(exact)


IQ3_S = Lattice("IQ3_S", 8, 3, steps=9, step=0.2, keeps=False)
IQ3_XXS = Lattice("IQ3_XXS", 8, 2, steps=15, step=0.2, least=1e-8)
IQ2_S = Lattice("IQ2_S", 3, 1, steps=9, step=0.1, least=1e-8)
IQ1 = Lattice("IQ1_S", 3, 3)
