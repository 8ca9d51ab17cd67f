"""What block formats share: the half-precision scale, nibbles, rounding, sums."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from abi.errors import UnsupportedError

__all__ = [
    "U8",
    "DecodeOnly",
    "F32Array",
    "column_sum",
    "half",
    "half_bytes",
    "inverse",
    "nibbles",
    "pack_nibbles",
    "round_half_away",
]

U8 = npt.NDArray[np.uint8]
F32Array = npt.NDArray[np.float32]


class DecodeOnly:
    """A format that can be read, and not made without an importance matrix."""

    name: str
    encodes = False

    def encode(self, values: F32Array) -> U8:
        reason = "which needs an importance matrix"
        raise UnsupportedError(f"tensor type {self.name} can be read, but not made, {reason}")


def half(column: U8) -> F32Array:
    """Two bytes a block as float32, `(n, 1)`."""
    return np.ascontiguousarray(column).view("<f2").astype(np.float32)


def half_bytes(values: F32Array) -> U8:
    """`(n, 1)` rounded to float16, as `(n, 2)` bytes; what is too large becomes infinity."""
    with np.errstate(over="ignore"):
        return values.astype("<f2").view(np.uint8)


def inverse(scale: F32Array) -> F32Array:
    """`1 / scale`; 0 where that is no number, as for scales so small that float16 has 0."""
    with np.errstate(over="ignore", divide="ignore"):
        found = np.float32(1) / scale
    return np.where(np.isfinite(found), found, np.float32(0))


def column_sum(x: F32Array) -> F32Array:
    """Sums of the columns of `(k, n)`, one row after the other, `(n,)`."""
    alone = x.shape[1] == 1  # which NumPy would sum in pairs
    total: F32Array = np.add.accumulate(x)[-1] if alone else np.add.reduce(x, axis=0)
    return total


def nibbles(packed: U8) -> F32Array:
    """`(n, k)` bytes to `(n, 2k)`: all low nibbles, then all high ones."""
    k = packed.shape[1]
    out = np.empty((len(packed), 2 * k), np.float32)
    np.bitwise_and(packed, 0x0F, out=out[:, :k], casting="unsafe")
    np.right_shift(packed, 4, out=out[:, k:], casting="unsafe")
    return out


def pack_nibbles(quants: U8) -> U8:
    """`(n, 2k)` numbers below 16 to `(n, k)` bytes, the inverse of `nibbles`."""
    k = quants.shape[1] // 2
    return quants[:, :k] & np.uint8(0x0F) | quants[:, k:] << np.uint8(4)


def round_half_away(x: F32Array) -> F32Array:
    """C's roundf; NumPy's own rounds halves to even."""
    magnitude = np.abs(x)
    whole = np.floor(magnitude)
    whole += magnitude - whole >= np.float32(0.5)
    return np.copysign(whole, x)
