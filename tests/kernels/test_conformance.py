"""Every kernel set against the one suite."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from abi.errors import InputError
from abi.kernels import NumpyKernels, Weight, conformance, select
from abi.quant import Tensor


def failures(kernels: NumpyKernels, *, int8_activations: bool = False) -> list[str]:
    checks = conformance.run(kernels, int8_activations=int8_activations)
    assert len(checks) > 500
    return [f"{c.name}: {c.error:.2e} > {c.tolerance:.0e}" for c in checks if not c.ok]


def test_numpy() -> None:
    assert failures(NumpyKernels()) == []


def test_numpy_without_blas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abi.kernels._numpy.has_blas", lambda: False)
    assert failures(NumpyKernels()) == []


def test_native(native_library: Path) -> None:
    assert failures(select("native"), int8_activations=True) == []


class _Wrong(NumpyKernels):
    """A product that is off by a thousandth, and a norm that forgets eps."""

    def matmul(self, x: np.ndarray, w: Weight) -> np.ndarray:  # type: ignore[type-arg]
        return super().matmul(x, w) * np.float32(1.001)

    def rms_norm(self, x: np.ndarray, w: Weight, eps: float) -> np.ndarray:  # type: ignore[type-arg]
        return super().rms_norm(x, w, eps + 1e-3)


def test_the_suite_finds_wrong_kernels() -> None:
    kinds = {name.split()[0] for name in failures(_Wrong())}
    assert kinds == {"matmul", "moe", "rms_norm"}


@pytest.mark.parametrize("shape", [(1, 31), (32,), (2, 1, 32), (33, 1)])
@pytest.mark.parametrize("name", ["numpy", "native"])
def test_a_product_of_other_shapes_is_refused(
    native_library: Path, name: str, shape: tuple[int, ...]
) -> None:
    kernels = select(name)
    for stored in ("F32", "Q8_0"):
        weight = kernels.pack(Tensor.from_array("blk.0.w", np.ones((4, 32)), stored))
        with pytest.raises(InputError, match=r"blk\.0\.w: a weight of \(4, 32\) cannot take"):
            kernels.matmul(np.ones(shape, np.float32), weight)


def test_an_unknown_activation_is_refused() -> None:
    with pytest.raises(InputError, match="unknown activation 'swish'"):
        NumpyKernels().act(np.ones(3, np.float32), "swish")
