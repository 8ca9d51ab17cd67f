"""Choosing how an HNSW index answers a filtered search, by what each way would cost.

Three ways: an exact scan of the allowed rows; a walk over all rows with a beam that is wider by
the share allowed, of which the allowed are kept (hnswlib's filter); a walk over the allowed rows
alone (ACORN-1). The costs are a fit to NumPy's times in tests/bench/hnsw_recall.py; between two
ways that cost alike, the exact one is taken.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SPARSE", "HNSWStats", "plan"]

SPARSE = 4  # rows are gathered when at most one of so many is allowed

_SURE = 0.7  # a walk is taken when its estimate is below this share of the exact scan's
_SHARED = 20  # queries over which a batch spreads the calls of a walk's steps
_WIDEST = 4096  # beam of the widest walk over all rows
_FEW = 0.1
_LEAST_FILTERED = 128  # beam of a walk over few allowed rows, whose ways are longer


@dataclass
class HNSWStats:
    """What a search did.

    Parameters
    ----------
    plan : {"walk", "wide walk", "filtered walk", "exact"}
        "wide walk" looks at all rows and keeps the allowed, "filtered walk" at the allowed alone.
    allowed : int
        Rows that could be found.
    ef : int
        Width of the beam; 0 for an exact plan.
    compared : int
        Vectors compared, all queries together.
    rescued : int
        Queries whose walk found too few, or compared too many, and that were scanned exactly.
    """

    plan: str = "walk"
    allowed: int = 0
    ef: int = 0
    compared: int = 0
    rescued: int = 0


def plan(live: int, allowed: int, dim: int, n_queries: int, ef: int) -> HNSWStats:
    """The cheapest way to search `allowed` of `live` rows of `dim` float32 values."""
    n_queries = max(1, n_queries)
    share = max(allowed, 1) / max(live, 1)
    wide, narrow = int(ef / share), max(ef, _LEAST_FILTERED) if share < _FEW else ef
    costs = {
        "wide walk": _walk(wide, dim, n_queries) if wide <= _WIDEST else float("inf"),
        "filtered walk": 2 * _walk(narrow, dim, n_queries) + 1500 / min(n_queries, _SHARED),
    }
    best = min(costs, key=costs.__getitem__)
    if _exact(live, allowed, dim, n_queries) * _SURE <= costs[best]:
        return HNSWStats("exact", allowed)
    return HNSWStats(best, allowed, wide if best == "wide walk" else narrow)


def _walk(ef: int, dim: int, n_queries: int) -> float:
    """Microseconds a query: the calls of its steps, and vectors gathered from anywhere."""
    return 600 / min(n_queries, _SHARED) + (500 + 12 * ef) * (0.1 + 0.0006 * dim)


def _exact(live: int, allowed: int, dim: int, n_queries: int) -> float:
    """Microseconds a query: rows read, or gathered, once for all; a product; the best k."""
    product = 0.003 + 0.000025 * dim
    if SPARSE * allowed > live:
        return live * ((0.02 + 0.00025 * dim) / n_queries + product)
    return 60 / n_queries + allowed * ((0.06 + 0.0004 * dim) / n_queries + product)
