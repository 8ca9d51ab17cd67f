"""Nearest vectors over all views of a collection, one after another, joined at the end."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from abi.index import Vectors
from abi.kernels import NumpyKernels
from abi.store._config import VectorConfig
from abi.store._pack import Array
from abi.store._part import Matrix, View
from abi.store.search._found import Found, merge

__all__ = ["nearest", "shown_scores"]

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]

_FEW = 0.25  # share of a matrix up to which its allowed rows are gathered before the product


def nearest(
    kernels: NumpyKernels,
    views: Sequence[View],
    masks: Sequence[Bool | None],
    name: str,
    settings: VectorConfig,
    queries: Array,
    k: int,
) -> list[Found]:
    """The k best rows for each query, of those that masks allow.

    Parameters
    ----------
    kernels : NumpyKernels
    views : sequence of View
    masks : sequence of (n,) bool or None
        For each view, the rows that may be found; None for all.
    name, settings
        The vector.
    queries : (q, width)
    k : int

    Returns
    -------
    list of Found
        One for each query.
    """
    found: list[list[Found]] = [[] for _ in queries]
    for number, (view, mask) in enumerate(zip(views, masks, strict=True)):
        matrix = view.part.matrix(name, view.n)
        if matrix is None:
            continue
        places, scores = _search(kernels, matrix, mask, settings, queries, k)
        rows = _rows(matrix, places)
        for i, parts in enumerate(found):
            parts.append(Found.of(number, rows[i], scores[i]))
    return [merge(parts, k) for parts in found]


def shown_scores(metric: str, scores: F32) -> F32:
    """Scores as a caller sees them; inside, larger is nearer for every metric."""
    if metric == "l2":
        return np.sqrt(np.maximum(-scores, 0))
    return -scores if metric == "hamming" else scores


def _search(
    kernels: NumpyKernels,
    matrix: Matrix,
    mask: Bool | None,
    settings: VectorConfig,
    queries: Array,
    k: int,
) -> tuple[I64, F32]:
    """The exact search of a matrix: places of its rows, -1 where there are no more."""
    allow = mask if mask is None or matrix.rows is None else mask[matrix.rows]
    vectors = Vectors(matrix.data, settings.metric, matrix.inverse_norms, kernels)
    chosen = None
    if allow is not None and np.count_nonzero(allow) <= _FEW * len(vectors):
        chosen = np.flatnonzero(allow)
        vectors, allow = vectors.take(chosen), None
    places, scores = vectors.top(vectors.prepare(queries), k, allow)
    if chosen is not None and len(chosen):
        places = np.where(places >= 0, chosen[places], -1)
    return places, scores


def _rows(matrix: Matrix, places: I64) -> I64:
    if matrix.rows is None:
        return places
    return np.where(places >= 0, matrix.rows[places], -1)
