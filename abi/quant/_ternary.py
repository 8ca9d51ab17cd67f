"""Formats of one or two bits: signs, three values, four values.

    TQ1_0  48 B + 4 B, five or four base-3 digits a byte | d f16    blocks of 256
    TQ2_0  64 B, four digits a byte | d f16                         blocks of 256
    Q1_0   d f16 | 16 B of signs                     x = d or -d    blocks of 128
    Q2_0   d f16 | 16 B, four quants a byte          x = d * (q - 1), blocks of 64

A byte of base-3 digits holds their fraction of 243 in 256ths, rounded up, so that each digit
comes out as the overflow of a product by 3. Follows the functions of ggml.
"""

from __future__ import annotations

import numpy as np

from abi.quant._base import U8, F32Array, column_sum, half, half_bytes, inverse, round_half_away

__all__ = ["Q1_0", "Q2_0", "TQ1_0", "TQ2_0"]

_POWERS = np.array([1, 3, 9, 27, 81], np.uint8).reshape(5, 1)
_SHIFTS = np.array([0, 2, 4, 6], np.uint8)


class TQ1_0:  # noqa: N801 - the formats' own names
    """Three values, 1.6875 bits an element."""

    name = "TQ1_0"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        parts = [(blocks[:, :32], 5), (blocks[:, 32:48], 5), (blocks[:, 48:52], 4)]
        digits = [(part[:, None] * _POWERS[:k]).reshape(n, -1) for part, k in parts]
        quants = np.concatenate(digits, axis=1).astype(np.uint16) * 3 >> 8
        out = quants.astype(np.float32)
        out -= 1
        out *= half(blocks[:, 52:54])
        return out

    def encode(self, values: F32Array) -> U8:
        n = len(values)
        quants, d = _ternary(values)
        parts = [quants[:, :160], quants[:, 160:240], quants[:, 240:]]
        packed = [
            _fractions(p.reshape(n, k, p.shape[1] // k))
            for p, k in zip(parts, (5, 5, 4), strict=True)
        ]
        return np.concatenate([*packed, d], axis=1)


class TQ2_0:  # noqa: N801
    """Three values, 2.0625 bits an element."""

    name = "TQ2_0"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        out = (blocks[:, :64].reshape(-1, 2, 1, 32) >> _SHIFTS.reshape(4, 1) & 3).astype(np.float32)
        out -= 1
        out = out.reshape(len(blocks), 256)
        out *= half(blocks[:, 64:66])
        return out

    def encode(self, values: F32Array) -> U8:
        quants, d = _ternary(values)
        parts = quants.reshape(-1, 2, 4, 32) << _SHIFTS.reshape(4, 1)
        return np.concatenate([np.bitwise_or.reduce(parts, axis=2).reshape(-1, 64), d], axis=1)


class Q1_0:  # noqa: N801
    """A sign an element; the scale is the mean magnitude."""

    name = "Q1_0"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        bits = np.unpackbits(blocks[:, 2:], axis=1, bitorder="little")
        d = half(blocks[:, :2])
        return np.where(bits, d, -d)

    def encode(self, values: F32Array) -> U8:
        total = column_sum(np.ascontiguousarray(np.abs(values).T))
        d = (total / np.float32(128)).astype(np.float32)[:, None]
        return np.concatenate(
            [half_bytes(d), np.packbits(values >= 0, axis=1, bitorder="little")], axis=1
        )


class Q2_0:  # noqa: N801
    """-d, 0, d and 2d; the scale is the largest magnitude."""

    name = "Q2_0"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        out = (blocks[:, 2:, None] >> _SHIFTS & 3).astype(np.float32).reshape(-1, 64)
        out -= 1
        out *= half(blocks[:, :2])
        return out

    def encode(self, values: F32Array) -> U8:
        quants, d = _ternary(values)
        parts = quants.reshape(-1, 16, 4) << _SHIFTS
        return np.concatenate([d, np.bitwise_or.reduce(parts, axis=2)], axis=1)


def _ternary(values: F32Array) -> tuple[U8, U8]:
    """0, 1 or 2 for -d, 0 or d, the largest magnitude; and d as float16."""
    d = np.abs(values).max(axis=1, keepdims=True)
    quants = round_half_away(values * inverse(d))
    quants += 1
    return quants.astype(np.uint8), half_bytes(d)


def _fractions(digits: U8) -> U8:
    """`(n, k, m)` base-3 digits, the first the highest of five, to `(n, m)` bytes."""
    powers = _POWERS[::-1][: digits.shape[1]]
    numbers = (digits * powers).sum(axis=1, dtype=np.uint16)
    packed: U8 = ((numbers * np.uint16(256) + np.uint16(242)) // np.uint16(243)).astype(np.uint8)
    return packed
