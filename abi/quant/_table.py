"""Formats of 4 bits whose quants are indices into a table of uneven steps.

    IQ4_NL  d f16 | 16 B of nibbles                     blocks of 32
    IQ4_XS  d f16 | 8 scales of 6 bits: u16 high, 4 B low | 128 B of nibbles

Follows the dequantize_row and quantize functions of ggml without an importance matrix.
"""

from __future__ import annotations

import numpy as np

from abi.quant._base import U8, F32Array, half, half_bytes, inverse, pack_nibbles
from abi.quant._search import columns, in_parts, nearest, peak, table_search

__all__ = ["IQ4_NL", "IQ4_XS"]

_VALUES = np.array(
    [-127, -104, -83, -65, -49, -35, -22, -10, 1, 13, 25, 38, 53, 69, 89, 113], np.float32
)
_N_TRIES = 7
# The middles between values are halves, so whole numbers of halves decide.
_HALVES = 512
_INDEX = np.searchsorted(
    _VALUES[1:] + _VALUES[:-1], np.arange(-_HALVES, _HALVES, dtype=np.float32), side="right"
).astype(np.uint8)
_NEAREST = _VALUES[_INDEX]


class IQ4_NL:  # noqa: N801 - the formats' own names
    """4 bits an element: a scale for 32."""

    name = "IQ4_NL"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        out = _look_up(blocks[:, 2:])
        out *= half(blocks[:, :2])
        return out

    def encode(self, values: F32Array) -> U8:
        (scale,) = in_parts(_search, columns(values, 32))
        column = scale.reshape(-1, 1)
        packed = pack_nibbles(_INDEX.take(_places(values, inverse(column)), mode="clip"))
        return np.concatenate([half_bytes(column), packed], axis=1)


class IQ4_XS:  # noqa: N801
    """4 bits an element: a scale for 256, and one of 6 bits for each 32."""

    name = "IQ4_XS"
    encodes = True

    def decode(self, blocks: U8) -> F32Array:
        n, i = len(blocks), np.arange(8)
        high = np.ascontiguousarray(blocks[:, 2:4]).view("<u2") >> (2 * i).astype(np.uint16) & 3
        low = blocks[:, 4 + i // 2] >> (4 * (i % 2)).astype(np.uint8) & 0x0F
        scales = (low | high.astype(np.uint8) << 4).astype(np.int8) - np.int8(32)
        d = half(blocks[:, :2]) * scales.astype(np.float32)  # (n, 8)
        out = _look_up(blocks[:, 8:].reshape(-1, 16)).reshape(n, 8, 32)
        out *= d[:, :, None]
        return out.reshape(n, 256)

    def encode(self, values: F32Array) -> U8:
        n = len(values)
        (found,) = in_parts(_search, columns(values, 32))
        scale = found.reshape(n, 8)
        d = -peak(scale.T)[:, None] / np.float32(32)
        scales = nearest(inverse(d) * scale, -32, 31)
        places = _places(values.reshape(-1, 32), inverse((d * scales).reshape(-1, 1)))
        packed = pack_nibbles(_INDEX.take(places, mode="clip")).reshape(n, 128)
        codes = (scales + 32).astype(np.uint8)
        shifts = (2 * np.arange(8)).astype(np.uint16)
        high = (codes >> 4 << shifts).sum(axis=1, dtype=np.uint16).astype("<u2")
        low = codes[:, ::2] & 0x0F | (codes[:, 1::2] & 0x0F) << 4
        return np.concatenate(
            [half_bytes(d), high.view(np.uint8).reshape(n, 2), low, packed], axis=1
        )


def _look_up(packed: U8) -> F32Array:
    """`(n, 16)` bytes to the values of all low nibbles, then of all high ones."""
    return np.concatenate([_VALUES[packed & 0x0F], _VALUES[packed >> 4]], axis=1)


def _places(x: F32Array, factor: F32Array) -> np.ndarray[tuple[int, ...], np.dtype[np.intp]]:
    """Where `x * factor` stands in the tables."""
    halves = x * (factor + factor)
    np.floor(halves, out=halves)
    np.clip(halves, -_HALVES, _HALVES - 1, out=halves)
    halves += np.float32(_HALVES)
    return halves.astype(np.intp)


def _value_at(x: F32Array, factor: F32Array) -> F32Array:
    return _NEAREST.take(_places(x, factor), mode="clip")


def _search(x: F32Array) -> tuple[F32Array, ...]:
    return table_search(x, int(_VALUES[0]), _N_TRIES, _value_at)
