"""The k best of scores that arrive block by block, for many queries at once.

Only what passes a query's k-th best score so far is looked at again, so most scores are
compared once and never sorted.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Top"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


class Top:
    """The best k rows for each of Q queries.

    Parameters
    ----------
    n_queries, k : int
    """

    def __init__(self, n_queries: int, k: int) -> None:
        self._k = k
        self._rows = np.full((n_queries, k), -1, np.int64)
        self._scores = np.full((n_queries, k), -np.inf, np.float32)

    def add(self, scores: F32, first: int) -> None:
        """Scores of further rows, `(Q, rows)`, which begin with row `first`."""
        if not scores.size:
            return
        least, n = self.least, scores.shape[1]
        passing = scores > least
        if n > self._k and np.isneginf(least).any():
            # Without a k-th score yet all would pass: those of this block set one.
            passing &= scores >= np.partition(scores, n - self._k, axis=1)[:, n - self._k, None]
        flat = np.flatnonzero(passing)
        if len(flat):
            query, row = np.divmod(flat, n)
            self._merge(query, row + first, scores.ravel()[flat])

    @property
    def least(self) -> F32:
        """The k-th best score so far, -inf without one: `(Q, 1)`."""
        return self._scores[:, -1:]

    def best(self) -> tuple[I64, F32]:
        """Rows and scores, `(Q, k)`."""
        return self._rows, self._scores

    def _merge(self, query: I64, row: I64, score: F32) -> None:
        """Take in candidates; rows that were there before are lower."""
        asked = np.unique(query)
        place = np.searchsorted(asked, query)
        queries = np.concatenate([np.repeat(np.arange(len(asked)), self._k), place])
        rows = np.concatenate([self._rows[asked].ravel(), row])
        scores = np.concatenate([self._scores[asked].ravel(), score])
        order = np.lexsort((rows, -scores, queries))
        starts = np.searchsorted(queries[order], np.arange(len(asked)))
        chosen = order[starts[:, None] + np.arange(self._k)]
        self._rows[asked], self._scores[asked] = rows[chosen], scores[chosen]
