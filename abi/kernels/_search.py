"""Search kernels: scores of vectors, the best of them, and the exact search in one call.

Scores are float32 and larger is nearer: cosine similarity, inner product, minus the squared
Euclidean distance, minus the number of differing bits. Results are best first, equal scores by
the lower row, filled up with -1 and -inf.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.kernels._euclid import about, scan_l2
from abi.kernels._graph_space import unit, words
from abi.kernels._top import Top

__all__ = ["SearchKernels"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Stored = npt.NDArray[Any]  # float32, or uint8 for bits

# Scores of a block. A product is one call of BLAS, whose threads meet at its end: on a machine
# that is busy otherwise each meeting costs milliseconds, so blocks are few rather than small.
_SCORES = 1 << 21
_NEAREST = 1 << 18  # of rows and centroids at once, which stay in the cache
_CACHED = 1 << 18  # bytes of a block of differences
_DIRECT = 4  # queries up to which differences are taken one by one, without cancellation
_ALONE = 1 << 22  # numbers up to which one query is compared by one thread
_ROWS_FIRST = 8  # queries up to which products are taken with rows first
_WORDS = 4  # of a code up to which they are counted one by one: NumPy is slow at short sums


class SearchKernels:
    """Scores, the best rows, and codes; Q queries, n rows.

    `row_types` are those of rows that `scan`, `probe` and `hnsw_search` compare as they are.
    """

    row_types: tuple[str, ...] = ("float32",)

    def distances(
        self, queries: Stored, vectors: Stored, metric: str, inverse_norms: F32 | None = None
    ) -> F32:
        """Scores of all pairs: `(Q, n)`; under "l2" to about 1e-6 of how far rows lie apart.

        Parameters
        ----------
        queries : (Q, dim) float32, or (Q, dim // 8) uint8 for "hamming"
        vectors : (n, dim) float32, or (n, dim // 8) uint8
        metric : {"cosine", "ip", "l2", "hamming"}
        inverse_norms : (n,) float32, optional
            For "cosine": one over the length of each row, 0 for none; absent where all are 1.
        """
        asked = unit(queries) if metric == "cosine" else queries
        spans = list(_blocks(len(vectors), len(queries)))
        if len(spans) == 1:
            return self._scores(asked, vectors, metric, inverse_norms)
        out = np.empty((len(queries), len(vectors)), np.float32)
        for start, stop in spans:
            norms = None if inverse_norms is None else inverse_norms[start:stop]
            out[:, start:stop] = self._scores(asked, vectors[start:stop], metric, norms)
        return out

    def top_k(self, scores: F32, k: int) -> tuple[I64, F32]:
        """The k largest of each row of `(Q, n)`: rows `(Q, k)` int64 and scores."""
        top = Top(len(scores), k)
        top.add(scores, 0)
        return top.best()

    def scan(
        self,
        queries: Stored,
        vectors: Stored,
        metric: str,
        k: int,
        inverse_norms: F32 | None = None,
        allow: Mask | None = None,
        constants: F32 | None = None,
    ) -> tuple[I64, F32]:
        """The exact k nearest rows of each query, of those allowed.

        Parameters
        ----------
        queries, vectors, metric, inverse_norms
            As for `distances`; vectors of the other `row_types` too.
        k : int
        allow : (n,) bool, optional
        constants : (n,) float32, optional
            What is added to each row's score by product.

        Returns
        -------
        rows : (Q, k) int64
        scores : (Q, k) float32
        """
        asked = unit(queries) if metric == "cosine" else queries
        spans = _blocks(len(vectors), len(queries))
        if metric == "l2" and len(queries) > _DIRECT:
            return scan_l2(np.asarray(queries, np.float32), vectors, k, allow, spans)
        top = Top(len(queries), k)
        for start, stop in spans:
            mask = None if allow is None else allow[start:stop]
            if mask is not None and not mask.any():
                continue
            norms = None if inverse_norms is None else inverse_norms[start:stop]
            block = vectors[start:stop]
            if metric != "hamming":
                block = np.asarray(block, np.float32)
            scores = self._scores(asked, block, metric, norms)
            if constants is not None:
                scores += constants[start:stop]
            if mask is not None:
                scores[:, ~mask] = -np.inf
            top.add(scores, start)
        return top.best()

    def products(self, queries: F32, rows: F32) -> F32:
        """Of queries with rows, `(Q, n)`.

        Of a query alone by a vector, of a few with rows first: BLAS is slow at few rows of much.
        """
        if len(queries) == 1:
            # By one thread where two would gain little, and lose much if another program has one.
            alone = np.vecdot(rows, queries[0]) if rows.size <= _ALONE else rows @ queries[0]
            return np.asarray(alone)[None]
        if len(queries) <= _ROWS_FIRST:
            return np.ascontiguousarray((rows @ queries.T).T)
        out: F32 = queries @ rows.T
        return out

    def nearest(self, rows: F32, centroids: F32, offsets: F32 | None) -> npt.NDArray[np.int32]:
        """The centroid of the largest product less its offset, for each row; of equal ones the
        first: `(n, dim)` and `(k, dim)` to `(n,)` int32.

        Parameters
        ----------
        rows, centroids : float32
        offsets : (k,) float32, optional
        """
        out = np.empty(len(rows), np.int32)
        step = max(256, _NEAREST // len(centroids))
        for start in range(0, len(rows), step):
            scores = self.products(rows[start : start + step], centroids)
            if offsets is not None:
                scores -= offsets
            out[start : start + step] = scores.argmax(axis=1)
        return out

    def sums(self, rows: F32, order: I64, starts: I64) -> F32:
        """Sums of rows by groups: `(groups, dim)`.

        Parameters
        ----------
        rows : (any, dim) float32
        order : (n,) int64
            Rows, group by group.
        starts : (groups,) int64
            Where each group begins in `order`; none is empty.
        """
        found: F32 = np.add.reduceat(rows[order], starts.astype(np.intp), axis=0)
        return found

    def _scores(
        self, queries: Stored, block: Stored, metric: str, inverse_norms: F32 | None
    ) -> F32:
        """Scores of a block of rows, `(Q, rows)`; queries have norm 1 under "cosine"."""
        if metric == "hamming":
            return _bit_scores(queries, block)
        if metric == "l2" and len(queries) <= _DIRECT:
            return _direct(queries, block)
        if metric == "l2":
            queries, block = about(queries, block)
        out = self.products(np.asarray(queries, np.float32), block)
        if metric == "l2":
            out *= 2
            out -= np.vecdot(block, block)
            out -= np.vecdot(queries, queries)[:, None]
            np.minimum(out, 0, out=out)
            return out
        if inverse_norms is not None:
            out *= inverse_norms
        return out

    def adc(self, tables: F32, codes: npt.NDArray[np.uint8]) -> F32:
        """Sums of table entries that product-quantised codes name: `(Q, n)`.

        Parameters
        ----------
        tables : (Q, m, ksub) float32
            What each code of each of the m parts contributes.
        codes : (n, m) uint8
        """
        out = np.zeros((len(tables), len(codes)), np.float32)
        for part in range(codes.shape[1]):
            out += tables[:, part].take(codes[:, part], axis=1)
        return out

    def popcount_distances(
        self, queries: npt.NDArray[np.uint64], codes: npt.NDArray[np.uint64]
    ) -> npt.NDArray[np.int32]:
        """Differing bits of binary codes: `(Q, w)` and `(n, w)` to `(Q, n)` int32."""
        out = np.zeros((len(queries), len(codes)), np.int32)
        narrow = codes.shape[1] <= _WORDS
        for line, query in zip(out, queries, strict=True):
            if narrow:
                for j, word in enumerate(query):
                    line += np.bitwise_count(codes[:, j] ^ word)
            else:
                np.bitwise_count(codes ^ query).sum(axis=1, dtype=np.int32, out=line)
        return out


def _blocks(n: int, n_queries: int) -> Iterator[tuple[int, int]]:
    step = max(256, _SCORES // max(1, n_queries))
    return ((start, min(n, start + step)) for start in range(0, n, step))


def _direct(queries: F32, block: F32) -> F32:
    """Minus squared distances by differences, of a few rows at a time, which stay in the cache."""
    out = np.empty((len(queries), len(block)), np.float32)
    step = max(1, _CACHED // (4 * block.shape[1]))
    for start in range(0, len(block), step):
        rows = block[start : start + step]
        for i, query in enumerate(queries):
            away = rows - query
            np.negative(np.vecdot(away, away), out=out[i, start : start + step])
    return out


def _bit_scores(queries: Stored, block: Stored) -> F32:
    out = np.empty((len(queries), len(block)), np.float32)
    rows = words(block)
    for i, query in enumerate(words(queries)):
        np.negative(np.bitwise_count(rows ^ query).sum(axis=1, dtype=np.float32), out=out[i])
    return out
