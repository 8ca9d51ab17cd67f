"""Product quantisation: a row is cut into parts, each named by its nearest of 256 or 16 words.

Jegou, Douze and Schmid, PAMI 2011; names are faiss's: `m` parts, `nbits` a code. OPQ (Ge, He, Ke
and Sun, CVPR 2013) first turns rows so that the parts lose least. What is coded may be the
rest of a row after the centroid of its partition was taken off, as in faiss's IVFPQ. A query or
two are scored by tables of their products with all words; for more, words are put in the codes'
place and multiplied.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError, InputError
from abi.index._arrays import check_metric, taken
from abi.index._blocks import spans, top_of_blocks
from abi.index._protocol import Found, Mask
from abi.index._vectors import Vectors, inverse_norms
from abi.index._words import decoded, encoded, learnt, rotated
from abi.kernels import Look, NumpyKernels, select

__all__ = ["PQCodes"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U8 = npt.NDArray[np.uint8]

_SAMPLE = 256  # rows a word that words are learnt from
_PARTS = 8  # of a row, as a block of rows that are coded is measured
_FEW = 2  # queries up to which tables are used: for more, multiplying is faster


@dataclass(frozen=True)
class PQCodes:
    """Rows of codes.

    Parameters
    ----------
    codes : (n, m) uint8, or (n, m / 2) with two codes of 4 bits a byte
    words : (m, 2 ** nbits, dim / m) float32
    metric : {"cosine", "ip", "l2"}
    constants : (n,) float32
        Of "l2": the squared length of what a code stands for, and twice its product with the
        centroid of its row.
    rotation : (dim, dim) float32 or None
        What rows are turned by before they are cut.
    centroids, labels : (nlist, dim) float32 and (n,) int32, or None
        The centroid that was taken off each row.
    kernels : NumpyKernels
    """

    codes: U8
    words: F32
    metric: str
    constants: F32
    rotation: F32 | None = None
    centroids: F32 | None = None
    labels: npt.NDArray[np.int32] | None = None
    kernels: NumpyKernels = field(default_factory=select)

    @classmethod
    def of(
        cls,
        vectors: Vectors,
        m: int,
        nbits: int = 8,
        *,
        opq: bool = False,
        partition: tuple[F32, npt.NDArray[np.int32]] | None = None,
        seed: int = 0,
    ) -> PQCodes:
        """Learn words from vectors, and code them.

        Parameters
        ----------
        vectors : Vectors
        m : int
            Parts of a row; it divides the dimension.
        nbits : {8, 4}
        opq : bool
            Learn a rotation too.
        partition : (nlist, dim) float32 and (n,) int32, optional
            Centroids, and which is taken off each row.
        seed : int

        Raises
        ------
        InputError
            If a parameter cannot be, or there are fewer rows than words.
        """
        n, dim = vectors.data.shape
        _check(vectors, m, nbits)
        rng = np.random.default_rng(seed)
        chosen = np.sort(rng.permutation(n)[: _SAMPLE << nbits])
        sample = _rests(vectors, chosen, partition)
        rotation = rotated(sample, m, nbits, seed, vectors.kernels) if opq else None
        turned = sample if rotation is None else sample @ rotation
        words = learnt(turned, m, nbits, seed, vectors.kernels)
        codes = np.empty((n, m), np.uint8)
        constants = np.zeros(n, np.float32)
        for start, stop in spans(n, dim // _PARTS):
            rows = np.arange(start, stop)
            rest = _rests(vectors, rows, partition)
            turned = rest if rotation is None else rest @ rotation
            codes[start:stop] = encoded(turned, words, vectors.kernels)
            if vectors.metric == "l2":
                back = decoded(codes[start:stop], words)
                back = back if rotation is None else back @ rotation.T
                constants[start:stop] = np.vecdot(back, back)
                if partition is not None:
                    off = partition[0][partition[1][rows]]
                    constants[start:stop] += 2 * np.vecdot(back, off)
        centroids, labels = partition or (None, None)
        packed = codes if nbits == 8 else codes[:, 0::2] | codes[:, 1::2] * np.uint8(16)
        return cls(
            packed, words, vectors.metric, constants, rotation, centroids, labels, vectors.kernels
        )

    def __len__(self) -> int:
        return len(self.codes)

    def prepare(self, queries: npt.NDArray[Any]) -> F32:
        """Queries, of norm 1 under "cosine", and where they are few their tables after them."""
        dim = self._dim
        if queries.ndim != 2 or queries.shape[1] != dim:
            raise InputError(f"queries: shape {queries.shape}; expected (Q, {dim})")
        wide = np.ascontiguousarray(queries, np.float32)
        if self.metric == "cosine":
            wide = wide * inverse_norms(wide)[:, None]
        if len(wide) > _FEW:
            return wide
        m, ksub, _ = self.words.shape
        return np.concatenate([wide, self._tables(wide).reshape(len(wide), m * ksub)], axis=1)

    def block(self, prepared: F32, start: int, stop: int) -> F32:
        """Scores of rows start to stop: `(Q, stop - start)`."""
        products = self._products(prepared, self._codes(slice(start, stop)))
        prepared = prepared[:, : self._dim]
        if self.centroids is not None and self.labels is not None:
            some, where = np.unique(self.labels[start:stop], return_inverse=True)
            products += (prepared @ self.centroids[some].T)[:, where]
            lengths = np.vecdot(self.centroids[some], self.centroids[some])[where]
        else:
            lengths = np.zeros(stop - start, np.float32)
        if self.metric != "l2":
            return products
        products *= 2
        products -= self.constants[start:stop] + lengths
        products -= np.vecdot(prepared, prepared)[:, None]
        return products

    def pairs(self, prepared: F32, which: I64, rows: I64) -> F32:
        """Scores of single rows, each for one query: `(m,)`; `which` ascends."""
        asked = prepared[which, : self._dim]
        back = decoded(self._codes(rows), self.words)
        back = back if self.rotation is None else back @ self.rotation.T
        if self.centroids is not None and self.labels is not None:
            back = back + self.centroids[self.labels[rows]]
        if self.metric == "l2":
            away = back - asked
            distances: F32 = np.vecdot(away, away)
            return -distances
        products: F32 = np.vecdot(back, asked)
        return products

    def top(self, prepared: F32, k: int, allow: Mask | None = None) -> Found:
        """The best k of all rows, or of those allowed, `(n,)` bool."""
        few = len(prepared) <= _FEW
        return top_of_blocks(self, prepared, k, allow, 1 if few else self._dim)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What `from_arrays` makes equal codes of."""
        found: dict[str, npt.NDArray[Any] | None] = {
            "codes": self.codes,
            "words": self.words,
            "constants": self.constants,
            "rotation": self.rotation,
            "centroids": self.centroids,
            "labels": self.labels,
        }
        return {name: array for name, array in found.items() if array is not None}

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        metric: str,
        kernels: NumpyKernels | None = None,
    ) -> PQCodes:
        """Codes that were saved, which may be read-only memory maps.

        Raises
        ------
        FormatError
            If the arrays do not fit together.
        InputError
            If the metric is not one of float vectors.
        """
        check_metric(metric)
        return cls(metric=metric, kernels=kernels or select(), **_checked(arrays))

    def look(self, prepared: F32, look: Look) -> tuple[I64, F32, I64] | None:
        """Look into partitions whose centroids were taken off, in one call where there is one."""
        if self.centroids is None or self._packed is None:
            return None
        queries = self._turned(prepared[:, : self._dim])
        far = self.metric == "l2"
        times, constants = (2.0, self.constants) if far else (1.0, None)
        return self.kernels.probe_codes(look, queries, self._packed, times, constants)

    @cached_property
    def _packed(self) -> Any | None:
        return self.kernels.pack_codes(self.codes, self.words)

    @property
    def _dim(self) -> int:
        return int(self.words.shape[0] * self.words.shape[2])

    def _products(self, prepared: F32, codes: U8) -> F32:
        """Products of queries with what codes stand for: `(Q, n)`."""
        queries, tables = np.split(prepared, [self._dim], axis=1)
        if len(queries) > _FEW:
            return self.kernels.distances(self._turned(queries), decoded(codes, self.words), "ip")
        shape = (len(queries), *self.words.shape[:2])
        few = tables.reshape(shape) if tables.shape[1] else self._tables(queries)
        return self.kernels.adc(few, codes)

    def _tables(self, queries: F32) -> F32:
        """Products of the parts of queries with all words: `(Q, m, words)`."""
        parts = self._turned(queries).reshape(len(queries), *self.words.shape[::2])
        tables: F32 = np.matmul(parts.transpose(1, 0, 2), self.words.transpose(0, 2, 1))
        return np.ascontiguousarray(tables.transpose(1, 0, 2))

    def _turned(self, queries: F32) -> F32:
        return queries if self.rotation is None else queries @ self.rotation

    def _codes(self, rows: slice | I64) -> U8:
        some = self.codes[rows]
        if self.words.shape[1] == 256:
            return some
        return np.stack([some & 15, some >> 4], axis=2).reshape(len(some), -1)


def _check(vectors: Vectors, m: int, nbits: int) -> None:
    n, dim = vectors.data.shape
    if vectors.metric == "hamming":
        raise InputError("bits are codes already; product quantisation is for float vectors")
    if nbits not in (4, 8):
        raise InputError(f"nbits={nbits}: expected 8 or 4")
    if m < 1 or dim % m or (nbits == 4 and m % 2):
        even = "an even divisor" if nbits == 4 else "a divisor"
        raise InputError(f"m={m}: expected {even} of the dimension, {dim}")
    if n < 1 << nbits:
        raise InputError(f"{n} rows; {1 << nbits} words need as many at least")


def _checked(arrays: Mapping[str, npt.NDArray[Any]]) -> dict[str, npt.NDArray[Any]]:
    words = taken(arrays, "words", np.float32, (None, None, None))
    m, ksub, width = words.shape
    if ksub not in (16, 256) or not words.size or (ksub == 16 and m % 2):
        raise FormatError(f"shape {words.shape}, expected 256 or 16 words a part", field="words")
    dim = m * width
    codes = taken(arrays, "codes", np.uint8, (None, m if ksub == 256 else m // 2))
    constants = taken(arrays, "constants", np.float32, (len(codes),))
    found = {"words": words, "codes": codes, "constants": constants}
    if "rotation" in arrays:
        found["rotation"] = taken(arrays, "rotation", np.float32, (dim, dim))
    if "centroids" in arrays or "labels" in arrays:
        centroids = taken(arrays, "centroids", np.float32, (None, dim))
        labels = taken(arrays, "labels", np.int32, (len(codes),))
        if len(labels) and not 0 <= labels.min() <= labels.max() < len(centroids):
            raise FormatError(f"expected 0 to {len(centroids) - 1}", field="labels")
        found |= {"centroids": centroids, "labels": labels}
    return found


def _rests(vectors: Vectors, rows: I64, partition: tuple[F32, npt.NDArray[np.int32]] | None) -> F32:
    found = np.asarray(vectors.data[rows], np.float32)
    if vectors.metric == "cosine":
        found = found * inverse_norms(found)[:, None]
    return found if partition is None else found - partition[0][partition[1][rows]]
