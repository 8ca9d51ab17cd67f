"""Formats whose groups of 4 or 8 quants are rows of a grid.

    IQ1_S    d f16 | 32 B low index | 8 x u16: 4 x 3 bits of index, 3 of scale, 1 of shift
    IQ1_M    32 B low index | 16 B: 2 x (3 bits of index, 1 of shift) | 8 B: 16 x 3 bits, d
    IQ2_XXS  d f16 | 8 x (4 B index, u32: 4 x 7 bits of sign, 4 of scale)
    IQ2_XS   d f16 | 32 x u16: 9 bits of index, 7 of sign | 16 x 4 bits of scale
    IQ2_S    d f16 | 32 B low index | 32 B sign | 8 B: 4 x 2 bits of index | 16 x 4 bits of scale
    IQ3_XXS  d f16 | 64 B index | 8 x u32: 4 x 7 bits of sign, 4 of scale
    IQ3_S    d f16 | 64 B low index | 8 B: 8 x 1 bit of index | 32 B sign | 8 x 4 bits of scale

Follows the dequantize_row functions of ggml. Only IQ3_S is made: the others need an importance
matrix.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from abi.quant._base import U8, DecodeOnly, F32Array, half, half_bytes, inverse
from abi.quant._grids import grid, sign_grid
from abi.quant._neighbours import grid_search
from abi.quant._search import columns, in_parts, nearest

__all__ = ["IQ1_M", "IQ1_S", "IQ2_S", "IQ2_XS", "IQ2_XXS", "IQ3_S", "IQ3_XXS"]

_SHIFT = np.float32(0.125)
_SEVENS = np.arange(0, 28, 7, dtype=np.uint32)


class IQ1_S(DecodeOnly):  # noqa: N801 - the formats' own names
    name = "IQ1_S"

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        high = _words(blocks[:, 34:50], "<u2")  # (n, 8)
        upper = high[:, :, None] >> np.arange(0, 12, 3, dtype=np.uint16) & 7
        index = blocks[:, 2:34].reshape(n, 8, 4) | upper << 8
        scale = half(blocks[:, :2]) * (2 * (high >> 12 & 7) + 1).astype(np.float32)
        shift = np.where(high & 0x8000, -_SHIFT, _SHIFT)
        return _ternary(index, scale.reshape(n, 8, 1, 1), shift.reshape(n, 8, 1, 1))


class IQ1_M(DecodeOnly):  # noqa: N801
    name = "IQ1_M"

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        words = _words(blocks[:, 48:56], "<u2")  # (n, 4)
        tops = (words >> 12 << np.array([0, 4, 8, 12], np.uint16)).sum(axis=1, dtype=np.uint16)
        d = tops.astype("<u2").view("<f2").astype(np.float32)
        scales = words[:, :, None] >> np.array([0, 3, 6, 9], np.uint16) & 7  # (n, 4, 4)
        scale = d[:, None] * (2 * scales.reshape(n, 16) + 1).astype(np.float32)
        high = blocks[:, 32:48, None] >> np.array([0, 4], np.uint8) & 0x0F  # (n, 16, 2)
        index = blocks[:, :32].reshape(n, 16, 2) | (high & 7).astype(np.uint16) << 8
        shift = np.where(high & 8, -_SHIFT, _SHIFT)
        return _ternary(index, scale.reshape(n, 16, 1, 1), shift.reshape(n, 16, 2, 1))


class IQ2_XXS(DecodeOnly):  # noqa: N801
    name = "IQ2_XXS"

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        parts = blocks[:, 2:66].reshape(n, 8, 8)
        words = _words(parts[:, :, 4:], "<u4")[:, :, 0]  # (n, 8)
        out: F32Array = grid(self.name)[parts[:, :, :4]]  # (n, 8, 4, 8)
        out *= _quarter(blocks, words >> 28).reshape(n, 8, 1, 1)
        out *= sign_grid(7)[words[:, :, None] >> _SEVENS & 127]
        return out.reshape(n, 256)


class IQ2_XS(DecodeOnly):  # noqa: N801
    name = "IQ2_XS"

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        words = _words(blocks[:, 2:66], "<u2").reshape(n, 16, 2)
        out: F32Array = grid(self.name)[words & 511]  # (n, 16, 2, 8)
        out *= _quarter(blocks, _pairs(blocks[:, 66:74])).reshape(n, 16, 1, 1)
        out *= sign_grid(7)[words >> 9]
        return out.reshape(n, 256)


class IQ2_S(DecodeOnly):  # noqa: N801
    name = "IQ2_S"

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        high = blocks[:, 66:74, None] >> np.array([0, 2, 4, 6], np.uint8) & 3  # (n, 8, 4)
        index = blocks[:, 2:34] | high.reshape(n, 32).astype(np.uint16) << 8
        out: F32Array = grid(self.name)[index].reshape(n, 16, 2, 8)
        out *= _quarter(blocks, _pairs(blocks[:, 74:82])).reshape(n, 16, 1, 1)
        out *= sign_grid(8)[blocks[:, 34:66]].reshape(n, 16, 2, 8)
        return out.reshape(n, 256)


class IQ3_XXS(DecodeOnly):  # noqa: N801
    name = "IQ3_XXS"

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        words = _words(blocks[:, 66:98], "<u4")  # (n, 8)
        scale = half(blocks[:, :2]) * (np.float32(0.5) + (words >> 28).astype(np.float32))
        out: F32Array = grid(self.name)[blocks[:, 2:66]].reshape(n, 8, 4, 8)
        out *= (scale * np.float32(0.5)).reshape(n, 8, 1, 1)
        out *= sign_grid(7)[words[:, :, None] >> _SEVENS & 127]
        return out.reshape(n, 256)


class IQ3_S:  # noqa: N801
    name = "IQ3_S"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        high = np.unpackbits(blocks[:, 66:74], axis=1, bitorder="little")
        out: F32Array = grid(self.name)[blocks[:, 2:66] | high.astype(np.uint16) << 8].reshape(
            n, 8, 4, 8
        )
        scale = half(blocks[:, :2]) * (2 * _pairs(blocks[:, 106:110]) + 1).astype(np.float32)
        out *= scale.reshape(n, 8, 1, 1)
        out *= sign_grid(8)[blocks[:, 74:106]].reshape(n, 8, 4, 8)
        return out.reshape(n, 256)

    def encode(self, values: F32Array) -> U8:
        n = len(values)
        found, rows = in_parts(grid_search, np.abs(columns(values, 32)))
        scale = found.reshape(n, 8)
        index = rows.T.reshape(n, 64).astype(np.uint16)
        high = np.packbits((index >> 8).astype(np.uint8), axis=1, bitorder="little")
        signs = np.packbits(values < 0, axis=1, bitorder="little")
        d = scale.max(axis=1, keepdims=True) / np.float32(31)
        whole = nearest(np.float32(0.5) * (inverse(d) * scale - np.float32(1)), 0, 15)
        codes = whole.astype(np.uint8)
        head, low = half_bytes(d * np.float32(1.033)), index.astype(np.uint8)
        scales = codes[:, ::2] | codes[:, 1::2] << np.uint8(4)
        return np.concatenate([head, low, high, signs, scales], axis=1)


def _words(column: U8, code: str) -> npt.NDArray[np.unsignedinteger]:
    return np.ascontiguousarray(column).view(code)


def _pairs(packed: U8) -> U8:
    """`(n, k)` bytes to `(n, 2k)` nibbles, the low one of each first."""
    shifts = np.array([0, 4], np.uint8)
    return (packed[:, :, None] >> shifts & np.uint8(0x0F)).reshape(len(packed), -1)


def _quarter(blocks: U8, scales: npt.NDArray[np.integer]) -> F32Array:
    """`d * (scale + 1/2) / 4`, `(n, k)`."""
    whole = np.float32(0.5) + scales.astype(np.float32)
    return half(blocks[:, :2]) * whole * np.float32(0.25)


def _ternary(index: npt.NDArray[np.integer], scale: F32Array, shift: F32Array) -> F32Array:
    """`scale * (row + shift)` over the grid of IQ1."""
    out: F32Array = grid("IQ1_S")[index]
    out += shift
    out *= scale
    return out.reshape(len(index), 256)
