"""8-bit formats with sums, which hold activations in dot products and never weights.

    Q8_1  d f16 | s f16 | 32 x int8               x = d * q, s = d * sum of q
    Q8_K  d f32 | 256 x int8 | 16 x int16 sums    x = d * q

Follows quantize_row_q8_1_ref and quantize_row_q8_K_ref of ggml.
"""

from __future__ import annotations

import numpy as np

from abi.quant._base import U8, F32Array, half, half_bytes, inverse, round_half_away
from abi.quant._search import nearest, peak

__all__ = ["Q8_1", "Q8_K"]


class Q8_1:  # noqa: N801 - the formats' own names
    """Q8_0 with the sum of what it stands for."""

    name = "Q8_1"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        out = blocks[:, 4:].view(np.int8).astype(np.float32)
        out *= half(blocks[:, :2])
        return out

    def encode(self, values: F32Array) -> U8:
        scale = np.abs(values).max(axis=1, keepdims=True) / np.float32(127)
        quants = round_half_away(values * inverse(scale)).astype(np.int8)
        total = quants.sum(axis=1, keepdims=True, dtype=np.int32).astype(np.float32)
        head = [half_bytes(scale), half_bytes(total * scale)]
        return np.concatenate([*head, quants.view(np.uint8)], axis=1)


class Q8_K:  # noqa: N801
    """8 bits an element of 256: scale is the value of largest magnitude over -127."""

    name = "Q8_K"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        out = blocks[:, 4:260].view(np.int8).astype(np.float32)
        out *= np.ascontiguousarray(blocks[:, :4]).view("<f4")
        return out

    def encode(self, values: F32Array) -> U8:
        largest = peak(values.T)[:, None]
        factor = np.float32(-127) / largest
        d = np.where(largest == 0, np.float32(0), np.float32(1) / factor).astype("<f4")
        quants = nearest(values * factor, -128, 127).astype(np.int8)
        quants[~values.any(axis=1)] = 0
        sums = quants.reshape(-1, 16, 16).sum(axis=2, dtype=np.int16).astype("<i2")
        return np.concatenate(
            [d.view(np.uint8), quants.view(np.uint8), sums.view(np.uint8)], axis=1
        )
