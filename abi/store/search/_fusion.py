"""Joining the results of several searches into one order.

Reciprocal rank fusion: Cormack, Clarke and Buettcher, SIGIR 2009; k = 60 as there. Weighted:
each search's scores are brought to 0..1, then added by weight. 1 is its best hit; 0 is what a row
that it did not find may have, which is the score of its worst hit, or what is known to be below.
It keeps by how much a hit is better than the next, which ranks forget: Bruch, Gai and Ingber, An
Analysis of Fusion Functions for Hybrid Retrieval, TOIS 2023.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.store.search._found import Found

__all__ = ["FUSIONS", "fuse"]

FUSIONS = ("rrf", "weighted")
_RRF_K = 60


def fuse(
    results: Sequence[Found],
    k: int,
    fusion: str = "rrf",
    weights: Sequence[float] | None = None,
    floors: Sequence[float | None] | None = None,
) -> Found:
    """The best k over several results.

    Parameters
    ----------
    results : sequence of Found
        One for each search.
    k : int
    fusion : {"rrf", "weighted"}
    weights : sequence of float, optional
        One for each result, 0 or more; equal without it.
    floors : sequence of (float or None), optional
        The score that rows have which a result is without; None for that of its worst hit.

    Raises
    ------
    InputError
        If the fusion is unknown or the weights do not fit.
    """
    if fusion not in FUSIONS:
        raise InputError(f"fusion={fusion!r}: expected one of {', '.join(FUSIONS)}")
    shares = _weights(weights, len(results))
    lows = [None] * len(results) if floors is None else floors
    totals: dict[tuple[int, int], float] = {}
    for found, share, low in zip(results, shares, lows, strict=True):
        values = _by_rank(found) if fusion == "rrf" else _by_score(found, low)
        for key, value in zip(found.keys(), values.tolist(), strict=True):
            totals[key] = totals.get(key, 0.0) + share * value
    best = sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:k]
    return Found(
        np.array([view for (view, _), _ in best], np.int64),
        np.array([row for (_, row), _ in best], np.int64),
        np.array([score for _, score in best], np.float32),
    )


def _weights(weights: Sequence[float] | None, n: int) -> list[float]:
    if weights is None:
        return [1.0] * n
    given = list(weights)
    if len(given) != n or not all(isinstance(w, int | float) and 0 <= w < np.inf for w in given):
        raise InputError(f"weights={given}: expected {n} numbers, 0 or more")
    return [float(w) for w in given]


def _by_rank(found: Found) -> npt.NDArray[np.float64]:
    return 1.0 / (_RRF_K + 1 + np.arange(len(found)))


def _by_score(found: Found, floor: float | None) -> npt.NDArray[np.float64]:
    scores = found.score.astype(np.float64)
    if not len(scores):
        return scores
    low, high = scores.min() if floor is None else floor, scores.max()
    return (scores - low) / (high - low) if high > low else np.ones_like(scores)
