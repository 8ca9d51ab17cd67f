"""The Q8_0 kernel against its definition, bit for bit."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from abi.kernels import select
from abi.quant import TYPES, Tensor

F32 = npt.NDArray[np.float32]


def expected(x: F32, tensor: Tensor) -> F32:
    """The kernel's arithmetic in NumPy: integer sums a block, blocks added in order."""
    blocks = tensor.data.reshape(tensor.shape[0], -1, 34)
    scale = blocks[..., :2].copy().view("<f2")[..., 0].astype(np.float32)
    quants = blocks[..., 2:].view(np.int8).astype(np.int32)
    groups = x.reshape(len(x), -1, 32)
    largest = np.abs(groups).max(-1)
    with np.errstate(divide="ignore"):
        inverse = np.where(largest > 0, np.float32(127) / largest, np.float32(0))
    rounded = np.rint(groups * inverse[..., None]).astype(np.int32)
    x_scale = (largest / np.float32(127)).astype(np.float16).astype(np.float32)
    out = np.zeros((len(x), len(blocks)), np.float32)
    for b in range(blocks.shape[1]):
        sums = rounded[:, b] @ quants[:, b].T
        d = scale[:, b] * x_scale[:, b, None]
        out += d * sums.astype(np.float32)
    return out


@pytest.mark.parametrize("n_rows", [1, 7, 33])
@pytest.mark.parametrize("n_tokens", [1, 5])
@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e4])
def test_bits_equal_the_definition(
    native_library: Path, n_rows: int, n_tokens: int, scale: float
) -> None:
    rng = np.random.default_rng(2)
    tensor = Tensor.from_array("w", rng.standard_normal((n_rows, 96)) * scale, "Q8_0")
    x = rng.standard_normal((n_tokens, 96)).astype(np.float32)
    x[0, :32] = 0
    kernels = select("native")
    got = kernels.matmul(x, kernels.pack(tensor))
    np.testing.assert_array_equal(got, expected(x, tensor))


@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_make_their_sums_nan(native_library: Path, odd: float) -> None:
    kernels = select("native")
    weight = kernels.pack(Tensor.from_array("w", np.ones((3, 64)), "Q8_0"))
    x = np.ones((2, 64), np.float32)
    x[0, 5] = odd
    got = kernels.matmul(x, weight)
    assert np.isnan(got[0]).all()
    np.testing.assert_allclose(got[1], 64, rtol=1e-2)


@pytest.mark.parametrize("tiny", [1e-45, 1e-38, 1e-37])
def test_numbers_too_small_to_scale_are_zero(native_library: Path, tiny: float) -> None:
    kernels = select("native")
    weight = kernels.pack(Tensor.from_array("w", np.ones((3, 32)), "Q8_0"))
    assert not kernels.matmul(np.full((1, 32), tiny, np.float32), weight).any()


def test_every_float16_scale(native_library: Path) -> None:
    bits = np.arange(0x10000, dtype="<u2")
    raw = np.zeros((len(bits), 34), np.uint8)
    raw[:, :2] = bits.view(np.uint8).reshape(-1, 2)
    raw[:, 2] = 1
    x = np.zeros((1, 32), np.float32)
    x[0, 0] = 127  # rounds to 127 with a scale of 1
    kernels = select("native")
    tensor = Tensor("w", (len(bits), 32), TYPES["Q8_0"], raw.reshape(-1))
    with np.errstate(invalid="ignore"):
        want = bits.view("<f2").astype(np.float32) * np.float32(127)
    np.testing.assert_array_equal(kernels.matmul(x, kernels.pack(tensor))[0], want)


def test_other_types_take_the_reference(native_library: Path) -> None:
    tensor = Tensor.from_array("w", np.random.default_rng(0).standard_normal((5, 64)), "Q4_0")
    x = np.ones((2, 64), np.float32)
    got = [k.matmul(x, k.pack(tensor)) for k in (select("native"), select("numpy"))]
    np.testing.assert_array_equal(*got)


def test_weights_stay_in_the_files_own_blocks(native_library: Path) -> None:
    tensor = Tensor.from_array("w", np.ones((4, 32)), "Q8_0")
    weight = select("native").pack(tensor, "float32")
    assert (weight.layout, weight.data, weight.n_bytes) == ("blocks", tensor, 0)


@pytest.mark.parametrize(
    "target", ["linux-aarch64", "macos-aarch64", "macos-x86_64", "windows-x86_64"]
)
def test_every_target_builds_here(target: str, tmp_path: Path, built_native: Path) -> None:
    from abi_accel.build import EXPORTS, build

    raw = build(target, tmp_path).read_bytes()
    magic = {"linux": b"\x7fELF", "macos": b"\xcf\xfa\xed\xfe", "windows": b"MZ"}
    assert raw.startswith(magic[target.split("-")[0]])
    assert all(symbol.encode() in raw for symbol in EXPORTS)


def test_the_build_command_names_the_library(tmp_path: Path, built_native: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "abi_accel.build", "--out", str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2] / "accel",
    )  # fmt: skip
    assert Path(done.stdout.strip()).exists()
