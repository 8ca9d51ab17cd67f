"""BM25 over postings: the documents that have any of some terms, and the best of them.

Terms are summed up from the heaviest to the lightest. A term that most documents have weighs
little, and is mostly not worth its sum: once the k best so far are out of reach of what is left,
only documents that can still be among them are looked up in it (Turtle and Flood, Query
evaluation: strategies and optimizations, 1995, "max_score"). The result is the same.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.index._bm25 import best, weights
from abi.index._protocol import Mask

__all__ = ["Query", "all_scores", "query_of", "top_scores"]

Array = npt.NDArray[Any]
F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Find = Callable[[str], tuple[Array, Array]]  # the documents of a term, and how often it is there
Query = list[tuple[str, float]]  # terms, each once, and what they weigh, heaviest first

_FEW = 32  # of this many documents one is allowed: they are looked up, not the terms summed up
_COMMON = 16  # a term in one document of so many is worth looking whether it can be spared
_SLACK = 1 + 1e-5  # for the rounding of float32 sums


def query_of(terms: Sequence[str], idf: npt.ArrayLike, factors: npt.ArrayLike | None) -> Query:
    """Terms with their weights; what is there twice counts twice, what weighs nothing goes."""
    each = np.array(idf, np.float64)
    if factors is not None:
        each = each * np.asarray(factors, np.float64)
    if each.shape != (len(terms),):
        raise InputError(f"{len(terms)} terms with weights of shape {each.shape}: one each")
    if not (np.isfinite(each).all() and (each >= 0).all()):
        raise InputError("a weight of a term is negative, infinite or no number")
    summed: dict[str, float] = {}
    for term, weight in zip(terms, each.tolist(), strict=True):
        if weight:
            summed[term] = summed.get(term, 0.0) + weight
    return sorted(summed.items(), key=lambda item: (-item[1], item[0]))


def all_scores(
    find: Find, lengths: Array, query: Query, average: float, allow: Mask | None
) -> tuple[I64, F32]:
    """Every document that has a term, ascending, and its score."""
    total = np.zeros(_end(lengths, allow), np.float32)
    for term, weight in query:
        _add(total, *_before(find(term), len(total)), lengths, weight, average)
    rows = _positive(total, allow)
    return rows, total[rows]


def top_scores(
    find: Find, lengths: Array, query: Query, average: float, k: int, allow: Mask | None
) -> tuple[I64, F32]:
    """The k best documents, and their scores."""
    if k < 1:
        raise InputError(f"k is {k}; it is 1 or more")
    n = _end(lengths, allow)
    rows = _few(allow, n)
    total = np.zeros(n if rows is None else len(rows), np.float32)
    rest = sum(weight for _, weight in query)
    for term, weight in query:
        there, counts = _before(find(term), n)
        if rows is None and len(there) * _COMMON > n:
            rows = _contenders(total, k, rest * _SLACK, allow)
            total = total if rows is None else total[rows]
        if rows is None:
            _add(total, there, counts, lengths, weight, average)
        else:
            _look_up(total, rows, there, counts, lengths, weight, average)
        rest -= weight
    if rows is None:
        rows = _positive(total, allow)
        total = total[rows]
    found, scores = best(rows, total, k)
    return found[scores > 0], scores[scores > 0]


def _end(lengths: Array, allow: Mask | None) -> int:
    """Documents that are looked at: those from here on are not allowed."""
    return len(lengths) if allow is None else min(len(lengths), len(allow))


def _before(postings: tuple[Array, Array], n: int) -> tuple[Array, Array]:
    """The part of postings that is about the first n documents."""
    rows, counts = postings
    if len(rows) and rows[-1] >= n:
        stop = int(rows.searchsorted(rows.dtype.type(n)))
        rows, counts = rows[:stop], counts[:stop]
    return rows, counts


def _few(allow: Mask | None, n: int) -> I64 | None:
    """The documents that are allowed, if they are few."""
    if allow is None or int(np.count_nonzero(allow[:n])) * _FEW > n:
        return None
    return np.flatnonzero(allow[:n])


def _positive(total: F32, allow: Mask | None) -> I64:
    return np.flatnonzero(total > 0 if allow is None else (total > 0) & allow[: len(total)])


def _contenders(total: F32, k: int, rest: float, allow: Mask | None) -> I64 | None:
    """Documents that can be among the k best by `rest` more; None if any can."""
    if float(total.max(initial=0)) <= rest:
        return None
    rows = np.flatnonzero(total > rest)  # the others are no better than what was not found yet
    if allow is not None:
        rows = rows[allow[rows]]
    if len(rows) < k:
        return None
    found = total[rows]
    least = float(np.partition(found, len(rows) - k)[len(rows) - k])
    kept = np.flatnonzero(total >= np.float32(least - rest))
    return kept if allow is None else kept[allow[kept]]


def _add(
    total: F32, rows: Array, counts: Array, lengths: Array, weight: float, average: float
) -> None:
    """Add a term to the sums of all documents."""
    at = rows.astype(np.intp)
    total[at] += np.float32(weight) * weights(counts, lengths[at], average)


def _look_up(
    total: F32,
    rows: I64,
    there: Array,
    counts: Array,
    lengths: Array,
    weight: float,
    average: float,
) -> None:
    """Add a term to the sums of some documents."""
    if not len(there):
        return
    wanted = rows.astype(there.dtype)  # of another type, all postings would be converted
    at = there.searchsorted(wanted)
    at[at == len(there)] = 0
    hit = np.flatnonzero(there[at] == wanted)
    total[hit] += np.float32(weight) * weights(counts[at[hit]], lengths[rows[hit]], average)
