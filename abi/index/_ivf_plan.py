"""Choosing how partitions answer a search: by looking into the nearest, or comparing every row.

Of rows that a filter lets through, the nearest lie farther from a query than those of all. So as
many more partitions are looked into as keep recall: nprobe over the square root of the share of
rows allowed, by measurement with filters that have nothing to do with the vectors and with
filters that lean away from them (tests/bench/filtered_search.py).
"""

from __future__ import annotations

from math import ceil

from abi.index._cost import SearchStats, exact_cost
from abi.kernels import SearchCosts

__all__ = ["plan"]

_MASK, _RANKED = 0.003, 0.0002  # microseconds of a row's mask; of a number of a centroid
_SURE = 0.8  # partitions are taken when their estimate is below this share of the exact scan's


def plan(
    nlist: int, nprobe: int, live: int, allowed: int, dim: int, n_queries: int, costs: SearchCosts
) -> SearchStats:
    """The cheaper way to search `allowed` of `live` rows of `dim` float32 values."""
    share = max(1, allowed) / max(1, live)
    wide = min(nlist, ceil(nprobe * share**-0.5))
    queries = max(1, n_queries)
    ways = {
        "partitions": _partitions(nlist, wide, live, dim, queries, costs),
        "exact": exact_cost(live, allowed, dim, queries, costs),
    }
    if allowed < live:
        ways["partitions"] += live * _MASK / queries
    if ways["exact"] * _SURE <= ways["partitions"]:
        return SearchStats("exact", allowed, costs=ways)
    return SearchStats("partitions", allowed, wide, costs=ways)


def _partitions(
    nlist: int, nprobe: int, live: int, dim: int, n_queries: int, costs: SearchCosts
) -> float:
    """Microseconds a query: its centroids, a call a partition, rows read."""
    rows = live * nprobe / nlist
    readers = max(1.0, n_queries * nprobe / nlist) if costs.looks_together else 1.0
    calls = costs.look_call / n_queries + nprobe * costs.part_call / readers
    row, each = costs.look
    reading = row + each * dim / readers
    if costs.looks_together:
        reading += costs.products(dim, n_queries)
    return calls + rows * reading + nlist * _RANKED * dim / n_queries
