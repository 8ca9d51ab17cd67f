"""Native products: Q8_0 against its definition bit for bit, others against what blocks hold."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from abi_accel._library import load
from abi_accel.build import TARGETS, host

import abi
from abi.errors import InputError, KernelError
from abi.kernels import NumpyKernels, candidates, conformance, select
from abi.quant import TYPES, Tensor
from tests.synthetic import LlamaShape, llama_bytes

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
    load().choose(load().isas[0])  # the plainest has no fused operations
    got = kernels.matmul(x, kernels.pack(tensor))
    if "neon" in load().isas:  # there even the plainest has
        np.testing.assert_allclose(got, expected(x, tensor), rtol=1e-5, atol=1e-6 * scale)
    else:
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


PACKED = (
    "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL",
    "IQ4_XS", "MXFP4",
)  # fmt: skip


@pytest.fixture(params=list(TARGETS[host()].isas))
def isa(request: pytest.FixtureRequest, native_library: Path) -> NumpyKernels:
    """The kernels with one of the instruction sets of this machine."""
    if request.param not in load().isas:
        pytest.skip(f"this machine has {', '.join(load().isas)}")
    load().choose(request.param)
    return select("native")


def test_each_instruction_set_conforms(isa: NumpyKernels) -> None:
    checks = conformance.run(isa, int8_activations=True)
    assert [f"{c.name}: {c.error:.2e}" for c in checks if not c.ok] == []


@pytest.mark.parametrize("name", PACKED)
def test_bytes_that_need_no_rounding_give_the_products_of_the_blocks(
    isa: NumpyKernels, name: str
) -> None:
    """Activations that are whole numbers up to 127 are exact: what is left is the sums' order."""
    rng = np.random.default_rng(8)
    tensors = [Tensor.from_array("w", rng.standard_normal((n, 512)), name) for n in (49, 37)]
    for n_tokens in (1, 2, 3, 4, 7, 8, 12, 17):
        tensor = tensors[n_tokens % 2]  # of four groups of 16 rows, and of three
        weight, table = isa.pack(tensor), tensor.to_float32().astype(np.float64)
        x = rng.integers(-127, 128, (n_tokens, 512)).astype(np.float32)
        x[:, ::32] = -127  # the largest of each block
        size = (abs(x) @ abs(table).T).max()
        assert np.abs(isa.matmul(x, weight) - x @ table.T).max() / size < 2e-6


@pytest.mark.parametrize("name", ["F32", "F16", "BF16"])
def test_rows_of_any_width_that_are_not_quantised(isa: NumpyKernels, name: str) -> None:
    rng = np.random.default_rng(9)
    for k in (1, 15, 16, 33, 100, 1100, 2065):
        tensor = Tensor.from_array("w", rng.standard_normal((11, k)), name)
        x = rng.standard_normal((40, k)).astype(np.float32)
        table = tensor.to_float32().astype(np.float64)
        for n_tokens in (6, 40):
            size = (abs(x[:n_tokens]) @ abs(table).T).max()
            got = isa.matmul(x[:n_tokens], isa.pack(tensor))
            within = 1e-6 if name == "F32" or n_tokens == 6 else 5e-5
            assert np.abs(got - x[:n_tokens] @ table.T).max() / size < within


def test_threads_change_nothing(native_library: Path) -> None:
    rng = np.random.default_rng(10)
    kernels, library = select("native"), load()
    x = rng.standard_normal((5, 512)).astype(np.float32)
    for name in ("Q4_K", "Q8_0", "F16"):
        weight = kernels.pack(Tensor.from_array("w", rng.standard_normal((700, 512)), name))
        library.n_threads = 1
        alone = kernels.matmul(x, weight)
        for library.n_threads in (2, 5):
            for _ in range(50):
                np.testing.assert_array_equal(kernels.matmul(x, weight), alone)


def test_products_of_several_python_threads(native_library: Path) -> None:
    rng = np.random.default_rng(11)
    kernels = select("native")
    load().n_threads = 3
    weight = kernels.pack(Tensor.from_array("w", rng.standard_normal((300, 256)), "Q4_0"))
    xs = [rng.standard_normal((t, 256)).astype(np.float32) for t in range(1, 9)]
    want = [kernels.matmul(x, weight) for x in xs]
    with ThreadPoolExecutor(8) as pool:
        for got in (list(pool.map(lambda x: kernels.matmul(x, weight), xs)) for _ in range(50)):
            for a, b in zip(got, want, strict=True):
                np.testing.assert_array_equal(a, b)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
def test_a_forked_process_has_threads_of_its_own(native_library: Path) -> None:
    kernels = select("native")
    load().n_threads = 4
    weight = kernels.pack(Tensor.from_array("w", np.ones((300, 256)), "Q8_0"))
    x = np.ones((1, 256), np.float32)
    want = kernels.matmul(x, weight)
    child = os.fork()
    if child == 0:
        same = all((kernels.matmul(x, weight) == want).all() for _ in range(20))
        os._exit(0 if same else 1)
    assert os.waitpid(child, 0)[1] == 0
    np.testing.assert_array_equal(kernels.matmul(x, weight), want)


@pytest.mark.parametrize("n_tokens", [1, 3, 16])
@pytest.mark.parametrize("name", ["Q4_0", "Q6_K", "F16", "F32"])
def test_rows_are_shared_without_gaps(native_library: Path, name: str, n_tokens: int) -> None:
    """Enough of them that threads take pieces, their own and others'; and too few for all."""
    kernels, rng = select("native"), np.random.default_rng(6)
    x = rng.standard_normal((n_tokens, 8192)).astype(np.float32)
    before = load().n_threads
    try:
        for n in (1, 5, 33, 131, 407):
            weight = kernels.pack(Tensor.from_array("w", rng.standard_normal((n, 8192)), name))
            load().set_threads(1)
            want = kernels.matmul(x, weight)
            for threads in (2, 3, 5, 8):
                load().set_threads(threads)
                for _ in range(3):
                    np.testing.assert_array_equal(kernels.matmul(x, weight), want)
    finally:
        load().set_threads(before)


def test_an_instruction_set_that_is_not_there_is_refused(
    native_library: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABI_NATIVE_ISA", "mmx")
    load.cache_clear()
    for name in ("native", None):  # nor is NumPy taken instead
        with pytest.raises(KernelError, match="ABI_NATIVE_ISA=mmx: this machine has "):
            select(name)
    assert "ABI_NATIVE_ISA=mmx" in str(candidates()[0].reason)
    monkeypatch.delenv("ABI_NATIVE_ISA")
    monkeypatch.setenv("ABI_THREADS", "0")
    with pytest.raises(KernelError, match="ABI_THREADS=0: expected 1 to 256"):
        select("native")


def test_types_without_a_kernel_take_the_reference(native_library: Path) -> None:
    raw = np.random.default_rng(0).integers(0, 256, 5 * TYPES["IQ2_XXS"].n_bytes(256), np.uint8)
    raw[::66], raw[1::66] = 0, 0x3C
    tensor = Tensor("w", (5, 256), TYPES["IQ2_XXS"], raw)
    x = np.ones((2, 256), np.float32)
    got = [k.matmul(x, k.pack(tensor)) for k in (select("native"), select("numpy"))]
    np.testing.assert_array_equal(*got)


def test_rows_are_those_of_the_file(native_library: Path) -> None:
    tensor = Tensor.from_array("w", np.random.default_rng(1).standard_normal((20, 256)), "Q6_K")
    kernels = select("native")
    ids = np.array([19, 0, 7])
    got = kernels.take_rows(kernels.pack(tensor), ids)
    np.testing.assert_array_equal(got, tensor.to_float32()[ids])


@pytest.mark.parametrize(
    "target",
    ["linux-aarch64", "musllinux-x86_64", "macos-aarch64", "macos-x86_64", "windows-x86_64"],
)
def test_every_target_builds_here(target: str, tmp_path: Path, built_native: Path) -> None:
    from abi_accel._exports import EXPORTS
    from abi_accel.build import build

    raw = build(target, tmp_path).read_bytes()
    magic = {
        "linux": b"\x7fELF",
        "musllinux": b"\x7fELF",
        "macos": b"\xcf\xfa\xed\xfe",
        "windows": b"MZ",
    }
    assert raw.startswith(magic[target.split("-")[0]])
    assert all(symbol.encode() in raw for symbol in EXPORTS)


def test_the_build_command_names_the_library(tmp_path: Path, built_native: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "abi_accel.build", "--out", str(tmp_path)],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2] / "accel",
    )  # fmt: skip
    assert Path(done.stdout.strip()).exists()


def test_threads_are_set_for_what_comes_next(native_library: Path) -> None:
    kernels, rng = select("native"), np.random.default_rng(7)
    weight = kernels.pack(Tensor.from_array("w", rng.standard_normal((512, 256)), "Q8_0"))
    x = kernels.asarray(rng.standard_normal((20, 256)))
    want, before = kernels.matmul(x, weight), load().n_threads
    try:
        for n in (1, 3, 2):
            kernels.set_threads(n)
            assert kernels.detail.endswith(f"{n} thread{'s' * (n != 1)}")
            np.testing.assert_array_equal(kernels.matmul(x, weight), want)
        for wrong in (0, 257, 1.5, True):
            with pytest.raises(KernelError, match=r"n_threads=.*: expected 1 to 256"):
                kernels.set_threads(wrong)  # type: ignore[arg-type]
    finally:
        kernels.set_threads(before)


def test_a_model_says_how_many_threads(native_library: Path) -> None:
    before = load().n_threads
    try:
        assert "1 thread>" in repr(abi.load(kernels="native", n_threads=1))
        assert abi.load(kernels="native").kernels.detail.endswith("1 thread")
    finally:
        load().set_threads(before)
    with pytest.raises(
        KernelError, match=r"n_threads=2: the numpy kernels .* OPENBLAS_NUM_THREADS=2"
    ):
        abi.load(kernels="numpy", n_threads=2)
    with pytest.raises(InputError, match="n_threads=0: expected a whole number above 0"):
        abi.load(kernels="native", n_threads=0)


@pytest.mark.parametrize(
    ("name", "held"), [("F32", "float32"), ("F16", "native"), ("Q4_K", "native")]
)
def test_a_model_says_how_it_is_held(native_library: Path, name: str, held: str) -> None:
    raw = llama_bytes(LlamaShape(n_embd=256, n_ff=256), name)
    assert abi.load(raw, kernels="native").weights == held
    assert abi.load(raw, kernels="numpy").weights == "float32"
