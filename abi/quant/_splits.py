"""The search for scales in which ggml's encoder of IQ1_M differs from rounding.

Sixteen elements are put in order and split in three: what becomes -1, 0 and 1. Every split is
tried with every choice of shifts for the two halves, and the best one is moved to rows of the
grid. Groups are columns, as in `_search`. Follows quantize_row_iq1_m_impl.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from abi.quant._base import F32Array, column_sum
from abi.quant._neighbours import IQ1, Index
from abi.quant._search import Found

__all__ = ["DELTA", "shifted", "split_search"]

DELTA = np.float32(0.125)
_SIZE = 16
_LEAST = np.float32(1e-7)
_LOWEST = -np.finfo(np.float32).max
_VALUES = np.arange(-1, 2, dtype=np.float32) + np.array([[DELTA], [-DELTA]], np.float32)  # (2, 3)


def split_search(x: F32Array) -> Found:
    """Scale `(n,)`, two rows of the grid and two shifts `(2, n)` for `x : (16, n)`.

    A shift is 1 where the half is moved down.
    """
    weights = x * x
    order = np.argsort(x, axis=0, kind="stable")
    scale, first, second, choice = _best_split(x, weights, order)
    place = np.empty_like(order)
    np.put_along_axis(place, order, np.arange(_SIZE)[:, None], axis=0)
    digits = (place >= first).astype(np.intp) + (place >= second)
    flipped = scale < 0
    digits = np.where(flipped, 2 - digits, digits)
    choice = np.where(flipped, 3 - choice, choice)
    scale = np.abs(scale)
    shifts = np.stack([choice >> 1, choice & 1])
    rows, exact = _rows(digits, x, weights, scale, shifts)
    q = shifted(rows, shifts)
    sum_xq, sum_qq = column_sum(weights * q * x), column_sum(weights * q * q)
    again = ~exact & (sum_xq > 0) & (sum_qq > 0)
    np.copyto(scale, sum_xq / sum_qq, where=again)
    empty = (np.abs(x).max(axis=0) < _LEAST) | (first < 0)
    scale[empty], rows[:, empty], shifts[:, empty] = 0, 0, 0
    return scale, rows.astype(np.float32), shifts.astype(np.float32)


def shifted(rows: Index, shifts: npt.NDArray[np.integer]) -> F32Array:
    """What the two rows of each column stand for: `(2, n)` to `(16, n)`."""
    digits = (IQ1.levels[:, rows].astype(np.intp) - 1) // 2  # (8, 2, n)
    found: F32Array = _VALUES[shifts.astype(np.intp)[None], digits]
    return found.transpose(1, 0, 2).reshape(_SIZE, -1)


def _best_split(
    x: F32Array, weights: F32Array, order: Index
) -> tuple[F32Array, Index, Index, Index]:
    """Scale, the two places where the sorted elements part, and which shifts: 0 to 3."""
    sums_x, sums_w = (_prefixes(values, order) for values in (weights * x, weights))
    scale = np.abs(x).max(axis=0)
    best = np.full_like(scale, _LOWEST)
    first, second, choice = (np.full(len(scale), i) for i in (-1, 0, 0))
    squares = _VALUES * _VALUES
    falls = squares[:, :2] - squares[:, 1:]  # (2, 2): by shift, what a place to the right takes
    top = _VALUES[:, 2]
    for i in range(_SIZE + 1):
        for j in range(i, _SIZE + 1):
            taken = [sums_x[h][i] + sums_x[h][j] for h in range(2)]
            xq = [[sums_x[h][-1] * top[s] - taken[h] for s in range(2)] for h in range(2)]
            qq = [
                [
                    sums_w[h][-1] * top[s] * top[s]
                    + sums_w[h][i] * falls[s, 0]
                    + sums_w[h][j] * falls[s, 1]
                    for s in range(2)
                ]
                for h in range(2)
            ]
            for k in range(4):
                sum_xq, sum_qq = xq[0][k >> 1] + xq[1][k & 1], qq[0][k >> 1] + qq[1][k & 1]
                better = (sum_qq > 0) & (sum_xq * sum_xq > best * sum_qq)
                np.copyto(scale, sum_xq / sum_qq, where=better)
                np.copyto(best, scale * sum_xq, where=better)
                for kept, value in ((first, i), (second, j), (choice, k)):
                    kept[better] = value
    return scale, first, second, choice


def _prefixes(values: F32Array, order: Index) -> tuple[F32Array, F32Array]:
    """For each half, sums of what is first in order: `(17, n)`."""
    ordered = np.take_along_axis(values, order, axis=0)
    lower = order < _SIZE // 2
    found = []
    for half in (lower, ~lower):
        sums = np.zeros((_SIZE + 1, values.shape[1]), np.float32)
        np.add.accumulate(np.where(half, ordered, np.float32(0)), axis=0, out=sums[1:])
        found.append(sums)
    return found[0], found[1]


def _rows(
    digits: Index, x: F32Array, weights: F32Array, scale: F32Array, shifts: Index
) -> tuple[Index, npt.NDArray[np.bool_]]:
    """Rows of the grid `(2, n)`, and whether both were there without a search."""
    codes = IQ1.codes(digits)
    rows = np.empty(codes.shape, np.intp)
    exact = np.ones(codes.shape[1], np.bool_)
    quants = (IQ1.levels.astype(np.intp) - 1) // 2
    for half in range(2):
        part = slice(8 * half, 8 * half + 8)
        for shift in range(2):
            some = np.flatnonzero(shifts[half] == shift)
            if not some.size:
                continue
            found, on_grid = IQ1.nearest_rows(
                codes[half : half + 1, some], x[part, some], weights[part, some], scale[some],
                _VALUES[shift][quants],
            )  # fmt: skip
            rows[half, some] = found[0]
            exact[some] &= on_grid[0]
    return rows, exact
