"""What indexes are made of: scorers that compare, and indexes that choose what to compare.

A score is float32, and larger is nearer: cosine similarity, inner product, minus the squared
Euclidean distance, minus the number of differing bits. Rows are numbered from 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["METRICS", "Found", "Index", "Mask", "Scorer"]

METRICS = ("cosine", "ip", "l2", "hamming")

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Rows (Q, k) int64 and scores (Q, k) float32, best first, equal scores by the lower row; filled
# up with -1 and -inf where fewer than k rows are allowed.
Found = tuple[I64, F32]


class Scorer(Protocol):
    """Rows that can be compared with queries: vectors, or codes that stand for them."""

    @property
    def metric(self) -> str:
        """One of `METRICS`."""

    def __len__(self) -> int: ...

    def prepare(self, queries: npt.NDArray[Any]) -> Any:
        """What is computed once for `(Q, width)` queries."""

    def block(self, prepared: Any, start: int, stop: int) -> F32:
        """Scores of rows start to stop: `(Q, stop - start)`."""

    def pairs(self, prepared: Any, which: I64, rows: I64) -> F32:
        """Scores of single rows, each for one query: `(m,)`; `which` ascends."""

    def top(self, prepared: Any, k: int, allow: Mask | None = None) -> Found:
        """The best k of all rows, or of those allowed, `(n,)` bool."""


class Index(Protocol):
    """Rows of vectors, searched in batches."""

    def search(self, queries: npt.NDArray[Any], k: int, allow: Mask | None = None) -> Found:
        """The k nearest rows for each of `(Q, width)` queries, of those allowed, `(n,)` bool."""

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """Everything but the vectors, as arrays to be saved and mapped back."""
