"""Looks into partitions in C, by vectors and by product codes."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.kernels import Look, Ranking
from abi.kernels._euclid import about
from abi_accel._scan import MANY, NativeScan
from abi_accel._spaces import check, check_count, check_rows, pointers, queries_of, space_of
from abi_accel._structs import Codes, Pairs, Probe, Rescore
from abi_accel._weights import address, aligned

__all__ = ["NativePartitions"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Stored = npt.NDArray[Any]
Looked = tuple[I64, F32, I64]

_NUMBERS = 32  # of a row, as far as the work that a look takes is reckoned


@dataclass(frozen=True, eq=False)
class _Packed:
    """Codes as the kernels read them: n rows of m codes, each of so many numbers."""

    data: npt.NDArray[np.uint8]
    words: F32  # (m, width, 2 ** nbits)
    n: int
    m: int
    width: int
    nbits: int


class NativePartitions(NativeScan):
    """Vectors that are neither float32 nor bits are left to the reference."""

    def probe(
        self,
        look: Look,
        queries: Stored,
        vectors: Stored,
        metric: str,
        inverse_norms: F32 | None = None,
        constants: F32 | None = None,
    ) -> Looked | None:
        """As the reference."""
        space = space_of(vectors, metric, inverse_norms, constants)
        if space is None:
            return super().probe(look, queries, vectors, metric, inverse_norms, constants)
        asked = queries_of(queries, vectors, metric)
        given = Probe(space=ctypes.addressof(space), queries=address(asked))
        return self._probe(given, look, len(asked), space.n)

    def pack_codes(self, codes: npt.NDArray[np.uint8], words: F32) -> _Packed | None:
        """Blocks of 32 rows, a copy, of codes of 4 bits; those of 8 bits as they are."""
        rows = np.ascontiguousarray(codes, np.uint8)
        m, n_words, width = words.shape
        nbits = 8 if n_words == 256 else 4
        check(codes.shape[1:] == (m * nbits // 8,), "codes", codes.shape, (len(codes), m))
        if nbits == 4:
            library, packed = self._library, aligned(self._library.codes_size(len(codes), m))
            library.pack_codes(address(rows), len(codes), m, address(packed))
            rows = packed
        turned = np.ascontiguousarray(words.transpose(0, 2, 1), np.float32)
        return _Packed(rows, turned, len(codes), m, width, nbits)

    def probe_codes(
        self, look: Look, queries: F32, packed: Any, times: float, constants: F32 | None
    ) -> Looked:
        """As the reference."""
        asked, dim = np.ascontiguousarray(queries, np.float32), packed.m * packed.width
        check(asked.shape[1:] == (dim,), "queries", asked.shape, (len(asked), dim))
        codes = Codes(
            address(packed.data), address(packed.words), 0, packed.n, packed.m, packed.width,
            times, packed.nbits,
        )  # fmt: skip
        if constants is not None:
            constants = np.ascontiguousarray(constants, np.float32)
            check(constants.shape == (packed.n,), "constants", constants.shape, (packed.n,))
            codes.constants = address(constants)
        given = Probe(codes=ctypes.addressof(codes), queries=address(asked))
        return self._probe(given, look, len(asked), packed.n)

    def pairs(
        self,
        queries: Stored,
        vectors: Stored,
        metric: str,
        which: I64,
        rows: I64,
        inverse_norms: F32 | None = None,
    ) -> F32:
        """As the reference."""
        space = space_of(vectors, metric, inverse_norms)
        if space is None:
            return super().pairs(queries, vectors, metric, which, rows, inverse_norms)
        asked = queries_of(queries, vectors, metric)
        which = np.ascontiguousarray(which, np.int64)
        check(which.shape == rows.shape, "rows", rows.shape, which.shape)
        check_rows("which", which, len(asked))
        check_rows("rows", rows, space.n)
        few, scores = rows.astype(np.int32), np.empty(len(rows), np.float32)
        given = Pairs(
            ctypes.addressof(space), address(asked), address(which), address(few), address(scores),
            len(few),
        )  # fmt: skip
        threads = self._threads(len(few) * space.dim)
        self._library.pairs(ctypes.byref(given), threads)
        return scores

    def rescore(
        self,
        queries: Stored,
        vectors: Stored,
        metric: str,
        rows: I64,
        k: int,
        inverse_norms: F32 | None = None,
    ) -> tuple[I64, F32]:
        """As the reference."""
        space = space_of(vectors, metric, inverse_norms)
        if space is None:
            return super().rescore(queries, vectors, metric, rows, k, inverse_norms)
        asked = queries_of(queries, vectors, metric)
        given = np.ascontiguousarray(rows, np.int64)
        check(given.shape[0] == len(asked), "rows", given.shape, (len(asked), given.shape[1]))
        out, scores = np.empty((len(asked), k), np.int64), np.empty((len(asked), k), np.float32)
        width, threads = given.shape[1], self._threads(given.size * space.dim)
        own = -(-16 * width // 64) * 64
        call = Rescore(
            ctypes.addressof(space), address(asked), address(given), len(asked), width, k,
            address(out), address(scores), self._room(own * threads), own,
        )  # fmt: skip
        self._library.rescore(ctypes.byref(call), threads)
        return out, scores

    def _probe(self, given: Probe, look: Look, n_queries: int, n: int) -> Looked:
        check_count("k", look.k)
        parts = len(look.sizes)
        ranked = _ranked(look, n_queries, parts)
        offsets = np.ascontiguousarray(look.offsets, np.int64)
        sizes = np.ascontiguousarray(look.sizes, np.int64)
        check(offsets.shape == (parts + 1,), "offsets", offsets.shape, (parts + 1,))
        check_rows("offsets", offsets, n + 1)
        order = None if look.order is None else np.ascontiguousarray(look.order, np.int64)
        allow = None if look.allow is None else np.ascontiguousarray(look.allow, np.bool_)
        for name, each in (("order", order), ("allow", allow)):
            shape = (n,) if each is None else each.shape
            check(shape == (n,), name, shape, (n,))
        rows, compared = np.empty((n_queries, look.k), np.int64), np.empty(n_queries, np.int64)
        scores = np.empty(rows.shape, np.float32)
        where = pointers(
            offsets=offsets, sizes=sizes, order=order, allow=allow, rows=rows, scores=scores,
            compared=compared, **ranked,
        )  # fmt: skip
        for name, value in where.items():
            setattr(given, name, value)
        given.n_queries, given.n_parts, given.nprobe = n_queries, parts, look.nprobe
        given.k, given.most = look.k, int(sizes.sum())
        given.dim = ranked["centroids"].shape[1] if "centroids" in ranked else 0
        library = self._library
        given.own = library.probe_own(ctypes.byref(given))
        looked = min(1.0, look.nprobe / parts) * given.most * n_queries
        threads = self._threads(int(looked) * _NUMBERS + n_queries * parts * given.dim)
        given.scratch = self._room(given.own * threads)
        library.probe(ctypes.byref(given), threads)
        return rows, scores, compared


def _ranked(look: Look, n_queries: int, parts: int) -> dict[str, F32]:
    """Scores of the partitions; of many queries what they are made of, as `struct probe` has it."""
    by = look.ranked
    if not isinstance(by, Ranking) or n_queries < MANY:
        ranked = np.ascontiguousarray(look.scores(), np.float32)
        check(ranked.shape == (n_queries, parts), "ranked", ranked.shape, (n_queries, parts))
        return {"ranked": ranked}
    near = about(by.queries, by.centroids) if by.metric == "l2" else (by.queries, by.centroids)
    asked, centroids = (np.ascontiguousarray(each, np.float32) for each in near)
    for name, each, n in (("queries", asked, n_queries), ("centroids", centroids, parts)):
        expected = (n, centroids.shape[1])
        check(each.shape == expected, f"{name} of the ranking", each.shape, expected)
    made = {"asked": asked, "centroids": centroids}
    if by.metric == "l2":
        made["lengths"] = np.vecdot(centroids, centroids)
    return made
