"""Vectors and graphs as the kernels of search read them.

Shapes, kinds and layouts are checked here, because the kernels check nothing but the numbers of
rows that they read from a graph.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.kernels import Graph, unit
from abi_accel._structs import GraphStruct, SpaceStruct
from abi_accel._weights import address

__all__ = [
    "check", "check_count", "check_rows", "graph_of", "in_line", "origin_of", "pointers",
    "queries_of", "space_of",
]  # fmt: skip

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Stored = npt.NDArray[Any]

_TYPES = {"float32": 0, "float16": 1, "int8": 2}
_INT8 = 2
_MEASURES = {"ip": 0, "cosine": 0, "l2": 1, "hamming": 2}
_MOST = (1 << 31) - 1  # rows, for their numbers are int32
_FAR = 16  # times their squared spread that rows lie from zero to be worth moving


def space_of(
    vectors: Stored,
    metric: str,
    inverse_norms: F32 | None,
    constants: F32 | None = None,
) -> SpaceStruct | None:
    """Vectors as the kernels read them, where they can."""
    kind = _TYPES.get(vectors.dtype.name) if metric != "hamming" else 0
    known = kind is not None if metric != "hamming" else vectors.dtype == np.uint8
    n = len(vectors)
    if not known or vectors.ndim != 2 or n > _MOST or (kind == _INT8 and metric == "l2"):
        return None
    rows = in_line(vectors)
    measure = _MEASURES[metric]
    found = SpaceStruct(
        rows=address(rows), n=n, dim=rows.shape[1], stride=rows.strides[0], measure=measure,
        type=kind,
    )  # fmt: skip
    held = [rows]
    for name, factors in (("norms", inverse_norms), ("constants", constants)):
        if factors is not None and measure == 0:
            each = np.ascontiguousarray(factors, np.float32)
            check(each.shape == (n,), name, each.shape, (n,))
            setattr(found, name, address(each))
            held.append(each)
    found.held = held
    return found


def in_line(vectors: Stored) -> Stored:
    """Vectors whose numbers follow each other; as they are, if they do."""
    fit = vectors.strides[1] == vectors.itemsize and vectors.strides[0] >= 0
    return vectors if fit and vectors.flags.aligned else np.array(vectors, order="C")


def origin_of(vectors: Stored) -> F32 | None:
    """A point among rows that lie far from zero: what is about them is told apart better."""
    three = np.asarray(vectors[[0, len(vectors) // 2, -1]], np.float32)
    origin: F32 = np.sort(three, axis=0)[1]
    away = three - origin
    near = np.vecdot(origin, origin) <= _FAR * np.vecdot(away, away).mean()
    return None if near else np.ascontiguousarray(origin)


def queries_of(queries: Stored, vectors: Stored, metric: str) -> Stored:
    """Queries of the kind of the vectors; of norm 1 under "cosine"."""
    kind = np.uint8 if metric == "hamming" else np.float32
    found = np.ascontiguousarray(queries, kind)
    check(found.shape[1:] == vectors.shape[1:], "queries", found.shape, vectors.shape)
    return unit(found.astype(np.float32, copy=False)) if metric == "cosine" else found


def graph_of(graph: Graph) -> GraphStruct:
    """A graph as the kernels read it."""
    n, width = graph.links.shape
    each: tuple[tuple[str, npt.NDArray[Any], tuple[int, ...]], ...] = (
        ("levels", graph.levels, (n,)),
        ("links", graph.links, (n, width)),
        ("upper", graph.upper, (len(graph.upper), width // 2)),
        ("upper_start", graph.upper_start, (n,)),
    )
    for name, array, shape in each:
        kind = np.uint8 if name == "levels" else np.int32
        fits = array.shape == shape and array.dtype == kind and array.flags.c_contiguous
        check(fits, name, array.shape, shape)
    where = [address(array) for _, array, _ in each]
    return GraphStruct(*where, n, len(graph.upper), width, graph.entry)


def pointers(**arrays: npt.NDArray[Any] | None) -> dict[str, int]:
    """The addresses of those that are there."""
    return {name: address(array) for name, array in arrays.items() if array is not None}


def check_rows(name: str, rows: I64, n: int) -> None:
    """Numbers of rows, of n."""
    if rows.size and not 0 <= rows.min() <= rows.max() < n:
        raise InputError(f"{name}: {rows.min()} to {rows.max()}, expected 0 to {n - 1}")


def check_count(name: str, n: int) -> None:
    """How many are to be kept: the kernels have no place for none."""
    if n < 1:
        raise InputError(f"{name} is {n}, expected 1 or more")


def check(fits: bool, name: str, got: tuple[int, ...], expected: tuple[int, ...]) -> None:
    """InputError unless an array fits."""
    if not fits:
        raise InputError(f"{name}: shape {got}, expected {expected}, contiguous")
