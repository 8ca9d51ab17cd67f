"""Postings of documents that arrive: the same questions, over lists that grow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from abi.index._postings import term_scores
from abi.index._protocol import Mask

__all__ = ["GrowingPostings"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


class GrowingPostings:
    """The terms of documents, numbered as they arrive."""

    def __init__(self) -> None:
        self._postings: dict[str, tuple[list[int], list[int]]] = {}
        self._lengths: list[int] = []
        self.total_length = 0

    @property
    def n_documents(self) -> int:
        """Documents, those without terms included."""
        return len(self._lengths)

    def add(self, documents: Sequence[Sequence[str]]) -> None:
        """Add documents, by their terms."""
        for terms in documents:
            row = len(self._lengths)
            for term, count in Counter(terms).items():
                rows, counts = self._postings.setdefault(term, ([], []))
                rows.append(row)
                counts.append(count)
            self._lengths.append(len(terms))
            self.total_length += len(terms)

    def document_frequency(self, terms: Sequence[str]) -> I64:
        """Documents that have each term: `(T,)` int64."""
        return np.array([len(self._postings.get(term, ((), ()))[0]) for term in terms], np.int64)

    def postings(self, term: str) -> tuple[I64, I64]:
        """Documents that have a term, and how often."""
        rows, counts = self._postings.get(term, ([], []))
        n = len(counts)  # the list of rows may be one longer, in another thread
        return np.array(rows[:n], np.int64), np.array(counts[:n], np.int64)

    def top(
        self,
        terms: Sequence[str],
        idf: F64,
        average_length: float,
        k: int,
        allow: Mask | None = None,
    ) -> tuple[I64, F32]:
        """As `Postings.top`."""
        lengths = np.array(self._lengths, np.int64)
        if allow is None:
            allow = np.ones(len(lengths), np.bool_)
        return term_scores(self.postings, lengths, terms, idf, average_length, k, allow)
