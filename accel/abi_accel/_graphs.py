"""Graphs in C: walks over them and the choice of neighbours, each one call."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.kernels import ABSENT, Graph
from abi_accel._scan import MANY, NativeScan
from abi_accel._spaces import (
    check,
    check_count,
    check_rows,
    graph_of,
    in_line,
    origin_of,
    pointers,
    queries_of,
    space_of,
)
from abi_accel._structs import Choice, Scan, SpaceStruct, Walk
from abi_accel._weights import address

__all__ = ["NativeGraphs"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Stored = npt.NDArray[Any]
Found = tuple[I64, F32, I64]

_SEEDS = 32  # allowed rows that a filtered walk also starts from
_LINE = 64  # bytes of a cache line


class NativeGraphs(NativeScan):
    """Vectors that are neither float32 nor bits are left to the reference."""

    def hnsw_search(
        self,
        graph: Graph,
        queries: Stored,
        vectors: Stored,
        metric: str,
        k: int,
        ef: int,
        inverse_norms: F32 | None = None,
        allow: Mask | None = None,
        budget: int | None = None,
        constants: F32 | None = None,
    ) -> Found:
        """As the reference; a walk's step expands one row, which compares fewer."""
        space = space_of(vectors, metric, inverse_norms, constants)
        if space is None:
            given = (graph, queries, vectors, metric, k, ef, inverse_norms, allow, budget)
            return super().hnsw_search(*given, constants)
        check_count("ef", max(ef, k))
        asked = queries_of(queries, vectors, metric)
        rows = np.empty((len(asked), k), np.int64)
        scores, compared = np.empty(rows.shape, np.float32), np.empty(len(asked), np.int64)
        seeds = None
        if allow is not None:
            allow = np.ascontiguousarray(allow, np.bool_)
            check(allow.shape == graph.levels.shape, "allow", allow.shape, graph.levels.shape)
            every = np.flatnonzero(allow & (graph.levels != ABSENT))
            seeds = every[:: max(1, len(every) // _SEEDS)].astype(np.int32)
        if budget is not None and budget < 1:
            rows[:], scores[:], compared[:] = -1, -np.inf, 0
            return rows, scores, compared
        walk = Walk(
            k=k, ef=max(ef, k), budget=budget or 0, rows=address(rows), scores=address(scores),
            compared=address(compared), **pointers(allow=allow, seeds=seeds),
        )  # fmt: skip
        walk.n_seeds = 0 if seeds is None else len(seeds)
        self._walk(walk, graph, space, asked)
        return rows, scores, compared

    def hnsw_insert(
        self,
        graph: Graph,
        vectors: Stored,
        metric: str,
        first: int,
        stop: int,
        ef_construction: int,
        inverse_norms: F32 | None = None,
    ) -> Graph:
        """As the reference."""
        given = (graph, in_line(vectors), metric, first, stop, ef_construction, inverse_norms)
        return super().hnsw_insert(*given)

    def hnsw_candidates(
        self,
        graph: Graph,
        points: I64,
        layer: int,
        ef_construction: int,
        vectors: Stored,
        metric: str,
        inverse_norms: F32 | None = None,
    ) -> I64:
        """As the reference; by the matrix unit, of numbers of 8 bits, where that costs less."""
        space = space_of(vectors, metric, inverse_norms)
        if space is None or space.type:
            given = (graph, points, layer, ef_construction, vectors, metric, inverse_norms)
            return super().hnsw_candidates(*given)
        check_count("ef_construction", ef_construction)
        check_rows("points", points, len(vectors))
        asked = queries_of(vectors[points], vectors, metric)
        rows = np.empty((len(points), ef_construction), np.int64)
        if layer == 0 and len(points) and self._product_is_cheaper(space, points, ef_construction):
            self._nearest(rows, graph, points, asked, vectors, space)
            return rows
        block = points.astype(np.int32)
        walk = Walk(
            k=ef_construction, ef=ef_construction, layer=layer, rows=address(rows),
            block=address(block),
        )  # fmt: skip
        self._walk(walk, graph, space, asked)
        return rows

    def hnsw_neighbours(
        self,
        points: I64,
        candidates: I64,
        limit: int,
        vectors: Stored,
        metric: str,
        inverse_norms: F32 | None = None,
    ) -> I32:
        """As the reference."""
        space = space_of(vectors, metric, inverse_norms)
        if space is None or space.type:  # rows are queries here
            given = (points, candidates, limit, vectors, metric, inverse_norms)
            return super().hnsw_neighbours(*given)
        points = np.ascontiguousarray(points, np.int64)
        candidates = np.ascontiguousarray(candidates, np.int64)
        check(candidates.shape[:-1] == points.shape, "candidates", candidates.shape, points.shape)
        check_rows("points", points, len(vectors))
        out = np.empty((len(points), limit), np.int32)
        choice = Choice(
            space=ctypes.addressof(space), points=address(points), candidates=address(candidates),
            n=len(points), width=candidates.shape[1], limit=limit, out=address(out),
        )  # fmt: skip
        library = self._library
        choice.own = library.neighbours_own(ctypes.byref(choice))
        threads = self._threads(3 * candidates.size * vectors.shape[1])
        choice.scratch = self._room(choice.own * threads)
        library.neighbours(ctypes.byref(choice), threads)
        return out

    def _product_is_cheaper(self, space: SpaceStruct, points: I64, ef: int) -> bool:
        """Than walks to find candidates: by nanoseconds a point, fitted to a Xeon of 2023."""
        if self._library.isa != "amx" or space.measure > 1 or len(points) < MANY:
            return False
        product: float = int(points[-1]) * (0.7 + 0.0025 * space.dim)
        walk: float = (500 + 12 * ef) * 0.36 * space.dim
        return product < walk

    def _nearest(
        self,
        rows: I64,
        graph: Graph,
        points: I64,
        asked: Stored,
        vectors: Stored,
        space: SpaceStruct,
    ) -> None:
        """Into `rows` the nearest before each point, by one product with all of them."""
        space.n = int(points[-1])
        levels = graph.levels[: space.n]
        check(len(levels) == space.n, "levels", levels.shape, (space.n,))
        allow = None if levels.max(initial=0) < ABSENT else np.ascontiguousarray(levels < ABSENT)
        below = np.ascontiguousarray(points, np.int64)
        origin = origin_of(vectors[: max(1, space.n)]) if space.measure == 1 else None
        scan = Scan(
            space=ctypes.addressof(space), queries=address(asked), n_queries=len(asked),
            k=rows.shape[1], m=min(rows.shape[1], space.n), rows=address(rows), rough=1,
            **pointers(allow=allow, below=below, origin=origin),
        )  # fmt: skip
        self._scan(scan)

    def _walk(self, walk: Walk, graph: Graph, space: SpaceStruct, asked: Stored) -> None:
        flat = graph_of(graph)
        check(len(graph.levels) <= space.n, "vectors", (space.n,), graph.levels.shape)
        library, n = self._library, self._threads(len(asked) * (500 + 12 * walk.ef) * space.dim)
        walk.graph, walk.space = ctypes.addressof(flat), ctypes.addressof(space)
        walk.queries, walk.n_queries = address(asked), len(asked)
        walk.own = library.walk_own(ctypes.byref(walk))
        walk.scratch = self._room(walk.own * n)
        marks = self._marks(len(graph.levels), n)
        walk.marks, walk.marked = address(marks), marks.shape[1]
        library.walk(ctypes.byref(walk), n)

    def _marks(self, n_rows: int, n_threads: int) -> npt.NDArray[np.uint8]:
        """Marks of the rows that a walk met, for each thread; kept, and never cleared here."""
        have: npt.NDArray[np.uint8] | None = getattr(self._own, "marks", None)
        if have is None or have.shape[1] <= n_rows or len(have) < n_threads:
            width = -(-(n_rows + n_rows // 4 + 1) // _LINE) * _LINE
            have = self._own.marks = np.zeros((n_threads, width), np.uint8)
        return have
