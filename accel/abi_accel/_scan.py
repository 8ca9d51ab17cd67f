"""The exact search in C, and the memory that kernels of search use."""

from __future__ import annotations

import ctypes
import threading
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.kernels import NumpyKernels
from abi_accel._exports import Matmul
from abi_accel._library import Library
from abi_accel._spaces import check, check_count, check_rows, origin_of, queries_of, space_of
from abi_accel._structs import Differing, Nearest, Scan, SpaceStruct, Sums
from abi_accel._weights import address, aligned

__all__ = ["MANY", "NativeScan"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
Stored = npt.NDArray[Any]

MANY = 16  # queries from which on the matrix unit is the faster way
_F32 = 0  # GGUF's number of the type
_MORE = 16  # than k rows that are kept there and scored again
_ALONE = 1 << 18  # numbers that one thread compares while another wakes
_WORTH = 1 << 20  # products of numbers from which these threads are worth it
_TOGETHER = 1024  # queries of one call
_KEPT = 1 << 26  # bytes that threads keep what they found in; of few queries it may be more


class NativeScan(NumpyKernels):
    """Vectors that are neither float32 nor bits are left to the reference."""

    row_types = ("float32", "float16", "int8")
    _library: Library
    _own: threading.local

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
        """As the reference; "l2" by differences always."""
        space = space_of(vectors, metric, inverse_norms, constants)
        if space is None:
            return super().scan(queries, vectors, metric, k, inverse_norms, allow, constants)
        check_count("k", k)
        asked = queries_of(queries, vectors, metric)
        rows, scores = np.empty((len(asked), k), np.int64), np.empty((len(asked), k), np.float32)
        scan = Scan(space=ctypes.addressof(space), k=k, m=max(1, min(k, space.n)))
        if allow is not None:
            allow = np.ascontiguousarray(allow, np.bool_)
            check(allow.shape == (space.n,), "allow", allow.shape, (space.n,))
            scan.allow = address(allow)
        origin = None
        if len(asked) >= MANY and space.n and vectors.dtype == np.float32:
            scan.m = min(k + _MORE, space.n)
            origin = origin_of(vectors) if metric == "l2" else None
            scan.origin = None if origin is None else address(origin)
        fitting = _KEPT // (16 * scan.m * self._library.n_threads) // MANY * MANY
        together = max(MANY, min(_TOGETHER, fitting))
        for start in range(0, len(asked), together):
            some = slice(start, start + together)
            scan.queries, scan.n_queries = address(asked[some]), len(asked[some])
            scan.rows, scan.scores = address(rows[some]), address(scores[some])
            self._scan(scan)
        return rows, scores

    def products(self, queries: F32, rows: F32) -> F32:
        """As the reference, of many by the threads of these kernels: those of BLAS wait spinning
        for what is next, and take the processors from these.
        """
        n, dim = rows.shape
        fit = queries.dtype == rows.dtype == np.float32 and rows.flags.c_contiguous
        if not fit or len(queries) < MANY or len(queries) * n * dim < _WORTH:
            return super().products(queries, rows)
        check(queries.shape[1:] == (dim,), "queries", queries.shape, (len(queries), dim))
        asked, out = np.ascontiguousarray(queries), np.empty((len(queries), n), np.float32)
        threads = self._threads(len(queries) * n * dim)
        scratch = self._room(self._library.scratch_size(_F32, dim, len(asked), threads))
        places = (address(rows), address(asked), address(out), scratch)
        given = Matmul(*places, 0, n, dim, len(asked), n, _F32)
        self._library.matmul(ctypes.byref(given), threads)
        return out

    def nearest(self, rows: F32, centroids: F32, offsets: F32 | None) -> npt.NDArray[np.int32]:
        """As the reference; of what is no number, the first."""
        (n, dim), k = rows.shape, len(centroids)
        check(centroids.shape == (k, dim), "centroids", centroids.shape, (k, dim))
        if offsets is not None:
            check(offsets.shape == (k,), "offsets", offsets.shape, (k,))
        given, whole = np.ascontiguousarray(rows, np.float32), -(-k // 16) * 16
        beside, off = np.zeros((whole, dim), np.float32), np.full(whole, np.inf, np.float32)
        beside[:k], off[:k] = centroids, 0 if offsets is None else offsets
        beside = np.ascontiguousarray(beside.reshape(-1, 16, dim).transpose(0, 2, 1))
        out = np.empty(n, np.int32)
        places = (address(given), address(beside), address(off), address(out))
        call = Nearest(*places, n, dim, whole)
        self._library.nearest(ctypes.byref(call), self._threads(n * dim * k))
        return out

    def sums(self, rows: F32, order: I64, starts: I64) -> F32:
        """As the reference."""
        given, names = np.ascontiguousarray(rows, np.float32), np.ascontiguousarray(order, np.int64)
        first = np.ascontiguousarray(starts, np.int64)
        check_rows("order", names, len(given))
        check_rows("starts", first, len(names))
        if (first[1:] <= first[:-1]).any():
            raise InputError("starts: expected to rise")
        out = np.empty((len(first), given.shape[1]), np.float32)
        places = (address(given), address(names), address(first), address(out))
        call = Sums(*places, len(names), len(first), given.shape[1])
        self._library.sums(ctypes.byref(call), self._threads(names.size * given.shape[1]))
        return out

    def popcount_distances(
        self, queries: npt.NDArray[np.uint64], codes: npt.NDArray[np.uint64]
    ) -> npt.NDArray[np.int32]:
        """As the reference."""
        (n_queries, words), n = queries.shape, len(codes)
        check(codes.shape == (n, words), "codes", codes.shape, (n, words))
        asked, rows = (np.ascontiguousarray(each, np.uint64) for each in (queries, codes))
        out = np.empty((n_queries, n), np.int32)
        given = Differing(address(asked), address(rows), address(out), n_queries, n, words)
        self._library.differing(ctypes.byref(given), self._threads(n_queries * n * words))
        return out

    def _scan(self, scan: Scan) -> None:
        library = self._library
        library.scan_sizes(ctypes.byref(scan))
        space = ctypes.cast(scan.space, ctypes.POINTER(SpaceStruct)).contents
        threads = self._threads(space.n * space.dim * scan.n_queries)
        scan.scratch = self._room(scan.shared + threads * scan.own)
        library.scan(ctypes.byref(scan), threads)

    def _threads(self, numbers: int) -> int:
        """How many to compare so many numbers: to wake another costs as much as some of them."""
        return int(min(self._library.n_threads, 1 + numbers // _ALONE))

    def _room(self, n_bytes: int) -> int:
        """The address of that much memory for what is in between; kept for the next time."""
        have: npt.NDArray[np.uint8] | None = getattr(self._own, "scratch", None)
        if have is None or have.nbytes < n_bytes:
            have = self._own.scratch = aligned(n_bytes + n_bytes // 2)
        return address(have)
