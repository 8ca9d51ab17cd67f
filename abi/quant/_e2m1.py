"""4-bit floats (E2M1: 0, 1/2, 1, 3/2, 2, 3, 4, 6 and a sign) with a float of 8 bits for some.

    MXFP4  exponent u8 | 16 B of nibbles                          blocks of 32
    NVFP4  4 scales of 8 bits (E4M3 without a sign) | 32 B of nibbles, 16 to a scale

Follows the dequantize_row and quantize_row_ref functions of ggml. A value halfway between two
takes the smaller magnitude.
"""

from __future__ import annotations

import numpy as np

from abi.quant._base import U8, F32Array, inverse, pack_nibbles

__all__ = ["MXFP4", "NVFP4"]

_TWICE = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12], np.float32)
# By twice a value of `_TWICE`, rounded up, the index of the one nearest to it.
_INDEX = np.searchsorted(_TWICE[:7] + _TWICE[1:8], np.arange(25), side="left").astype(np.uint8)
_HUGE = np.float32(2.0**124)


class MXFP4:
    """OCP microscaling: a power of two for 32 elements."""

    name = "MXFP4"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        out = _look_up(blocks[:, 1:])
        out *= _half_power(blocks[:, :1])
        return out

    def encode(self, values: F32Array) -> U8:
        largest = np.abs(values).max(axis=1, keepdims=True).astype(np.float64)
        # log2 in float32, as ggml's: just below a power of two it rounds up to it.
        exponent = np.floor(np.log2(largest).astype(np.float32)) + np.float32(125)
        code = np.where(largest > 0, np.clip(exponent, 0, 255), 0).astype(np.uint8)
        return np.concatenate([code, _pack(values, _half_power(code))], axis=1)


class NVFP4:
    """A scale of 8 bits for 16 elements."""

    name = "NVFP4"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        scales = _SCALES[blocks[:, :4].reshape(-1, 1)]
        out = _look_up(blocks[:, 4:].reshape(-1, 8))
        out *= scales
        return out.reshape(-1, 64)

    def encode(self, values: F32Array) -> U8:
        parts = values.reshape(-1, 16)
        code = _scale_code(np.abs(parts).max(axis=1, keepdims=True) / np.float32(6))
        packed = _pack(parts, _SCALES[code])
        return np.concatenate([code.reshape(-1, 4), packed.reshape(-1, 32)], axis=1)


def _half_power(exponent: U8) -> F32Array:
    """Half of 2**(e - 127), because the table holds twice the values."""
    wide = exponent.astype(np.uint32)
    bits = np.where(wide < 2, np.uint32(0x00200000) << wide, (wide - 1) << 23)
    return bits.astype(np.uint32).view(np.float32)


def _make_scales() -> F32Array:
    """Half of every E4M3 number, the sign bit being one more of exponent; 0 for its NaN."""
    code = np.arange(256)
    exponent, fraction = code >> 3 & 15, code & 7
    value = np.where(exponent == 0, fraction / 512, (1 + fraction / 8) * 2.0 ** (exponent - 7))
    value[[0, 0x7F]] = 0
    return (value / 2).astype(np.float32)


_SCALES = _make_scales()


def _scale_code(x: F32Array) -> U8:
    """The E4M3 number of a magnitude, halves upward; ggml's takes 448 for all from 256."""
    bits = x.view(np.int32)
    rounded = (bits + (1 << 19) >> 20) - (120 << 3)  # exponent and 3 bits of fraction
    normal = np.where(rounded < 0x78, rounded, 0x7E)
    small = np.minimum(x * np.float32(512) + np.float32(0.5), np.float32(7))
    return np.where((bits >> 23) <= 120, small, normal).astype(np.uint8)


def _look_up(packed: U8) -> F32Array:
    return np.concatenate([_TWICE[packed & 0x0F], _TWICE[packed >> 4]], axis=1)


def _pack(values: F32Array, scale: F32Array) -> U8:
    """The nearest numbers of `(n, 2k)` values as `(n, k)` bytes."""
    twice = np.abs(values) * (inverse(scale) * np.float32(2))
    index: U8 = _INDEX[np.clip(np.nan_to_num(np.ceil(twice)), 0, 24).astype(np.intp)]
    # 8 and 12 times the largest scale are infinite; ggml's choice is then 6.
    index = np.minimum(index, np.where(scale > _HUGE, np.uint8(5), np.uint8(7)))
    index |= ((values < 0) & (index > 0)).astype(np.uint8) << np.uint8(3)
    return pack_nibbles(index)
