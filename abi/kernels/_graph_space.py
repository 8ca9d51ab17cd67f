"""Vectors under a metric, as a graph's walk and its construction read them: by gathered rows.

Scores are float32 and larger is nearer: cosine similarity, inner product, minus the squared
Euclidean distance, minus the number of differing bits. Bits are compared as words by a walk,
and unpacked to -1 and 1 where vectors are compared with each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["Scoring", "Space", "unit", "words"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Stored = npt.NDArray[Any]  # float32, or uint8 for bits

# Scores of rows: for each pair the number of the query and the row, queries in ascending order.
Scoring = Callable[[I64, I64], F32]


_FLOATS = 1 << 15  # gathered at a time: 128 KiB, with as much of the queries in the cache


@dataclass(frozen=True)
class Space:
    """Vectors, their metric, and what scores by product are multiplied by and have added, a row.

    The first is, for "cosine", the inverse of their norms (None: all are 1).
    """

    vectors: Stored
    metric: str
    inverse_norms: F32 | None = None
    constants: F32 | None = None

    def scoring(self, queries: Stored) -> Scoring:
        """What scores rows against these queries: `(Q, dim)` float32 or `(Q, bytes)` uint8."""
        if self.metric == "hamming":
            return self._bits(np.asarray(queries, np.uint8))
        wide = np.asarray(queries, np.float32)
        return self._floats(unit(wide) if self.metric == "cosine" else wide)

    def points(self, rows: I64) -> F32:
        """Rows such that their inner products, or "l2" distances, order them: `rows.shape + (d,)`.

        Under "cosine" they are normalised; bits are -1 and 1.
        """
        found = self.vectors.take(rows, axis=0)
        if self.metric == "hamming":
            bits: F32 = np.unpackbits(found, axis=-1).astype(np.float32)
            return bits * 2 - 1
        if self.inverse_norms is not None:
            found = found * self.inverse_norms[rows][..., None]
        return np.asarray(found, np.float32)

    def _floats(self, queries: F32) -> Scoring:
        alone = len(queries) == 1
        step = max(1, _FLOATS // max(1, queries.shape[1]))

        def score(which: I64, rows: I64) -> F32:
            out = np.empty(len(rows), np.float32)
            for start in range(0, len(rows), step):
                part = slice(start, start + step)
                found = np.asarray(self.vectors.take(rows[part], axis=0), np.float32)
                asked = queries[0] if alone else queries.take(which[part], axis=0)
                if self.metric == "l2":
                    asked = np.subtract(found, asked, out=found)
                np.vecdot(found, asked, out=out[part])  # by row: the same alone and in a batch
            if self.metric == "l2":
                return np.negative(out, out=out)
            if self.inverse_norms is not None:
                out *= self.inverse_norms[rows]
            return out if self.constants is None else np.add(out, self.constants[rows])

        return score

    def _bits(self, queries: npt.NDArray[np.uint8]) -> Scoring:
        def score(which: I64, rows: I64) -> F32:
            differing = words(self.vectors.take(rows, axis=0) ^ queries[which])
            counts: F32 = np.bitwise_count(differing).sum(axis=1, dtype=np.float32)
            return np.negative(counts)

        return score


def unit(x: F32) -> F32:
    norms = np.sqrt(np.vecdot(x, x))[:, None]
    out: F32 = np.divide(x, norms, out=np.zeros_like(x), where=norms > 0)
    return out


def words(bits: npt.NDArray[np.uint8]) -> npt.NDArray[np.unsignedinteger]:
    """The widest words that rows of bytes divide into."""
    for kind in (np.uint64, np.uint32, np.uint16):
        if bits.shape[1] % np.dtype(kind).itemsize == 0:
            return np.ascontiguousarray(bits).view(kind)
    return bits
