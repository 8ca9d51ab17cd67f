"""K-quants: super-blocks of 256 whose sub-blocks have small integer scales of their own.

    Q2_K  16 x (scale, min: 4 bits each) | 64 B of 2-bit q | d f16 | dmin f16
    Q3_K  32 B high bits | 64 B of 2-bit q | 16 scales of 6 bits in 12 B | d f16
    Q4_K  d f16 | dmin f16 | 8 x (scale, min: 6 bits each) in 12 B | 128 B of nibbles
    Q5_K  the same with 32 B of fifth bits before the nibbles
    Q6_K  128 B of nibbles | 64 B of upper bits | 16 int8 scales | d f16

A value is `d * scale * q`, less `dmin * min` where there is one. Follows the dequantize_row
functions of ggml; encoding is not here yet.
"""

from __future__ import annotations

import numpy as np

from abi.quant._base import U8, DecodeOnly, F32Array, half

__all__ = ["Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K"]

_TWO_BITS = np.array([0, 2, 4, 6], np.uint8)


class Q2_K(DecodeOnly):  # noqa: N801 - the formats' own names
    name = "Q2_K"

    def decode(self, blocks: U8) -> F32Array:
        scales = blocks[:, :16].reshape(-1, 2, 4, 2, 1)  # (n, half, shift, 16 values, 1)
        d, dmin = half(blocks[:, 80:82]), half(blocks[:, 82:84])
        scale = _spread(d) * (scales & 0x0F).astype(np.float32)
        low = _spread(dmin) * (scales >> 4).astype(np.float32)
        out = _two_bits(blocks[:, 16:80]).astype(np.float32)
        out *= scale
        out -= low
        return out.reshape(len(blocks), 256)


class Q3_K(DecodeOnly):  # noqa: N801
    name = "Q3_K"

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


class Q4_K(DecodeOnly):  # noqa: N801
    name = "Q4_K"

    def decode(self, blocks: U8) -> F32Array:
        out = np.empty((len(blocks), 4, 2, 32), np.float32)
        nibbles = blocks[:, 16:].reshape(-1, 4, 32)
        np.bitwise_and(nibbles, 0x0F, out=out[:, :, 0], casting="unsafe")
        np.right_shift(nibbles, 4, out=out[:, :, 1], casting="unsafe")
        return _scaled(out, blocks)


class Q5_K(DecodeOnly):  # noqa: N801
    name = "Q5_K"

    def decode(self, blocks: U8) -> F32Array:
        nibbles = blocks[:, 48:].reshape(-1, 4, 1, 32)
        shifts = np.arange(8, dtype=np.uint8).reshape(4, 2, 1)
        fifth = blocks[:, 16:48].reshape(-1, 1, 1, 32) >> shifts & 1
        quants = nibbles >> np.array([0, 4], np.uint8).reshape(2, 1) & 0x0F | fifth << 4
        return _scaled(quants.astype(np.float32), blocks)


class Q6_K(DecodeOnly):  # noqa: N801
    name = "Q6_K"

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
