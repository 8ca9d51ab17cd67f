"""`NativeKernels`: C for what it does faster, the NumPy reference for the rest.

Sizes and layouts are checked here, because the kernels check nothing.
"""

from __future__ import annotations

import ctypes
import threading
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import InputError, KernelError
from abi.kernels import Array, NumpyKernels, Weight, check_product
from abi.quant import Tensor, decode
from abi_accel._exports import Matmul
from abi_accel._library import load

__all__ = ["NativeKernels"]

_DENSE = ("F32", "F16", "BF16")
_ALIGNMENT = 64  # bytes: a cache line, and the widest vector


@dataclass(frozen=True, eq=False)
class _Packed:
    """A matrix as the kernels want it, and as the file has it."""

    tensor: Tensor
    data: npt.NDArray[np.uint8]


class NativeKernels(NumpyKernels):
    """Kernels in C.

    Quantised matrices keep their blocks, 16 rows side by side, and meet activations that are
    rounded to 8 bits a block, as llama.cpp does it. Float16 and bfloat16 stay as they are in the
    file.
    """

    name = "native"

    def __init__(self) -> None:
        self._library = load()
        self._own = threading.local()  # scratch memory of each thread

    @property
    def detail(self) -> str:
        """The instruction set and the number of threads."""
        n = self._library.n_threads
        return f"{self._library.isa}, {n} thread{'s' * (n != 1)}"

    @classmethod
    def available(cls) -> str | None:
        """None if the library loads, else why it does not."""
        try:
            load()
        except (OSError, KernelError) as error:
            return f"the library cannot be loaded: {error}"
        return None

    def pack(self, tensor: Tensor, weights: str = "float32") -> Weight:
        """Lay a matrix out for the kernels; what they have no kernel for, as the reference."""
        n_bytes = self._packed_size(tensor)
        if len(tensor.shape) != 2 or not (n_bytes or tensor.type.name in _DENSE):
            return super().pack(tensor, weights)
        given = np.ascontiguousarray(tensor.data).view(np.uint8).reshape(-1)
        if given.nbytes != tensor.n_bytes:
            raise InputError(f"{tensor.name}: {given.nbytes} bytes, expected {tensor.n_bytes}")
        data = given
        if n_bytes:
            data = _aligned(n_bytes)
            n, k = tensor.shape
            self._library.pack(tensor.type.id, _at(given), n, k, _at(data))
        packed = _Packed(tensor, data)
        return Weight(tensor.name, tensor.shape, tensor.type.name, "native", packed, n_bytes)

    def take_rows(self, w: Weight, ids: npt.NDArray[np.int64]) -> Array:
        """Rows of a matrix: `(n, k)` at `(T,)` to `(T, k)`."""
        if w.layout != "native":
            return super().take_rows(w, ids)
        tensor: Tensor = w.data.tensor
        width = tensor.type.n_bytes(tensor.shape[-1])
        rows = np.ascontiguousarray(tensor.data).view(np.uint8).reshape(-1, width)[ids]
        return decode(rows.reshape(-1), w.type_name).reshape(len(ids), -1)

    def matmul(self, x: Array, w: Weight) -> Array:
        """`x @ w.T`: `(T, k)` by `(n, k)` to `(T, n)`."""
        if w.layout != "native":
            return super().matmul(x, w)
        check_product(x, w)
        n, k = w.shape
        x = np.ascontiguousarray(x, np.float32)
        out = np.empty((len(x), n), np.float32)
        kind, library = w.data.tensor.type.id, self._library
        size = library.scratch_size(kind, k, len(x), library.n_threads)
        scratch = self._room(size)
        given = Matmul(_at(w.data.data), _at(x), _at(out), scratch, n, k, len(x), n, kind)
        library.matmul(ctypes.byref(given), library.n_threads)
        return out

    def _packed_size(self, tensor: Tensor) -> int:
        if len(tensor.shape) != 2:
            return 0
        return int(self._library.packed_size(tensor.type.id, *tensor.shape))

    def _room(self, n_bytes: int) -> int:
        """The address of that much memory for what is in between; kept for the next time."""
        have: npt.NDArray[np.uint8] | None = getattr(self._own, "scratch", None)
        if have is None or have.nbytes < n_bytes:
            have = self._own.scratch = _aligned(n_bytes + n_bytes // 2)
        return _at(have)


def _aligned(n_bytes: int) -> npt.NDArray[np.uint8]:
    """Memory that begins at a cache line."""
    raw = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    start = -raw.ctypes.data % _ALIGNMENT
    return raw[start : start + n_bytes]


def _at(array: np.ndarray[Any, Any]) -> int:
    return array.ctypes.data
