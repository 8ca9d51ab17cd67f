"""Nearest vectors over all views of a collection, one after another, joined at the end."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from abi.index import Flat, Mask, SearchStats
from abi.kernels import NumpyKernels
from abi.store._config import VectorConfig
from abi.store._pack import Array
from abi.store._part import Matrix, View
from abi.store.filter import Filter
from abi.store.indexes import Opened, Options
from abi.store.search._explain import Step
from abi.store.search._found import Found, merge

__all__ = ["Near", "nearest", "shown_scores"]

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]

_FEW = 2048  # rows that match, which are compared without a look at what an index would cost


@dataclass(frozen=True)
class Near:
    """What to look for, and how.

    Parameters
    ----------
    name, settings
        The vector that is compared.
    queries : (q, width)
    k : int
    exact : bool
        Compare every vector, whatever index there is.
    filter : Filter or None
        What the masks are of.
    options : Options
        How wide indexes are searched.
    steps : list of Step or None
        Takes what was done with each part.
    """

    name: str
    settings: VectorConfig
    queries: Array
    k: int
    exact: bool = False
    filter: Filter | None = None
    options: Options = field(default_factory=Options)
    steps: list[Step] | None = None


def nearest(
    kernels: NumpyKernels, views: Sequence[View], masks: Sequence[Mask | None], near: Near
) -> list[Found]:
    """The k best rows for each query, of those that masks, `(n,)` for each view, allow."""
    found: list[list[Found]] = [[] for _ in near.queries]
    for number, (view, mask) in enumerate(zip(views, masks, strict=True)):
        matrix = view.part.matrix(near.name, view.n)
        if matrix is None:
            continue
        index = None if near.exact else view.part.index(near.name, kernels)
        start, stats = time.perf_counter(), None if near.steps is None else SearchStats()
        places, scores = _search(kernels, matrix, index, mask, near, stats)
        if near.steps is not None and stats is not None:
            part = getattr(view.part, "name", "memory")
            seconds = time.perf_counter() - start
            near.steps.append(Step(part, str(index or "none"), len(matrix.data), stats, seconds))
        rows = _rows(matrix, places)
        for i, parts in enumerate(found):
            parts.append(Found.of(number, rows[i], scores[i]))
    return [merge(parts, near.k) for parts in found]


def shown_scores(metric: str, scores: F32) -> F32:
    """Scores as a caller sees them; inside, larger is nearer for every metric."""
    if metric == "l2":
        return np.sqrt(np.maximum(-scores, 0))
    if metric == "cosine":
        return np.clip(scores, -1, 1)  # rounding leads a little beyond
    return -scores if metric == "hamming" else scores


def _search(
    kernels: NumpyKernels,
    matrix: Matrix,
    index: Opened | None,
    mask: Mask | None,
    near: Near,
    stats: SearchStats | None,
) -> tuple[I64, F32]:
    """The search of a matrix: places of its rows, -1 where there are no more."""
    allow = mask if mask is None or matrix.rows is None else mask[matrix.rows]
    few = allow is not None and int(np.count_nonzero(allow)) <= _FEW
    if index is not None and not few:
        found = index.search(near.queries, near.k, allow, near.options, stats)
        index.asked.add(near.queries, near.k, near.filter)
        return found
    vectors = matrix.vectors(near.settings.metric, kernels)
    return Flat(vectors).search(near.queries, near.k, allow, stats=stats)


def _rows(matrix: Matrix, places: I64) -> I64:
    if matrix.rows is None:
        return places
    return np.where(places >= 0, matrix.rows[places], -1)
