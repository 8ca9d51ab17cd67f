"""Round-to-nearest formats: 32 elements share one float16 scale.

    Q8_0   d f16 | 32 x int8              x = d * q
    Q4_0   d f16 | 16 bytes of nibbles    x = d * (q - 8); element i is the low nibble of
                                          byte i, element i + 16 its high nibble

Follows `quantize_row_q8_0_ref` and `quantize_row_q4_0_ref` of ggml.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Q4_0", "Q8_0"]

U8 = npt.NDArray[np.uint8]
F32Array = npt.NDArray[np.float32]


class Q8_0:  # noqa: N801 - the format's own name
    """8 bits an element: scale is the largest magnitude over 127."""

    name = "Q8_0"

    def decode(self, blocks: U8) -> F32Array:
        quants = blocks[:, 2:].view(np.int8).astype(np.float32)
        return _scaled(quants, blocks)

    def encode(self, values: F32Array) -> U8:
        scale = np.abs(values).max(axis=1, keepdims=True) / np.float32(127)
        scaled = values * _inverse(scale)
        quants = _round_half_away(scaled).astype(np.int8)
        return np.concatenate([_f16_bytes(scale), quants.view(np.uint8)], axis=1)


class Q4_0:  # noqa: N801
    """4 bits an element: scale is the value of largest magnitude over -8."""

    name = "Q4_0"

    def decode(self, blocks: U8) -> F32Array:
        nibbles, quants = blocks[:, 2:], np.empty((len(blocks), 32), np.float32)
        np.bitwise_and(nibbles, 0x0F, out=quants[:, :16], casting="unsafe")
        np.right_shift(nibbles, 4, out=quants[:, 16:], casting="unsafe")
        quants -= 8
        return _scaled(quants, blocks)

    def encode(self, values: F32Array) -> U8:
        largest = np.abs(values).argmax(axis=1, keepdims=True)
        scale = np.take_along_axis(values, largest, axis=1) / np.float32(-8)
        # ggml's x * id + 8.5 is a fused multiply-add where there is one: rounded once.
        shifted = (values.astype(np.float64) * _inverse(scale) + 8.5).astype(np.float32)
        quants = np.clip(shifted, 0, 15).astype(np.uint8)
        packed = quants[:, :16] | (quants[:, 16:] << 4)
        return np.concatenate([_f16_bytes(scale), packed], axis=1)


def _scaled(quants: F32Array, blocks: U8) -> F32Array:
    """The quants, multiplied in place by their blocks' scales."""
    scale = blocks[:, :2].view("<f2").astype(np.float32)  # (n, 1)
    with np.errstate(invalid="ignore"):  # a scale of infinity times 0 is NaN, as in ggml
        quants *= scale
    return quants


def _round_half_away(x: F32Array) -> F32Array:
    """C's roundf; NumPy's own rounds halves to even."""
    magnitude = np.abs(x)
    whole = np.floor(magnitude)
    whole += magnitude - whole >= np.float32(0.5)
    return np.copysign(whole, x)


def _f16_bytes(scale: F32Array) -> U8:
    with np.errstate(over="ignore"):
        return scale.astype("<f2").view(np.uint8)


def _inverse(scale: F32Array) -> F32Array:
    """`1 / scale`; 0 where that is no number, as for scales so small that float16 has 0."""
    with np.errstate(over="ignore", divide="ignore"):
        inverse = np.float32(1) / scale
    return np.where(np.isfinite(inverse), inverse, np.float32(0))
