"""What ways to search take, as far as it is needed to rank them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["SearchCosts"]


@dataclass(frozen=True)
class SearchCosts:
    """Microseconds, fitted to measured times; the second of a pair is for each number of a row.

    Parameters
    ----------
    row : (float, float)
        Reading a row once for all queries of a batch.
    gathered : (float, float)
        The same of a row from anywhere.
    product : (float, float)
        Comparing it with a query, of at least `many`.
    product_few : (float, float)
        With one of fewer.
    many : int
    exact_call : float
        Of a batch that gathers.
    walk : (float, float)
        Comparing a row on a walk.
    walk_call, filter_call : float
        Of a batch; and more if only some rows are allowed.
    look : (float, float)
        Comparing a row of a partition with a query, where each reads its rows for itself.
    look_call, part_call : float
        Of a batch; of a partition for all queries that look into it.
    looks_together : bool
        Whether all queries that look into a partition read its rows once.
    """

    row: tuple[float, float] = (0.02, 0.00025)
    gathered: tuple[float, float] = (0.06, 0.0004)
    product: tuple[float, float] = (0.003, 0.000025)
    product_few: tuple[float, float] = (0.003, 0.000025)
    many: int = 1
    exact_call: float = 60
    walk: tuple[float, float] = (0.1, 0.0006)
    walk_call: float = 600
    filter_call: float = 1500
    look: tuple[float, float] = (0, 0.00022)
    look_call: float = 120
    part_call: float = 12
    looks_together: bool = True

    def products(self, dim: int, n_queries: int) -> float:
        """Of a row with one of so many queries."""
        few, each = self.product if n_queries >= self.many else self.product_few
        return few + each * dim
