"""Formats whose groups of 4 or 8 quants are rows of a grid.

    IQ1_S    d f16 | 32 B low index | 8 x u16: 4 x 3 bits of index, 3 of scale, 1 of shift
    IQ1_M    32 B low index | 16 B: 2 x (3 bits of index, 1 of shift) | 8 B: 16 x 3 bits, d
    IQ2_XXS  d f16 | 8 x (4 B index, u32: 4 x 7 bits of sign, 4 of scale)
    IQ2_XS   d f16 | 32 x u16: 9 bits of index, 7 of sign | 16 x 4 bits of scale
    IQ2_S    d f16 | 32 B low index | 32 B sign | 8 B: 4 x 2 bits of index | 16 x 4 bits of scale
    IQ3_XXS  d f16 | 64 B index | 8 x u32: 4 x 7 bits of sign, 4 of scale
    IQ3_S    d f16 | 64 B low index | 8 B: 8 x 1 bit of index | 32 B sign | 8 x 4 bits of scale

Follows the dequantize_row functions of ggml. IQ1_S, IQ2_XXS and IQ2_XS are not made: they need an
importance matrix.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from abi.quant import _neighbours
from abi.quant._base import U8, DecodeOnly, F32Array, column_sum, half, half_bytes, inverse
from abi.quant._grids import grid, sign_grid
from abi.quant._search import Found, columns, in_parts, nearest
from abi.quant._splits import shifted, split_search

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


class IQ1_M:  # noqa: N801
    name = "IQ1_M"
    encodes = True

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

    def encode(self, values: F32Array) -> U8:
        n = len(values)
        x = columns(values, 16)
        found, rows, shifts = in_parts(split_search, x)
        scale = found.reshape(n, 16)
        d = scale.max(axis=1, keepdims=True) / np.float32(15)
        codes = nearest(np.float32(0.5) * (inverse(d) * scale - np.float32(1)), 0, 7)
        index, moved = rows.astype(np.uint16), shifts.astype(np.uint16)
        q = shifted(index.astype(np.intp), moved) * (2 * codes.reshape(-1) + np.float32(1))
        # The sums run over the 256 elements of a block one after the other.
        q, x = (np.ascontiguousarray(a.T.reshape(n, 256).T) for a in (q, x))
        weights = x * x
        sum_xq, sum_qq = column_sum(weights * q * x), column_sum(weights * q * q)
        d = np.where(sum_qq > 0, sum_xq / sum_qq, d[:, 0])[:, None]
        bits = half_bytes(d * np.float32(1.1125)).view("<u2")  # (n, 1)
        tops = bits >> np.array([0, 4, 8, 12], np.uint16) & 15
        parts = codes.astype(np.uint16).reshape(n, 4, 4) << np.array([0, 3, 6, 9], np.uint16)
        words = (parts.sum(axis=2, dtype=np.uint16) | tops << 12).astype("<u2").view(np.uint8)
        high = (index >> 8 | moved << 3).astype(np.uint8)  # (2, n * 16)
        low, upper = index.T.reshape(n, 32).astype(np.uint8), high[0] | high[1] << np.uint8(4)
        made = np.concatenate([low, upper.reshape(n, 16), words], axis=1)
        made[scale.max(axis=1) == 0] = 0
        return made


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


class IQ2_S:  # noqa: N801
    name = "IQ2_S"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        high = blocks[:, 66:74, None] >> np.array([0, 2, 4, 6], np.uint8) & 3  # (n, 8, 4)
        index = blocks[:, 2:34] | high.reshape(n, 32).astype(np.uint16) << 8
        out: F32Array = grid(self.name)[index].reshape(n, 16, 2, 8)
        out *= _quarter(blocks, _pairs(blocks[:, 74:82])).reshape(n, 16, 1, 1)
        out *= sign_grid(8)[blocks[:, 34:66]].reshape(n, 16, 2, 8)
        return out.reshape(n, 256)

    def encode(self, values: F32Array) -> U8:
        n = len(values)
        squares = np.float32(2) * column_sum(columns(values * values, 256)) / np.float32(256)
        x = columns(values, 16)
        weights = np.repeat(np.float32(0.25) * squares, 16) + x * x
        found, rows = _searched(_neighbours.IQ2_S, np.abs(x), weights)
        scale = found.reshape(n, 16)
        index = rows.T.reshape(n, 32).astype(np.uint16)
        high = (index >> 8).reshape(n, 8, 4) << np.array([0, 2, 4, 6], np.uint16)
        signs = np.packbits(values < 0, axis=1, bitorder="little")
        signs[np.repeat(scale == 0, 2, axis=1)] = 0
        head, codes = _scales(scale, np.float32(0.9875))
        upper = high.sum(axis=2).astype(np.uint8)
        packed = codes[:, ::2] | codes[:, 1::2] << np.uint8(4)
        return np.concatenate([head, index.astype(np.uint8), signs, upper, packed], axis=1)


class IQ3_XXS:  # noqa: N801
    name = "IQ3_XXS"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        n = len(blocks)
        words = _words(blocks[:, 66:98], "<u4")  # (n, 8)
        scale = half(blocks[:, :2]) * (np.float32(0.5) + (words >> 28).astype(np.float32))
        out: F32Array = grid(self.name)[blocks[:, 2:66]].reshape(n, 8, 4, 8)
        out *= (scale * np.float32(0.5)).reshape(n, 8, 1, 1)
        out *= sign_grid(7)[words[:, :, None] >> _SEVENS & 127]
        return out.reshape(n, 256)

    def encode(self, values: F32Array) -> U8:
        n = len(values)
        eights = values.reshape(n, 32, 8)
        # The number of signs is made even: the least element takes the wrong one.
        negative = eights < 0
        odd = negative.sum(axis=2) & 1 == 1
        least = (eights * eights * eights * eights).argmin(axis=2)[:, :, None]
        turned = np.zeros_like(negative)
        np.put_along_axis(turned, least, odd[:, :, None], axis=2)
        x = np.where(turned, -np.abs(eights), np.abs(eights)).reshape(n, 256)
        weights = columns(values, 32) ** 2
        found, rows = _searched(_neighbours.IQ3_XXS, columns(x, 32), weights)
        scale = found.reshape(n, 8)
        signs = np.packbits(negative ^ turned, axis=2, bitorder="little").reshape(n, 8, 4) & 127
        signs ^= np.where(scale < 0, np.uint8(127), np.uint8(0))[:, :, None]
        signs[scale == 0] = 0
        head, codes = _scales(np.abs(scale), np.float32(1.0125))
        words = (signs.astype(np.uint32) << _SEVENS).sum(axis=2, dtype=np.uint32)
        words |= codes.astype(np.uint32) << np.uint32(28)
        index = rows.T.reshape(n, 64).astype(np.uint8)
        return np.concatenate([head, index, words.astype("<u4").view(np.uint8)], axis=1)


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
        x = np.abs(columns(values, 32))
        found, rows = _searched(_neighbours.IQ3_S, x, x * x)
        scale = found.reshape(n, 8)
        index = rows.T.reshape(n, 64).astype(np.uint16)
        high = np.packbits((index >> 8).astype(np.uint8), axis=1, bitorder="little")
        signs = np.packbits(values < 0, axis=1, bitorder="little")
        head, codes = _scales(scale, np.float32(1.033))
        low = index.astype(np.uint8)
        scales = codes[:, ::2] | codes[:, 1::2] << np.uint8(4)
        return np.concatenate([head, low, high, signs, scales], axis=1)


def _searched(lattice: _neighbours.Lattice, x: F32Array, weights: F32Array) -> Found:
    """The search in a grid, some columns at a time."""
    k = len(x)
    return in_parts(lambda both: lattice.search(both[:k], both[k:]), np.concatenate([x, weights]))


def _scales(scale: F32Array, factor: np.float32) -> tuple[U8, U8]:
    """The half-precision scale of each block, and the four bits of each of its groups."""
    d = scale.max(axis=1, keepdims=True) / np.float32(31)
    codes = nearest(np.float32(0.5) * (inverse(d) * scale - np.float32(1)), 0, 15)
    return half_bytes(d * factor), codes.astype(np.uint8)


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
