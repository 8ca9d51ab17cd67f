"""The exact search: every row is compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.index._among import exact
from abi.index._cost import SearchStats
from abi.index._protocol import Found, Mask, Scorer

__all__ = ["Flat"]


class Flat:
    """Compares every row.

    Parameters
    ----------
    scorer : Scorer
        Vectors, or codes of them.

    Examples
    --------
    >>> from abi.index import Vectors
    >>> index = Flat(Vectors.of(np.float32([[0, 0], [3, 4], [6, 8]]), "l2"))
    >>> rows, scores = index.search(np.float32([[3, 3]]), k=2)
    >>> rows.tolist(), scores.tolist()
    ([[1, 0]], [[-1.0, -18.0]])
    """

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer

    def search(
        self,
        queries: npt.NDArray[Any],
        k: int,
        allow: Mask | None = None,
        *,
        stats: SearchStats | None = None,
    ) -> Found:
        """The k nearest rows for each of `(Q, width)` queries, of those allowed, `(n,)` bool."""
        if stats is not None:
            allowed = len(self.scorer) if allow is None else int(np.count_nonzero(allow))
            did = SearchStats("exact", allowed, compared=allowed * len(queries))
            stats.__dict__.update(did.__dict__)
        if allow is not None:
            return exact(self.scorer, queries, k, allow)
        return self.scorer.top(self.scorer.prepare(queries), k)

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """Nothing: it has no arrays of its own."""
        return {}
