"""What an index has in a file of its own: a graph, codes, or both."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.index import (
    HNSW,
    IVF,
    BinaryCodes,
    Flat,
    Index,
    Int8Codes,
    PQCodes,
    Rescored,
    Scorer,
    Vectors,
    labels_of,
)
from abi.store._config import VectorConfig
from abi.store.indexes._before import Before
from abi.store.indexes._choice import Choice

__all__ = ["build", "read"]

Array = npt.NDArray[Any]
Partitions = tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]

_STEP = 4096  # rows between looks at whether to stop
_CODES: dict[str, Any] = {"int8": Int8Codes, "binary": BinaryCodes, "pq": PQCodes}


def build(
    choice: Choice,
    vectors: Vectors,
    settings: VectorConfig,
    partitions: Partitions | None,
    stop: Callable[[], bool],
    before: Before | None = None,
) -> dict[str, Array] | None:
    """Arrays of a graph or codes of vectors; None if `stop` said to end before they were done.

    A graph goes on from that of rows which are the first of these vectors, where there is one.
    """
    found: dict[str, Array] = {}
    if choice.index == "hnsw":
        graph = _graph(vectors, settings, stop, before)
        if graph is None:
            return None
        found.update((f"graph/{key}", array) for key, array in graph.arrays().items())
    if choice.quantization != "none":
        codes = _codes(choice.quantization, vectors, settings, partitions)
        found.update((f"codes/{key}", array) for key, array in codes.arrays().items())
    return found


def read(
    choice: Choice,
    arrays: Mapping[str, Array],
    vectors: Vectors,
    settings: VectorConfig,
    partitions: Partitions | None,
) -> Index:
    """The index of vectors, of what a file has and of the order in which they lie.

    Raises
    ------
    FormatError
        If they are not those of as many vectors.
    """
    scorer: Scorer = vectors
    if choice.quantization != "none":
        kind = _CODES[choice.quantization]
        scorer = kind.from_arrays(_group(arrays, "codes/"), settings.metric, vectors.kernels)
        if len(scorer) != len(vectors):
            raise FormatError(f"{len(scorer)} codes of {len(vectors)} vectors", field="codes")
    index: Index
    if choice.index == "hnsw":
        index = HNSW.from_arrays(_group(arrays, "graph/"), scorer, vectors.kernels)
    elif choice.index == "ivf" and partitions is not None:
        index = IVF(scorer, *partitions, kernels=vectors.kernels)
    else:
        index = Flat(scorer)
    return index if scorer is vectors else Rescored(index, vectors, settings.oversample)


def _graph(
    vectors: Vectors, settings: VectorConfig, stop: Callable[[], bool], before: Before | None
) -> HNSW | None:
    index = None if before is None else before.graph(vectors)
    start = 0 if index is None else len(index)
    for end in range(start + _STEP, len(vectors) + _STEP, _STEP):
        some = vectors.first(min(end, len(vectors)))
        if index is None:
            index = HNSW.build(some, M=settings.M, ef_construction=settings.ef_construction)
        else:
            index.add(some)
        if stop():
            return None
    return index


def _codes(
    kind: str, vectors: Vectors, settings: VectorConfig, partitions: Partitions | None
) -> Int8Codes | BinaryCodes | PQCodes:
    if kind == "int8":
        return Int8Codes.of(vectors)
    if kind == "binary":
        return BinaryCodes.of(vectors)
    if partitions is None:
        return PQCodes.of(vectors, _parts(settings))
    centroids, offsets = partitions
    labels = labels_of(offsets)
    return PQCodes.of(vectors, _parts(settings), partition=(centroids, labels))


def _parts(settings: VectorConfig) -> int:
    """Bytes of a product code: of the divisors of the dimension the nearest to an eighth."""
    if settings.pq_m is not None:
        return settings.pq_m
    divisors = [m for m in range(1, settings.dim + 1) if settings.dim % m == 0]
    return min(divisors, key=lambda m: (abs(8 * m - settings.dim), m))


def _group(arrays: Mapping[str, Array], prefix: str) -> dict[str, Array]:
    return {k[len(prefix) :]: a for k, a in arrays.items() if k.startswith(prefix)}
