"""The last queries to an index, kept to judge it by.

When some tens of times as long has gone by as judging takes, they are asked again and compared
with the exact result: that costs a few hundredths of the time, however much or little is asked.
"""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from abi._platform import Lock
from abi.store.filter import Filter

__all__ = ["Asked", "Judgement", "Query"]

_KEPT = 48  # queries
_LEAST = 24  # queries from which on there is a judgement
_SHARE = 30  # times as long as judging takes from one to the next
_FIRST = 15.0  # seconds before the first


@dataclass(frozen=True)
class Query:
    """A query that came.

    Parameters
    ----------
    vector : (width,) array
    k : int
    filter : Filter or None
    """

    vector: npt.NDArray[Any]
    k: int
    filter: Filter | None


@dataclass(frozen=True)
class Judgement:
    """What was measured.

    Parameters
    ----------
    recall : float
        Share of the true neighbours that were found.
    queries : int
        On so many queries.
    """

    recall: float
    queries: int


class Asked:
    """The last queries to an index, and when it should be judged by them."""

    def __init__(self) -> None:
        self._queries: deque[Query] = deque(maxlen=_KEPT)
        self._lock = Lock()
        self._after, self._new = time.monotonic() + _FIRST, 0
        self.judgement: Judgement | None = None

    def add(self, vectors: npt.NDArray[Any], k: int, filter: Filter | None) -> None:
        """Note queries."""
        with self._lock:
            self._queries.extend(Query(v.copy(), k, filter) for v in vectors[-_KEPT:])
            self._new += len(vectors)

    def due(self) -> bool:
        """Whether there is something to judge by, and it is time."""
        return self._new >= _LEAST and time.monotonic() >= self._after

    def take(self) -> list[Query]:
        """The last queries."""
        with self._lock:
            return list(self._queries)

    def judged(self, judgement: Judgement, seconds: float) -> None:
        """Note a judgement that took so long."""
        with self._lock:
            self.judgement = judgement
            self._after, self._new = time.monotonic() + max(_FIRST, _SHARE * seconds), 0
