"""Choosing how an HNSW index answers a filtered search, by what each way would cost.

Three ways: an exact scan of the allowed rows; a walk over all rows with a beam that is wider by
the share allowed, of which the allowed are kept (hnswlib's filter); a walk over the allowed rows
alone (ACORN-1). The costs are those of the kernels; between two ways that cost alike, the exact
one is taken.
"""

from __future__ import annotations

from abi.index._cost import SearchStats, exact_cost
from abi.kernels import NumpyKernels, SearchCosts

__all__ = ["plan"]

NUMPY = NumpyKernels.costs
_SURE = 0.7  # a walk is taken when its estimate is below this share of the exact scan's
_SHARED = 20  # queries over which a batch spreads the calls of a walk's steps
_WIDEST = 4096  # beam of the widest walk over all rows
_FEW = 0.1
_LEAST_FILTERED = 128  # beam of a walk over few allowed rows, whose ways are longer


def plan(
    live: int, allowed: int, dim: int, n_queries: int, ef: int, costs: SearchCosts = NUMPY
) -> SearchStats:
    """The cheapest way to search `allowed` of `live` rows of `dim` float32 values."""
    n_queries = max(1, n_queries)
    share = max(allowed, 1) / max(live, 1)
    wide, narrow = int(ef / share), max(ef, _LEAST_FILTERED) if share < _FEW else ef
    filtering = costs.filter_call / min(n_queries, _SHARED)
    ways = {
        "wide walk": _walk(wide, dim, n_queries, costs) if wide <= _WIDEST else float("inf"),
        "filtered walk": 2 * _walk(narrow, dim, n_queries, costs) + filtering,
    }
    best = min(ways, key=ways.__getitem__)
    ways["exact"] = exact_cost(live, allowed, dim, n_queries, costs)
    if ways["exact"] * _SURE <= ways[best]:
        return SearchStats("exact", allowed, costs=ways)
    return SearchStats(best, allowed, wide if best == "wide walk" else narrow, costs=ways)


def _walk(ef: int, dim: int, n_queries: int, costs: SearchCosts) -> float:
    """Microseconds a query: the calls of its steps, and vectors gathered from anywhere."""
    row, each = costs.walk
    return costs.walk_call / min(n_queries, _SHARED) + (500 + 12 * ef) * (row + each * dim)
