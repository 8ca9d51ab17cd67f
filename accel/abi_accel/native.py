"""`NativeKernels`: C for what it does faster, the NumPy reference for the rest.

The library is found beside this module, or where `ABI_NATIVE_LIBRARY` says. Sizes and layouts
are checked here, because the kernels check nothing.
"""

from __future__ import annotations

import ctypes
import os
import sys
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from abi.errors import InputError
from abi.kernels import Array, NumpyKernels, Weight, check_product
from abi.quant import Tensor

__all__ = ["NativeKernels"]

_BLOCK = 32
_NAMES = {"darwin": "abi_accel.dylib", "win32": "abi_accel.dll"}


class NativeKernels(NumpyKernels):
    """Kernels in C.

    Q8_0 matrices stay in the file's own blocks and meet activations that are rounded to 8
    bits a block of 32, as llama.cpp does it.
    """

    name = "native"

    def __init__(self) -> None:
        self._library = _load()

    @classmethod
    def available(cls) -> str | None:
        """None if the library loads, else why it does not."""
        try:
            _load()
        except OSError as error:
            return f"the library cannot be loaded: {error}"
        return None

    def pack(self, tensor: Tensor, weights: str = "float32") -> Weight:
        """As the reference, but Q8_0 matrices always stay in blocks."""
        mode = "blocks" if tensor.type.name == "Q8_0" else weights
        return super().pack(tensor, mode)

    def matmul(self, x: Array, w: Weight) -> Array:
        """`x @ w.T`; with Q8_0 weights, after rounding each 32 activations to 8 bits."""
        if w.layout != "blocks" or w.type_name != "Q8_0":
            return super().matmul(x, w)
        check_product(x, w)
        n_tokens, (n_rows, n_cols) = len(x), w.shape
        blocks = np.ascontiguousarray(w.data.data, np.uint8)  # (n_rows * n_blocks * 34,)
        if blocks.nbytes != w.data.n_bytes:
            raise InputError(f"{w.name}: {blocks.nbytes} bytes, expected {w.data.n_bytes}")
        x = np.ascontiguousarray(x, np.float32)
        quants = np.empty((n_tokens, n_cols), np.int8)
        scales = np.empty((n_tokens, n_cols // _BLOCK), np.float32)
        out = np.empty((n_tokens, n_rows), np.float32)
        self._library.abi_q8_quantize(_at(x), _at(quants), _at(scales), scales.size)
        self._library.abi_q8_0_matmul(
            _at(blocks), _at(quants), _at(scales), _at(out), n_rows, n_cols // _BLOCK, n_tokens
        )
        return out


def _at(array: np.ndarray[Any, Any]) -> int:
    return array.ctypes.data


@lru_cache(maxsize=1)
def _load() -> ctypes.CDLL:
    default = Path(__file__).parent / "lib" / _NAMES.get(sys.platform, "abi_accel.so")
    path = os.environ.get("ABI_NATIVE_LIBRARY") or str(default)
    library = ctypes.CDLL(path)
    pointer, size = ctypes.c_void_p, ctypes.c_size_t
    library.abi_q8_quantize.argtypes = [pointer, pointer, pointer, size]
    library.abi_q8_0_matmul.argtypes = [pointer, pointer, pointer, pointer, size, size, size]
    for symbol in (library.abi_q8_quantize, library.abi_q8_0_matmul):
        symbol.restype = None
    return library
