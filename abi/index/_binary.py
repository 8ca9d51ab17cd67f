"""Vectors as one bit a dimension, with an estimate of their products that is right on average.

RaBitQ (Gao and Long, SIGMOD 2024, arXiv 2405.12497): rows are centred and turned by a random
rotation, and the signs are kept. A row r is then near its signs b in direction, and
<r, q> = |r|^2 / |r|_1 * <b, q> on average over rotations. A query or two are rounded to 4 bits, so
that products with signs are counts of bits; more are multiplied with the signs themselves.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError, InputError
from abi.index._arrays import check_metric, taken
from abi.index._blocks import spans, top_of_blocks
from abi.index._centred import centred, constants_of, floats, mean_of
from abi.index._protocol import Found, Mask
from abi.index._vectors import Vectors
from abi.kernels import NumpyKernels, select

__all__ = ["BinaryCodes"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

_BITS = 4  # of a query's numbers
_FEW = 2  # queries up to which bits are counted: for more, multiplying is faster


@dataclass(frozen=True)
class BinaryCodes:
    """Rows of signs.

    Parameters
    ----------
    codes : (n, w) uint64
        Signs of the rotated rows, 64 a word; bits beyond `dim` are zero.
    factors : (2, n) float32 under "l2", else (3, n)
        |r|^2 / |r|_1 and |r|^2 of each row and, but under "l2", its product with the centre.
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
        mean = mean_of(vectors.data, unit)
        rotation = _rotation(dim, seed)
        codes = np.zeros((n, -(-dim // 64)), np.uint64)
        factors = np.empty((_factors(vectors.metric), n), np.float32)
        for start, stop in spans(n, dim):
            away = floats(vectors.data[start:stop], unit) - mean
            rows = away @ rotation
            codes[start:stop] = _packed(rows > 0)
            squares, sums = np.vecdot(rows, rows), np.abs(rows).sum(axis=1)
            ratio = np.divide(squares, sums, out=np.zeros_like(squares), where=sums > 0)
            factors[:2, start:stop] = ratio, squares
            if vectors.metric != "l2":
                factors[2, start:stop] = constants_of(away, mean, vectors.metric)
        return cls(codes, factors, rotation, mean, vectors.metric, vectors.kernels)

    def __len__(self) -> int:
        return len(self.codes)

    def prepare(self, queries: npt.NDArray[Any]) -> F32:
        """Queries about the centre, rotated, and, last, what is added for each: `(Q, dim + 1)`."""
        dim = len(self.centre)
        if queries.ndim != 2 or queries.shape[1] != dim:
            raise InputError(f"queries: shape {queries.shape}; expected (Q, {dim})")
        found = centred(queries, self.centre, self.metric)
        found[:, :-1] = found[:, :-1] @ self.rotation
        return found

    def block(self, prepared: F32, start: int, stop: int) -> F32:
        """Scores of rows start to stop: `(Q, stop - start)`."""
        turned, codes = prepared[:, :-1], self.codes[start:stop]
        if len(turned) <= _FEW:
            signed = _counted(turned, codes, self.kernels)
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
        few = len(prepared) <= _FEW
        return top_of_blocks(self, prepared, k, allow, 1 if few else len(self.centre))

    def bounds(self, queries: npt.NDArray[Any], start: int, stop: int, epsilon: float = 1.9) -> F32:
        """How far scores of rows start to stop may be from the true ones: `(Q, stop - start)`.

        The paper's bound: with its epsilon of 1.9 it holds for nearly all (about 19 of 20 at
        least); each further unit makes exceptions rarer exponentially.
        """
        prepared = self.prepare(queries)
        lengths = np.sqrt(np.vecdot(prepared[:, :-1], prepared[:, :-1]))
        ratio, squares = self.factors[:2, start:stop]
        dim = len(self.centre)
        lost = np.sqrt(np.maximum(ratio * ratio * dim - squares, 0) / max(1, dim - 1))
        times = np.float32(2 * epsilon if self.metric == "l2" else epsilon)
        found: F32 = times * lengths[:, None] * lost
        return found

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What `from_arrays` makes equal codes of."""
        return {
            "codes": self.codes,
            "factors": self.factors,
            "rotation": self.rotation,
            "centre": self.centre,
        }

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        metric: str,
        kernels: NumpyKernels | None = None,
    ) -> BinaryCodes:
        """Codes that were saved, which may be read-only memory maps.

        Raises
        ------
        FormatError
            If the arrays do not fit together.
        InputError
            If the metric is not one of float vectors.
        """
        check_metric(metric)
        centre = taken(arrays, "centre", np.float32, (None,))
        dim = len(centre)
        codes = taken(arrays, "codes", np.uint64, (None, -(-dim // 64)))
        factors = taken(arrays, "factors", np.float32, (_factors(metric), len(codes)))
        rotation = taken(arrays, "rotation", np.float32, (dim, dim))
        if dim % 64 and np.any(codes[:, -1] >> np.uint64(dim % 64)):
            raise FormatError(f"bits beyond the dimension, {dim}", field="codes")
        return cls(codes, factors, rotation, centre, metric, kernels or select())

    def _scores(self, signed: F32, added: F32, rows: slice | I64) -> F32:
        if self.metric == "l2":
            twice: F32 = signed * (2 * self.factors[0, rows]) - self.factors[1, rows] + added
            return twice
        found: F32 = signed * self.factors[0, rows] + self.factors[2, rows] + added
        return found


def _factors(metric: str) -> int:
    return 2 if metric == "l2" else 3


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


def _counted(queries: F32, codes: U64, kernels: NumpyKernels) -> F32:
    """Products of signs with queries that are rounded to 4 bits: `(Q, n)`.

    A query is low + step * levels. By the planes p of its levels' bits, the bits that codes and p
    share are (|b| + |p| - differing) / 2; the sizes of the planes cancel out in the products.
    """
    low = queries.min(axis=1, keepdims=True)
    step = (queries.max(axis=1, keepdims=True) - low) / ((1 << _BITS) - 1)
    step[step == 0] = 1
    levels = np.rint((queries - low) / step).astype(np.uint8)
    planes = [_packed((levels >> bit & 1).astype(np.bool_)) for bit in range(_BITS)]
    none = np.zeros((1, codes.shape[1]), np.uint64)  # what differs from it are the ones
    counts = kernels.popcount_distances(np.concatenate([*planes, none]), codes)
    ones, differing = counts[-1], counts[:-1].reshape(_BITS, len(queries), len(codes))
    units = ((1 << _BITS) - 1) * ones - sum(plane << i for i, plane in enumerate(differing))
    found = step * units.astype(np.float32)
    found += low * (2 * ones - queries.shape[1]).astype(np.float32)
    return np.asarray(found, np.float32)
