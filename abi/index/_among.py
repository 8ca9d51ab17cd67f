"""Exact search among some rows, and comparing rows through any scorer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.index._cost import SPARSE
from abi.index._protocol import Found, Mask, Scorer
from abi.index._vectors import Vectors
from abi.kernels import Scoring

__all__ = ["best", "exact", "scoring"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_GATHERED = 1 << 25  # bytes of vectors gathered at a time
_PAIRS = 1 << 18  # codes compared at a time


def scoring(scorer: Scorer, queries: npt.NDArray[Any]) -> Scoring:
    """What compares rows with these queries, for a walk."""
    prepared = scorer.prepare(queries)
    return lambda which, rows: scorer.pairs(prepared, which, rows)


def exact(scorer: Scorer, queries: npt.NDArray[Any], k: int, allow: Mask) -> Found:
    """The nearest of the allowed rows: `(Q, k)` rows and scores."""
    rows = np.flatnonzero(allow)
    if SPARSE * len(rows) > len(allow):
        return scorer.top(scorer.prepare(queries), k, allow)
    found = np.full((len(queries), k), -1, np.int64)
    scores = np.full((len(queries), k), -np.inf, np.float32)
    if isinstance(scorer, Vectors):
        parts = _gathered(scorer, queries, k, rows)
    else:
        parts = _compared(scorer, queries, rows)
    for more, their in parts:
        both = np.concatenate((found, more), axis=1)
        found, scores = best(both, np.concatenate((scores, their), axis=1), k)
    return found, scores


def best(rows: I64, scores: F32, k: int) -> Found:
    """The k best of each line, equal scores by lower row, -1 and -inf last."""
    order = np.lexsort((rows, -scores), axis=-1)[:, :k]
    return np.take_along_axis(rows, order, axis=1), np.take_along_axis(scores, order, axis=1)


def _gathered(vectors: Vectors, queries: npt.NDArray[Any], k: int, rows: I64) -> Iterator[Found]:
    prepared = vectors.prepare(queries)
    step = max(1, _GATHERED // max(1, vectors.data[:1].nbytes))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        places, scores = vectors.take(part).top(prepared, k)
        yield np.where(places < 0, -1, part[places]), scores


def _compared(scorer: Scorer, queries: npt.NDArray[Any], rows: I64) -> Iterator[Found]:
    prepared = scorer.prepare(queries)
    step = max(1, _PAIRS // max(1, len(queries)))
    for start in range(0, len(rows), step):
        part = rows[start : start + step]
        lines = np.tile(part, (len(queries), 1))
        which = np.repeat(np.arange(len(queries)), len(part))
        yield lines, scorer.pairs(prepared, which, lines.ravel()).reshape(lines.shape)
