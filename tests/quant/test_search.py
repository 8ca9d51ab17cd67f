"""Sums and rounding as ggml does them, on which the searches stand."""

from __future__ import annotations

import numpy as np
import pytest

from abi.quant._base import column_sum
from abi.quant._search import nearest, peak


@pytest.mark.parametrize("n", [1, 2, 7, 64])
@pytest.mark.parametrize("k", [16, 32, 256])
def test_columns_are_summed_one_row_after_the_other(n: int, k: int) -> None:
    x = np.random.default_rng(k + n).standard_normal((k, n), np.float32)
    want = np.zeros(n, np.float32)
    for row in x:
        want = want + row
    np.testing.assert_array_equal(column_sum(x), want)


def test_numpys_own_sum_of_one_column_is_another() -> None:
    x = np.random.default_rng(0).standard_normal((64, 100, 32, 1), np.float32)
    pairs = np.array([[np.add.reduce(c, axis=0)[0] for c in part] for part in x])
    assert (pairs != np.add.accumulate(x, axis=2)[:, :, -1, 0]).mean() > 0.1


def test_nearest_rounds_halves_to_even_and_wraps_past_22_bits() -> None:
    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, 2.4, 4194303, 4194304, 1e30, np.nan], np.float32)
    # 2**22 is the first whole number that does not fit and becomes -2**22.
    want = [0, 2, 2, 0, -2, 2, 4194303, -4194304]
    got = nearest(x, -(2**22), 2**22 - 1)
    np.testing.assert_array_equal(got[:8], want)
    assert (np.abs(nearest(x, -4, 3)) <= 4).all()


def test_the_first_of_equal_magnitudes_is_the_peak() -> None:
    x = np.array([[1, -2], [-3, 2], [3, 0]], np.float32)
    np.testing.assert_array_equal(peak(x), [-3, -2])
