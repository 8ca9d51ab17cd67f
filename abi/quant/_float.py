"""Plain floating-point formats: one element a block, nothing shared.

F32 and F16 are IEEE little endian; BF16 is the upper half of an F32, rounded to nearest even
with NaNs kept quiet, as ggml_compute_fp32_to_bf16 does.
"""

from __future__ import annotations

import numpy as np

from abi.quant._base import U8, F32Array

__all__ = ["BF16", "F16", "F32", "NUMBERS", "Number"]


class F32:
    """32-bit floats; decoding is a view."""

    name = "F32"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        return blocks.view("<f4")

    def encode(self, values: F32Array) -> U8:
        return np.ascontiguousarray(values, "<f4").view(np.uint8)


class F16:
    """16-bit floats; values past 65504 become infinite, as in ggml."""

    name = "F16"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        # NumPy converts one at a time. Shifted into place, the exponent is short by 112.
        bits = blocks.view("<i2").astype(np.int32) << 13 & np.int32(-0x70002000)
        values = bits.view(np.float32)
        values *= np.float32(2.0**112)
        if values.size and max(values.max(), -values.min()) >= 65536:  # infinity or NaN
            return blocks.view("<f2").astype(np.float32)
        return values

    def encode(self, values: F32Array) -> U8:
        with np.errstate(over="ignore"):
            return values.astype("<f2").view(np.uint8)


class BF16:
    """The upper 16 bits of a 32-bit float."""

    name = "BF16"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        return (blocks.view("<u2").astype(np.uint32) << 16).view(np.float32)

    def encode(self, values: F32Array) -> U8:
        bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
        rounded = (bits + (0x7FFF + ((bits >> 16) & 1))) >> 16
        quiet_nan = (bits >> 16) | 0x40
        is_nan = (bits & 0x7FFFFFFF) > 0x7F800000
        return np.where(is_nan, quiet_nan, rounded).astype("<u2").view(np.uint8)


class Number:
    """Plain numbers of another kind: F64 and the integers, rounded to float32 and from it."""

    encodes = True

    def __init__(self, name: str, code: str) -> None:
        self.name, self._code = name, code

    def decode(self, blocks: U8) -> F32Array:
        return np.ascontiguousarray(blocks).view(self._code).astype(np.float32)

    def encode(self, values: F32Array) -> U8:
        stored = np.ascontiguousarray(values).astype(self._code)
        return stored.view(np.uint8).reshape(len(stored), -1)


NUMBERS = tuple(
    Number(name, code)
    for name, code in (("F64", "<f8"), ("I8", "i1"), ("I16", "<i2"), ("I32", "<i4"), ("I64", "<i8"))
)
