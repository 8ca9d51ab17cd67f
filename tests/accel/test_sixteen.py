"""Products of 16-bit weights with many activations: how far they are off, whatever the numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from abi_accel._library import load
from hypothesis import given
from hypothesis import strategies as st

from abi.kernels import select
from abi.quant import Tensor
from tests.accel.test_random import CHECKED

F64 = npt.NDArray[np.float64]


def lengths(x: npt.NDArray[np.float32]) -> F64:
    """Of each 32 columns of each row; shape (rows, blocks)."""
    padded = np.pad(x.astype(np.float64), ((0, 0), (0, -x.shape[1] % 32)))
    return np.asarray(np.linalg.norm(padded.reshape(len(x), padded.shape[1] // 32, 32), axis=2))


@given(
    name=st.sampled_from(["F16", "BF16"]), n=st.integers(1, 70), k=st.integers(1, 140),
    n_tokens=st.integers(1, 40), threads=st.sampled_from([1, 2, 5]), seed=st.integers(0, 99),
    power=st.integers(-36, 30), wide=st.sampled_from([0.0, 1.0, 4.0]),
    odd=st.sampled_from([0.0, np.nan, np.inf, 1e-45, 1e30]),
)  # fmt: skip
@CHECKED
def test_errors_are_within_the_lengths_of_blocks(
    native_library: Path, name: str, n: int, k: int, n_tokens: int, threads: int, seed: int,
    power: int, wide: float, odd: float,
) -> None:  # fmt: skip
    """A half of a 46330th a number, on both sides: 2^-13 of the lengths at the very most."""
    rng, library, native = np.random.default_rng(seed), load(), select("native")
    library.n_threads = threads

    def numbers(rows: int) -> npt.NDArray[np.float32]:
        made = rng.standard_normal((rows, k)) * np.exp(wide * rng.standard_normal((rows, k)))
        return made.astype(np.float32)

    tensor = Tensor.from_array("w", numbers(n).clip(-60000, 60000), name)
    table = tensor.to_float32()
    x = (numbers(n_tokens) * 10.0**power).astype(np.float32)
    x[seed % n_tokens, seed % k] = odd
    known = np.isfinite(x).all(1)
    want = x[known].astype(np.float64) @ table.astype(np.float64).T
    bound = (lengths(x[known]) + 2.0**-99) @ lengths(table).T * 2.0**-13
    for isa in library.isas:
        library.choose(isa)
        got = native.matmul(x, native.pack(tensor)).astype(np.float64)
        assert (abs(got[known] - want) <= bound).all()
        assert not np.isfinite(got[~known]).any()


@pytest.mark.parametrize("kind", ["normal", "heavy", "outliers"])
def test_closer_than_activations_in_float16(native_library: Path, kind: str) -> None:
    """Which is how llama.cpp multiplies these weights."""
    rng, native = np.random.default_rng(3), select("native")
    x = rng.standard_t(3, (64, 512)) if kind == "heavy" else rng.standard_normal((64, 512))
    if kind == "outliers":
        x[:, 7::101] *= 1000
    x = x.astype(np.float32)
    tensor = Tensor.from_array("w", rng.standard_normal((64, 512)), "F16")
    table = tensor.to_float32().astype(np.float64)
    want = x.astype(np.float64) @ table.T
    half = x.astype(np.float16).astype(np.float64) @ table.T
    got = native.matmul(x, native.pack(tensor))
    assert np.square(got - want).mean() < np.square(half - want).mean() / 4


def test_weights_that_are_no_numbers_spoil_their_own_sums_only(native_library: Path) -> None:
    rng, library, native = np.random.default_rng(4), load(), select("native")
    table = rng.standard_normal((40, 100)).astype(np.float32)
    x = rng.standard_normal((30, 100)).astype(np.float32)
    table[3, 50], table[20, 99] = np.nan, np.inf
    for isa in library.isas:
        library.choose(isa)
        got = native.matmul(x, native.pack(Tensor.from_array("w", table, "F16")))
        assert np.flatnonzero(~np.isfinite(got).all(0)).tolist() == [3, 20]
        assert not np.isfinite(got[:, [3, 20]]).any()
