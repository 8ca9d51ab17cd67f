"""K-quants: super-blocks of 256 whose sub-blocks have small integer scales of their own.

    Q2_K  16 x (scale, min: 4 bits each) | 64 B of 2-bit q | d f16 | dmin f16
    Q3_K  32 B high bits | 64 B of 2-bit q | 16 scales of 6 bits in 12 B | d f16
    Q4_K  d f16 | dmin f16 | 8 x (scale, min: 6 bits each) in 12 B | 128 B of nibbles
    Q5_K  the same with 32 B of fifth bits before the nibbles
    Q6_K  128 B of nibbles | 64 B of upper bits | 16 int8 scales | d f16

A value is `d * scale * q`, less `dmin * min` where there is one. Follows the dequantize_row
and quantize_row_ref functions of ggml: a search finds the scale of each sub-block, the scales
are rounded to what the super-block can hold, and the quants are made anew from the rounded ones.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from abi.quant._base import U8, F32Array, column_sum, half, half_bytes
from abi.quant._search import (
    NOTHING,
    columns,
    in_parts,
    nearest,
    peak,
    ranged_search,
    refined_search,
    signed_search,
)

__all__ = ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]

Search = Callable[[F32Array], tuple[F32Array, ...]]

_FINE = np.float32(-1) + np.float32(0.1) * np.arange(21, dtype=np.float32)
_COARSE = np.float32(-0.5) + np.float32(0.1) * np.arange(16, dtype=np.float32)
_TWO_BITS = np.array([0, 2, 4, 6], np.uint8)
_EIGHT = np.arange(8, dtype=np.uint8)
_FOUR = np.uint8(4)


class Q2_K:  # noqa: N801 - the formats' own names
    name = "Q2_K"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        scales = blocks[:, :16].reshape(-1, 2, 4, 2, 1)  # (n, half, shift, 16 values, 1)
        d, dmin = half(blocks[:, 80:82]), half(blocks[:, 82:84])
        scale = _spread(d) * (scales & 0x0F).astype(np.float32)
        low = _spread(dmin) * (scales >> 4).astype(np.float32)
        out = _two_bits(blocks[:, 16:80]).astype(np.float32)
        out *= scale
        out -= low
        return out.reshape(len(blocks), 256)

    def encode(self, values: F32Array) -> U8:
        x = columns(values, 16)
        scale, minimum, found = in_parts(_search_q2, x)
        d, scales = _rounded_scales(scale.reshape(-1, 16), 15)
        dmin, mins = _rounded_scales(minimum.reshape(-1, 16), 15)
        quants = _again(x + _times(dmin, mins), _times(d, scales), found, 0, 3)
        return np.concatenate([scales | mins << 4, _pack_two_bits(quants), d, dmin], axis=1)


class Q3_K:  # noqa: N801
    name = "Q3_K"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        packed, i = blocks[:, 96:108], np.arange(16)
        low = packed[:, i % 8] >> (4 * (i // 8)).astype(np.uint8) & 0x0F
        high = packed[:, 8 + i % 4] >> (2 * (i // 4)).astype(np.uint8) & 3
        scales = (low | high << 4).astype(np.int8) - np.int8(32)
        d = half(blocks[:, 108:110]) * scales.astype(np.float32)
        bits = np.arange(8, dtype=np.uint8).reshape(2, 4, 1, 1)
        mask = blocks[:, :32].reshape(n, 1, 1, 2, 16) >> bits & 1
        quants = _two_bits(blocks[:, 32:96]).view(np.int8) - ((mask ^ 1) << 2).view(np.int8)
        out = quants.astype(np.float32)
        out *= d.reshape(n, 2, 4, 2, 1)
        return out.reshape(n, 256)

    def encode(self, values: F32Array) -> U8:
        x = columns(values, 16)
        scale, found = in_parts(_search_q3, x, 1 << 17)
        scale = scale.reshape(-1, 16)
        d, signed = _signed_scales(scale, 32, 31)
        quants = _again(x, _times(d, signed), found, -4, 3)
        codes = np.where(scale.any(axis=1, keepdims=True), signed + 32, 0).astype(np.uint8)
        low = _nibble_pairs(codes[:, :8], codes[:, 8:])
        packed = np.concatenate([low, _crumbs(codes.reshape(-1, 4, 4) >> _FOUR)], axis=1)
        high = _plane(quants >> np.uint8(2))
        return np.concatenate([high, _pack_two_bits(quants & np.uint8(3)), packed, d], axis=1)


class Q4_K:  # noqa: N801
    name = "Q4_K"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        out = np.empty((len(blocks), 4, 2, 32), np.float32)
        nibbles = blocks[:, 16:].reshape(-1, 4, 32)
        np.bitwise_and(nibbles, 0x0F, out=out[:, :, 0], casting="unsafe")
        np.right_shift(nibbles, 4, out=out[:, :, 1], casting="unsafe")
        return _scaled(out, blocks)

    def encode(self, values: F32Array) -> U8:
        head, quants = _ranged(values, 15, _search_q4)
        return np.concatenate([head, _pack_pairs(quants)], axis=1)


class Q5_K:  # noqa: N801
    name = "Q5_K"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        nibbles = blocks[:, 48:].reshape(-1, 4, 1, 32)
        shifts = np.arange(8, dtype=np.uint8).reshape(4, 2, 1)
        fifth = blocks[:, 16:48].reshape(-1, 1, 1, 32) >> shifts & 1
        quants = nibbles >> np.array([0, 4], np.uint8).reshape(2, 1) & 0x0F | fifth << 4
        return _scaled(quants.astype(np.float32), blocks)

    def encode(self, values: F32Array) -> U8:
        head, quants = _ranged(values, 31, _search_q5)
        return np.concatenate([head, _plane(quants >> _FOUR), _pack_pairs(quants)], axis=1)


class Q6_K:  # noqa: N801
    name = "Q6_K"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        low = blocks[:, :128].reshape(n, 2, 1, 2, 32)  # (n, half, nibble, 32s, 32)
        low = low >> np.array([0, 4], np.uint8).reshape(2, 1, 1) & np.uint8(0x0F)
        high = blocks[:, 128:192].reshape(n, 2, 1, 32) >> _TWO_BITS.reshape(4, 1) & 3
        quants = (low | high.reshape(n, 2, 2, 2, 32) << 4).view(np.int8) - np.int8(32)
        scales = blocks[:, 192:208].view(np.int8).astype(np.float32)
        d = half(blocks[:, 208:210]) * scales  # (n, 16)
        out = quants.reshape(n, 16, 16).astype(np.float32)
        out *= d[:, :, None]
        return out.reshape(n, 256)

    def encode(self, values: F32Array) -> U8:
        x = columns(values, 16)
        scale, found = in_parts(_search_q6, x)
        scale = scale.reshape(-1, 16)
        d, scales = _signed_scales(scale, 128, 127)
        parts = _again(x, _times(d, scales), found, -32, 31).reshape(-1, 2, 4, 32)
        low = _nibble_pairs(parts[:, :, :2], parts[:, :, 2:]).reshape(-1, 128)
        high = _crumbs(parts >> _FOUR).reshape(-1, 64)
        signed = scales.astype(np.int8).view(np.uint8)
        out = np.concatenate([low, high, signed, d], axis=1)
        out[np.abs(scale).max(axis=1) < NOTHING] = 0
        return out


def _two_bits(packed: U8) -> U8:
    """64 bytes to `(n, half, shift, 2, 16)`, in the order of the values."""
    return packed.reshape(-1, 2, 1, 2, 16) >> _TWO_BITS.reshape(4, 1, 1) & np.uint8(3)


def _spread(column: F32Array) -> F32Array:
    return column.reshape(-1, 1, 1, 1, 1)


def _scaled(out: F32Array, blocks: U8) -> F32Array:
    """Quants `(n, 4, 2, 32)` with the 6-bit scales and minimums of Q4_K and Q5_K."""
    packed = blocks[:, 4:16].reshape(-1, 3, 4)
    first, second, third = packed[:, 0], packed[:, 1], packed[:, 2]
    scale = np.concatenate([first & 63, third & 0x0F | first >> 6 << 4], axis=1)
    low = np.concatenate([second & 63, third >> 4 | second >> 6 << 4], axis=1)
    out *= (half(blocks[:, 0:2]) * scale.astype(np.float32)).reshape(-1, 4, 2, 1)
    out -= (half(blocks[:, 2:4]) * low.astype(np.float32)).reshape(-1, 4, 2, 1)
    return out.reshape(-1, 256)


def _search_q2(x: F32Array) -> tuple[F32Array, ...]:
    return ranged_search(x, np.abs(x), 3, _COARSE, absolute=True)


def _search_q3(x: F32Array) -> tuple[F32Array, ...]:
    return refined_search(x, 4)


def _search_q4(x: F32Array) -> tuple[F32Array, ...]:
    return ranged_search(x, _weights(x), 15, _FINE, absolute=False)


def _search_q5(x: F32Array) -> tuple[F32Array, ...]:
    return ranged_search(x, _weights(x), 31, _COARSE, absolute=False)


def _search_q6(x: F32Array) -> tuple[F32Array, ...]:
    return signed_search(x, 32)


def _weights(x: F32Array) -> F32Array:
    """The root mean square of the group, and the magnitude."""
    weights: F32Array = np.sqrt(column_sum(x * x) / np.float32(32)) + np.abs(x)
    return weights


def _rounded_scales(scale: F32Array, top: int) -> tuple[U8, U8]:
    """Scales `(n, m)` as a float16 and numbers up to `top` times it."""
    largest = np.maximum(scale.max(axis=1, keepdims=True), np.float32(0))
    largest += np.float32(0)  # of 0 and -0 either may be the larger one: no -0
    factor = np.where(largest > 0, np.float32(top) / largest, np.float32(0))
    whole = nearest(factor * scale, 0, top).astype(np.uint8)
    return half_bytes(largest / np.float32(top)), whole


def _signed_scales(scale: F32Array, bottom: int, top: int) -> tuple[U8, F32Array]:
    """Scales `(n, m)` as a float16 and numbers from `-bottom` to `top` times it.

    The number of the largest is `-bottom`; where all are 0, so are float16 and numbers.
    """
    largest = peak(scale.T)[:, None]
    factor = np.float32(-bottom) / largest
    d = np.where(largest == 0, np.float32(0), np.float32(1) / factor)
    return half_bytes(d), nearest(factor * scale, -bottom, top)


def _times(d: U8, scales: npt.NDArray[np.generic]) -> F32Array:
    """What the decoder will multiply each group with, `(n * m,)`."""
    return (half(d) * scales.astype(np.float32)).reshape(-1)


def _again(x: F32Array, d: F32Array, quants: F32Array, low: int, high: int) -> U8:
    """Quants `(n, 256)` by the rounded scales, from 0 up; as they were where a scale is 0."""
    found = np.where(d != 0, nearest(x / d, low, high) - np.float32(low), quants)
    return np.ascontiguousarray(found.T.astype(np.uint8)).reshape(-1, 256)


def _ranged(values: F32Array, top: int, search: Search) -> tuple[U8, U8]:
    """The first 16 bytes of Q4_K and Q5_K, and the quants `(n, 256)`."""
    x = columns(values, 32)
    scale, minimum, found = in_parts(search, x)
    d, scales = _rounded_scales(scale.reshape(-1, 8), 63)
    dmin, mins = _rounded_scales(minimum.reshape(-1, 8), 63)
    last = _nibble_pairs(scales[:, 4:], mins[:, 4:])
    first, second = (v[:, :4] | v[:, 4:] >> _FOUR << np.uint8(6) for v in (scales, mins))
    quants = _again(x + _times(dmin, mins), _times(d, scales), found, 0, top)
    return np.concatenate([d, dmin, first, second, last], axis=1), quants


def _nibble_pairs(low: U8, high: U8) -> U8:
    """The low four bits of both in one byte."""
    return low & np.uint8(0x0F) | high << _FOUR


def _crumbs(parts: U8) -> U8:
    """`(..., 4, k)` numbers below 4 to `(..., k)` bytes, the first in the lowest bits."""
    packed: U8 = np.bitwise_or.reduce(parts << _TWO_BITS.reshape(4, 1), axis=-2)
    return packed


def _plane(bits: U8) -> U8:
    """`(n, 256)` bits to `(n, 32)` bytes, the first 32 bits in the lowest places."""
    packed: U8 = np.bitwise_or.reduce(bits.reshape(-1, 8, 32) << _EIGHT.reshape(8, 1), axis=1)
    return packed


def _pack_two_bits(quants: U8) -> U8:
    return _crumbs(quants.reshape(-1, 2, 4, 32)).reshape(-1, 64)


def _pack_pairs(quants: U8) -> U8:
    """The low four bits of `(n, 256)` quants as `(n, 128)` bytes."""
    parts = quants.reshape(-1, 4, 2, 32)
    return _nibble_pairs(parts[:, :, 0], parts[:, :, 1]).reshape(-1, 128)
