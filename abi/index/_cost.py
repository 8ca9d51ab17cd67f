"""What a search did, and what comparing every allowed row would cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from abi.index._int8 import Int8Codes
from abi.index._protocol import Scorer
from abi.index._vectors import Vectors
from abi.kernels import NumpyKernels, SearchCosts

__all__ = ["SPARSE", "SearchStats", "costs_of", "exact_cost", "width_of"]

SPARSE = 4  # rows are gathered when at most one of so many is allowed

_CODES = 32  # values that comparing a code is reckoned as


@dataclass
class SearchStats:
    """What a search did.

    Parameters
    ----------
    plan : str
        "exact": every allowed row was compared. Of a graph "walk"; "wide walk" looked at all rows
        and kept the allowed, "filtered walk" at the allowed alone. Of partitions "partitions".
    allowed : int
        Rows that could be found.
    width : int
        Of a graph's beam (`ef`), or partitions that were looked into (`nprobe`); 0 for "exact".
    compared : int
        Vectors compared, all queries together.
    rescued : int
        Queries whose walk found too few, or compared too many, and that were scanned exactly.
    costs : mapping of str to float
        Microseconds a query that each way was reckoned to take, where there was a choice.
    """

    plan: str = "exact"
    allowed: int = 0
    width: int = 0
    compared: int = 0
    rescued: int = 0
    costs: Mapping[str, float] = field(default_factory=dict, compare=False)


def exact_cost(live: int, allowed: int, dim: int, n_queries: int, costs: SearchCosts) -> float:
    """Microseconds a query: rows read, or gathered, once for all; a product; the best k."""
    product = costs.products(dim, n_queries)
    if SPARSE * allowed > live:
        return live * ((costs.row[0] + costs.row[1] * dim) / n_queries + product)
    reading = (costs.gathered[0] + costs.gathered[1] * dim) / n_queries
    return costs.exact_call / n_queries + allowed * (reading + product)


def width_of(scorer: Scorer) -> int:
    """Float32 values that comparing a row costs about as much as."""
    return max(1, scorer.data[:1].nbytes // 4) if isinstance(scorer, Vectors) else _CODES


def costs_of(scorer: Scorer, kernels: NumpyKernels) -> SearchCosts:
    """What these kernels take; codes that they cannot compare take what NumPy does."""
    in_place = isinstance(scorer, Vectors) or (
        isinstance(scorer, Int8Codes) and scorer.compared_in_place
    )
    return kernels.costs if in_place else NumpyKernels.costs
