"""Choosing how partitions answer a search: by looking into the nearest, or comparing every row.

Of rows that a filter lets through, the nearest lie farther from a query than those of all. So as
many more partitions are looked into as keep recall: nprobe over the square root of the share of
rows allowed, by measurement with filters that have nothing to do with the vectors and with
filters that lean away from them (tests/bench/filtered_search.py).
"""

from __future__ import annotations

from math import ceil

from abi.index._cost import SearchStats, exact_cost

__all__ = ["plan"]

_SURE = 0.8  # partitions are taken when their estimate is below this share of the exact scan's


def plan(nlist: int, nprobe: int, live: int, allowed: int, dim: int, n_queries: int) -> SearchStats:
    """The cheaper way to search `allowed` of `live` rows of `dim` float32 values."""
    share = max(1, allowed) / max(1, live)
    wide = min(nlist, ceil(nprobe * share**-0.5))
    queries = max(1, n_queries)
    costs = {
        "partitions": _partitions(nlist, wide, live, dim, queries, allowed < live),
        "exact": exact_cost(live, allowed, dim, queries),
    }
    if costs["exact"] * _SURE <= costs["partitions"]:
        return SearchStats("exact", allowed, costs=costs)
    return SearchStats("partitions", allowed, wide, costs=costs)


def _partitions(
    nlist: int, nprobe: int, live: int, dim: int, n_queries: int, filtered: bool
) -> float:
    """Microseconds a query: its centroids, a call a partition, rows read once for all queries."""
    rows = live * nprobe / nlist
    readers = max(1.0, n_queries * nprobe / nlist)  # of each partition
    calls = 120 / n_queries + nprobe * 12 / readers
    masks = live * 0.003 / n_queries if filtered else 0.0
    reading = rows * (0.00022 * dim / readers + 0.003 + 0.000025 * dim)
    return calls + masks + reading + nlist * 0.0002 * dim / n_queries
