"""The search for rows of a grid in which ggml's IQ3_S encoder differs from rounding.

A group of four quants that is no row of the grid takes the best of its neighbours: the rows at
the three smallest distances. Groups of 32 elements are columns, as in `_search`. Follows
quantize_row_iq3_s_impl, with one difference: there, a group of zeros shifts the quants and
signs of all that follow it in the block; here it does not.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from abi.quant._base import F32Array, column_sum
from abi.quant._grids import grid
from abi.quant._search import nearest

__all__ = ["grid_search"]

Index = npt.NDArray[np.intp]

_GRID = "IQ3_S"
_N_DISTANCES = 3
_TOP = 7  # quants are 0 to 7 and stand for 1, 3 to 15


def grid_search(x: F32Array) -> tuple[F32Array, F32Array]:
    """Scale `(n,)` and rows of the grid `(8, n)` for magnitudes `x : (32, n)`."""
    largest, weights = x.max(axis=0), x * x
    scale: F32Array = largest / np.float32(2 * _TOP + 1)
    best = np.zeros_like(scale)
    rows = np.zeros((8, x.shape[1]), np.intp)
    exact = np.zeros((8, x.shape[1]), np.bool_)
    for step in range(-9, 10):
        inverse = (np.float32(2 * _TOP + 1) + np.float32(step) * np.float32(0.2)) / largest
        found, on_grid = _rows(x, weights, inverse, np.float32(1) / inverse)
        sum_xq, sum_qq = _sums(x, weights, found)
        better = (sum_qq > 0) & (sum_xq * sum_xq > best * sum_qq)
        np.copyto(scale, sum_xq / sum_qq, where=better)
        np.copyto(best, scale * sum_xq, where=better)
        np.copyto(rows, found, where=better)
        np.copyto(exact, on_grid, where=better)
    again = ~exact.all(axis=0) & (scale > 0)
    found, _ = _rows(x, weights, np.float32(1) / scale, scale)
    np.copyto(rows, found, where=again)
    sum_xq, sum_qq = _sums(x, weights, rows)
    np.copyto(scale, sum_xq / sum_qq, where=again & (sum_qq > 0))
    empty = largest == 0
    scale[empty], rows[:, empty] = 0, 0
    return scale, rows.astype(np.float32)


def _sums(x: F32Array, weights: F32Array, rows: Index) -> tuple[F32Array, F32Array]:
    q = grid(_GRID)[rows].transpose(0, 2, 1).reshape(x.shape)  # (8, n, 4) to (32, n)
    return column_sum(weights * x * q), column_sum(weights * q * q)


def _rows(
    x: F32Array, weights: F32Array, inverse: F32Array, scale: F32Array
) -> tuple[Index, npt.NDArray[np.bool_]]:
    """The row for each four elements `(8, n)`, and whether rounding alone led to it."""
    quants = nearest(np.float32(0.5) * (x * inverse - np.float32(1)), 0, _TOP)
    fours = quants.astype(np.intp).reshape(8, 4, -1)
    codes = fours[:, 0] | fours[:, 1] << 3 | fours[:, 2] << 6 | fours[:, 3] << 9
    neighbours, starts, counts = _neighbours()
    n_each = counts[codes].reshape(-1)
    ends = np.cumsum(n_each)
    begins = ends - n_each
    of = np.repeat(np.arange(n_each.size), n_each)  # the four that a candidate is for
    candidates = neighbours[np.arange(of.size) + (starts[codes].reshape(-1) - begins)[of]]
    error = _errors(candidates, of, x, np.sqrt(weights), np.tile(scale, 8))
    hits = np.flatnonzero(error == np.minimum.reduceat(error, begins)[of])[::-1]
    first = begins.copy()
    first[of[hits]] = hits  # backwards, so that the first of equals stays
    return candidates[first].reshape(codes.shape), n_each.reshape(codes.shape) == 1


def _errors(
    candidates: Index, of: Index, x: F32Array, weights: F32Array, scale: F32Array
) -> F32Array:
    """The weighted squares for each candidate row, `(m,)`."""
    total = np.zeros(of.size, np.float32)
    each = scale[of]
    levels = np.ascontiguousarray(grid(_GRID).T)
    for i in range(4):
        difference = each * levels[i][candidates]
        difference -= x[i::4].reshape(-1)[of]
        total += weights[i::4].reshape(-1)[of] * difference * difference
    return total


@lru_cache(maxsize=None)
def _neighbours() -> tuple[Index, Index, Index]:
    """By code: where its neighbours begin in the first array, and how many they are.

    Nearest first, then by row. A code that is a row has that one.
    """
    codes = 2 * (np.arange(4096)[:, None] >> np.arange(0, 12, 3) & _TOP) + 1
    rows = grid(_GRID).astype(np.int64)
    distance = (codes**2).sum(axis=1)[:, None] + (rows**2).sum(axis=1) - 2 * codes @ rows.T
    keys = np.sort(distance << 9 | np.arange(512), axis=1)
    ordered = keys >> 9
    rank = np.cumsum(np.diff(ordered, axis=1, prepend=ordered[:, :1]) > 0, axis=1)
    kept = np.where(ordered[:, :1] == 0, ordered == 0, rank < _N_DISTANCES)
    counts = kept.sum(axis=1)
    return (keys & 511)[kept], np.cumsum(counts) - counts, counts
