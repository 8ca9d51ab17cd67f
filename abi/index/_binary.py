"""Vectors as one bit a dimension, with an estimate of their products that is right on average.

RaBitQ (Gao and Long, SIGMOD 2024, arXiv 2405.12497): rows are centred and turned by a random
rotation, and the signs are kept. A row r is then near its signs b in direction, and
<r, q> = |r|^2 / |r|_1 * <b, q> on average over rotations. Queries are rounded to 4 bits, so that
products with signs are counts of bits; batches multiply with the signs themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.index._blocks import spans, top_of_blocks
from abi.index._protocol import Found, Mask
from abi.index._vectors import Vectors, inverse_norms
from abi.kernels import NumpyKernels, select

__all__ = ["BinaryCodes"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

_BITS = 4  # of a query's numbers
_FEW = 4  # queries up to which bits are counted


@dataclass(frozen=True)
class BinaryCodes:
    """Rows of signs.

    Parameters
    ----------
    codes : (n, w) uint64
        Signs of the rotated rows, 64 a word; bits beyond `dim` are zero.
    factors : (2, n) float32
        |r|^2 / |r|_1 and |r|^2 of each row.
    rotation : (dim, dim) float32
    centre : (dim,) float32
        What was taken off each row before it was rotated.
    metric : {"cosine", "ip", "l2"}
    kernels : NumpyKernels
    """

    codes: U64
    factors: F32
    rotation: F32
    centre: F32
    metric: str
    kernels: NumpyKernels = field(default_factory=select)

    @classmethod
    def of(cls, vectors: Vectors, seed: int = 0) -> BinaryCodes:
        """Codes of vectors.

        Raises
        ------
        InputError
            If they are bits already.
        """
        if vectors.metric == "hamming":
            raise InputError("bits are codes already; binary codes are for float vectors")
        n, dim = vectors.data.shape
        unit = vectors.metric == "cosine"
        centre = np.zeros(dim, np.float64)
        for start, stop in spans(n, dim):
            centre += _rows(vectors.data[start:stop], unit).sum(axis=0, dtype=np.float64)
        mean = (centre / max(1, n)).astype(np.float32)
        rotation = _rotation(dim, seed)
        codes = np.zeros((n, -(-dim // 64)), np.uint64)
        factors = np.empty((2, n), np.float32)
        for start, stop in spans(n, dim):
            rows = (_rows(vectors.data[start:stop], unit) - mean) @ rotation
            codes[start:stop] = _packed(rows > 0)
            squares, sums = np.vecdot(rows, rows), np.abs(rows).sum(axis=1)
            ratio = np.divide(squares, sums, out=np.zeros_like(squares), where=sums > 0)
            factors[:, start:stop] = ratio, squares
        return cls(codes, factors, rotation, mean, vectors.metric, vectors.kernels)

    def __len__(self) -> int:
        return len(self.codes)

    def prepare(self, queries: npt.NDArray[Any]) -> F32:
        """Rotated queries and, last, what is added to each of their products: `(Q, dim + 1)`."""
        dim = len(self.centre)
        if queries.ndim != 2 or queries.shape[1] != dim:
            raise InputError(f"queries: shape {queries.shape}; expected (Q, {dim})")
        rows = _rows(queries, self.metric == "cosine")
        if self.metric == "l2":
            rows = rows - self.centre
            added = -np.vecdot(rows, rows)
        else:
            added = rows @ self.centre
        return np.concatenate([rows @ self.rotation, added[:, None]], axis=1)

    def block(self, prepared: F32, start: int, stop: int) -> F32:
        """Scores of rows start to stop: `(Q, stop - start)`."""
        turned, codes = prepared[:, :-1], self.codes[start:stop]
        if len(turned) <= _FEW:
            signed = (
                np.stack([_counted(query, codes) for query in turned])
                if len(turned)
                else (np.empty((0, stop - start), np.float32))
            )
        else:
            signed = 2 * (turned @ _unpacked(codes, turned.shape[1]).T)
            signed -= turned.sum(axis=1)[:, None]
        return self._scores(signed, prepared[:, -1:], slice(start, stop))

    def pairs(self, prepared: F32, which: I64, rows: I64) -> F32:
        """Scores of single rows, each for one query: `(m,)`; `which` ascends."""
        asked = prepared[which]
        turned = asked[:, :-1]
        bits = _unpacked(self.codes[rows], turned.shape[1])
        signed = 2 * np.vecdot(bits, turned) - turned.sum(axis=1)
        return self._scores(signed, asked[:, -1], rows)

    def top(self, prepared: F32, k: int, allow: Mask | None = None) -> Found:
        """The best k of all rows, or of those allowed, `(n,)` bool."""
        return top_of_blocks(self, prepared, k, allow, len(self.centre))

    def _scores(self, signed: F32, added: F32, rows: slice | I64) -> F32:
        ratio, squares = self.factors[:, rows]
        found: F32 = signed * ratio + added
        if self.metric == "l2":
            found += signed * ratio - squares
        return found


def _rows(rows: npt.NDArray[Any], unit: bool) -> F32:
    wide = np.asarray(rows, np.float32)
    return wide * inverse_norms(wide)[:, None] if unit else wide


def _rotation(dim: int, seed: int) -> F32:
    """A random orthogonal matrix, uniform over all of them."""
    q, r = np.linalg.qr(np.random.default_rng(seed).standard_normal((dim, dim)))
    return np.ascontiguousarray(q * np.sign(np.diagonal(r)), np.float32)


def _packed(signs: npt.NDArray[np.bool_]) -> U64:
    """Bits in words, the first in the lowest bit."""
    width = -(-signs.shape[1] // 64) * 8
    found = np.zeros((len(signs), width), np.uint8)
    some = np.packbits(signs, axis=1, bitorder="little")
    found[:, : some.shape[1]] = some
    return found.view("<u8")


def _unpacked(codes: U64, dim: int) -> F32:
    """Bits as 0 and 1."""
    octets = np.ascontiguousarray(codes).view(np.uint8)
    bits = np.unpackbits(octets, axis=1, count=dim, bitorder="little")
    return np.asarray(bits, np.float32)


def _counted(query: F32, codes: U64) -> F32:
    """Products of signs with a query that is rounded to 4 bits: `(n,)`."""
    low, high = float(query.min()), float(query.max())
    step = (high - low) / ((1 << _BITS) - 1) or 1.0
    levels = np.rint((query - low) / step).astype(np.uint8)
    total = np.zeros(len(codes), np.int64)
    for bit in range(_BITS):
        plane = _packed((levels >> bit & 1).astype(np.bool_)[None])[0]
        total += np.bitwise_count(codes & plane).sum(axis=1, dtype=np.int64) << bit
    ones = np.bitwise_count(codes).sum(axis=1, dtype=np.int64)
    positive = step * total + low * ones
    whole = step * int(levels.sum(dtype=np.int64)) + low * len(query)
    return np.asarray(2 * positive - whole, np.float32)
