"""Round-to-nearest formats: 32 elements share a float16 scale, and some a minimum.

    Q8_0   d | 32 x int8                      x = d * q
    Q4_0   d | 16 B of nibbles                x = d * (q - 8)
    Q4_1   d | m | 16 B of nibbles            x = d * q + m
    Q5_0   d | 4 B fifth bits | 16 B nibbles  x = d * (q - 16)
    Q5_1   d | m | 4 B | 16 B                 x = d * q + m

Element i is the low nibble of byte i, element i + 16 its high nibble; fifth bits stand in
order. Follows the quantize_row_*_ref functions of ggml.
"""

from __future__ import annotations

import numpy as np

from abi.quant._base import (
    U8,
    F32Array,
    half,
    half_bytes,
    inverse,
    nibbles,
    pack_nibbles,
    round_half_away,
)

__all__ = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0"]


class Q8_0:  # noqa: N801 - the formats' own names
    """8 bits an element: scale is the largest magnitude over 127."""

    name = "Q8_0"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        out = blocks[:, 2:].view(np.int8).astype(np.float32)
        out *= half(blocks[:, :2])
        return out

    def encode(self, values: F32Array) -> U8:
        scale = np.abs(values).max(axis=1, keepdims=True) / np.float32(127)
        quants = round_half_away(values * inverse(scale)).astype(np.int8)
        return np.concatenate([half_bytes(scale), quants.view(np.uint8)], axis=1)


class Q4_0:  # noqa: N801
    """4 bits an element: scale is the value of largest magnitude over -8."""

    name = "Q4_0"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        out = nibbles(blocks[:, 2:])
        out -= 8
        out *= half(blocks[:, :2])
        return out

    def encode(self, values: F32Array) -> U8:
        quants, scale = _signed(values, 8)
        return np.concatenate([half_bytes(scale), pack_nibbles(quants)], axis=1)


class Q4_1:  # noqa: N801
    """4 bits an element between the smallest and the largest value."""

    name = "Q4_1"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        out = nibbles(blocks[:, 4:])
        out *= half(blocks[:, :2])
        out += half(blocks[:, 2:4])
        return out

    def encode(self, values: F32Array) -> U8:
        quants, scale, low = _ranged(values, 15)
        head = [half_bytes(scale), half_bytes(low)]
        return np.concatenate([*head, pack_nibbles(quants)], axis=1)


class Q5_0:  # noqa: N801
    """5 bits an element: scale is the value of largest magnitude over -16."""

    name = "Q5_0"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        out = nibbles(blocks[:, 6:])
        out += _fifth_bits(blocks[:, 2:6])
        out -= 16
        out *= half(blocks[:, :2])
        return out

    def encode(self, values: F32Array) -> U8:
        quants, scale = _signed(values, 16)
        return np.concatenate([half_bytes(scale), *_with_fifth_bits(quants)], axis=1)


class Q5_1:  # noqa: N801
    """5 bits an element between the smallest and the largest value."""

    name = "Q5_1"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        out = nibbles(blocks[:, 8:])
        out += _fifth_bits(blocks[:, 4:8])
        out *= half(blocks[:, :2])
        out += half(blocks[:, 2:4])
        return out

    def encode(self, values: F32Array) -> U8:
        quants, scale, low = _ranged(values, 31)
        head = [half_bytes(scale), half_bytes(low)]
        return np.concatenate([*head, *_with_fifth_bits(quants)], axis=1)


def _signed(values: F32Array, middle: int) -> tuple[U8, F32Array]:
    """Quants around `middle`, and the scale that puts the largest magnitude at 0."""
    largest = np.abs(values).argmax(axis=1, keepdims=True)
    scale = np.take_along_axis(values, largest, axis=1) / np.float32(-middle)
    if middle == 8:
        # ggml's x * id + 8.5 is a fused multiply-add where there is one: rounded once.
        shifted = (values.astype(np.float64) * inverse(scale) + 8.5).astype(np.float32)
    else:
        shifted = values * inverse(scale) + np.float32(middle + 0.5)
    return np.clip(shifted, 0, 2 * middle - 1).astype(np.uint8), scale


def _ranged(values: F32Array, top: int) -> tuple[U8, F32Array, F32Array]:
    """Quants from 0 to `top`, the scale and the smallest value."""
    low = values.min(axis=1, keepdims=True)
    with np.errstate(over="ignore", invalid="ignore"):
        scale = (values.max(axis=1, keepdims=True) - low) / np.float32(top)
        shifted = (values - low) * inverse(scale) + np.float32(0.5)
    return np.clip(np.nan_to_num(shifted), 0, top).astype(np.uint8), scale, low


def _fifth_bits(packed: U8) -> F32Array:
    bits = np.unpackbits(packed, axis=1, bitorder="little")
    return np.multiply(bits, 16, dtype=np.float32)


def _with_fifth_bits(quants: U8) -> tuple[U8, U8]:
    return np.packbits(quants >> 4, axis=1, bitorder="little"), pack_nibbles(quants)
