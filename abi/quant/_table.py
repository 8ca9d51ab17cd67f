"""Formats whose quants are indices into a table, and ternary ones.

    IQ4_NL  d f16 | 16 B of nibbles                     blocks of 32
    IQ4_XS  d f16 | 8 scales of 6 bits: u16 high, 4 B low | 128 B of nibbles
    MXFP4   exponent u8 | 16 B of nibbles (E2M1)         blocks of 32
    TQ1_0   48 B + 4 B, five or four base-3 digits a byte | d f16
    TQ2_0   64 B, four digits a byte | d f16

Follows the dequantize_row functions of ggml; encoding is not here yet.
"""

from __future__ import annotations

import numpy as np

from abi.quant._base import U8, DecodeOnly, F32Array, half

__all__ = ["IQ4_NL", "IQ4_XS", "MXFP4", "TQ1_0", "TQ2_0"]

_NONLINEAR = np.array(
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32
)
_E2M1 = np.array([0, 1, 2, 3, 4, 6, 8, 12, 0, -1, -2, -3, -4, -6, -8, -12], np.float32)
_POWERS = np.array([1, 3, 9, 27, 81], np.uint8).reshape(5, 1)


class IQ4_NL(DecodeOnly):  # noqa: N801 - the formats' own names
    name = "IQ4_NL"

    def decode(self, blocks: U8) -> F32Array:
        out = _look_up(_NONLINEAR, blocks[:, 2:])
        out *= half(blocks[:, :2])
        return out


class IQ4_XS(DecodeOnly):  # noqa: N801
    name = "IQ4_XS"

    def decode(self, blocks: U8) -> F32Array:
        n, i = len(blocks), np.arange(8)
        high = np.ascontiguousarray(blocks[:, 2:4]).view("<u2") >> (2 * i).astype(np.uint16) & 3
        low = blocks[:, 4 + i // 2] >> (4 * (i % 2)).astype(np.uint8) & 0x0F
        scales = (low | high.astype(np.uint8) << 4).astype(np.int8) - np.int8(32)
        d = half(blocks[:, :2]) * scales.astype(np.float32)  # (n, 8)
        out = _look_up(_NONLINEAR, blocks[:, 8:].reshape(-1, 16)).reshape(n, 8, 32)
        out *= d[:, :, None]
        return out.reshape(n, 256)


class MXFP4(DecodeOnly):
    """OCP microscaling: a power of two a block, and 4-bit floats."""

    name = "MXFP4"

    def decode(self, blocks: U8) -> F32Array:
        exponent = blocks[:, :1].astype(np.uint32)
        # Half of 2**(e - 127), because the table holds twice the values.
        bits = np.where(exponent < 2, np.uint32(0x00200000) << exponent, (exponent - 1) << 23)
        out = _look_up(_E2M1, blocks[:, 1:])
        out *= bits.astype(np.uint32).view(np.float32)
        return out


class TQ1_0(DecodeOnly):  # noqa: N801
    name = "TQ1_0"

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        parts = [(blocks[:, :32], 5), (blocks[:, 32:48], 5), (blocks[:, 48:52], 4)]
        digits = [(part[:, None] * _POWERS[:k]).reshape(n, -1) for part, k in parts]
        quants = np.concatenate(digits, axis=1).astype(np.uint16) * 3 >> 8
        out = quants.astype(np.float32)
        out -= 1
        out *= half(blocks[:, 52:54])
        return out


class TQ2_0(DecodeOnly):  # noqa: N801
    name = "TQ2_0"

    def decode(self, blocks: U8) -> F32Array:
        shifts = np.array([0, 2, 4, 6], np.uint8).reshape(4, 1)
        out = (blocks[:, :64].reshape(-1, 2, 1, 32) >> shifts & 3).astype(np.float32)
        out -= 1
        out = out.reshape(len(blocks), 256)
        out *= half(blocks[:, 64:66])
        return out


def _look_up(table: F32Array, packed: U8) -> F32Array:
    """`(n, k)` bytes to the values of all low nibbles, then of all high ones."""
    return np.concatenate([table[packed & 0x0F], table[packed >> 4]], axis=1)
