"""Postings of documents that arrive: the same questions, over arrays that grow."""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.index._postings import Postings
from abi.index._postings_arrays import key_of, packed
from abi.index._postings_score import all_scores, query_of, top_scores
from abi.index._protocol import Mask

__all__ = ["GrowingPostings"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
U32 = npt.NDArray[np.uint32]


class GrowingPostings:
    """The terms of documents, numbered as they arrive.

    Another thread may search while documents are added: it finds those that were there when it
    began, and an `allow` that ends before those that arrived since keeps them out.

    Examples
    --------
    >>> growing = GrowingPostings()
    >>> growing.add([["red", "fox"], ["red"]])
    >>> growing.add([["grey"]])
    >>> growing.n_documents, growing.document_frequency(["red", "blue"]).tolist()
    (3, [2, 0])
    >>> growing.freeze().n_documents
    3
    """

    def __init__(self) -> None:
        self._postings: dict[str, array[int]] = {}  # row, count, row, count, ...
        self._lengths = array("I")
        self.total_length = 0
        self.n_worded = 0

    @property
    def n_documents(self) -> int:
        """Documents, those without terms included."""
        return len(self._lengths)

    def add(self, documents: Sequence[Sequence[str]]) -> None:
        """Add documents, by their terms."""
        postings = self._postings
        for terms in documents:
            row = len(self._lengths)
            for term, count in Counter(terms).items():
                pairs = postings.get(term)
                if pairs is None:
                    postings[term] = array("I", (row, count))
                else:
                    pairs.extend((row, count))
            self._lengths.append(len(terms))
            self.total_length += len(terms)
            self.n_worded += bool(terms)

    def freeze(self) -> Postings:
        """The same documents, in flat arrays."""
        terms = sorted(self._postings, key=key_of)
        each = [self.postings(term) for term in terms]
        sizes = np.fromiter((len(rows) for rows, _ in each), np.int64, len(each))
        nothing = np.empty(0, np.uint32)
        rows = np.concatenate([nothing, *(rows for rows, _ in each)])
        counts = np.concatenate([nothing, *(counts for _, counts in each)])
        return Postings(packed([key_of(t) for t in terms], sizes, rows, counts, self._sizes()))

    def document_frequency(self, terms: Sequence[str]) -> I64:
        """Documents that have each term: `(T,)` int64."""
        found = self._postings
        return np.array([len(found.get(term, ())) // 2 for term in terms], np.int64)

    def postings(self, term: str) -> tuple[U32, U32]:
        """Documents that have a term, ascending, and how often."""
        pairs = _copy(self._postings.get(term, _NONE))
        n = len(pairs) // 2  # another thread may be between the two
        return pairs[: 2 * n : 2], pairs[1 : 2 * n : 2]

    def scores(
        self,
        terms: Sequence[str],
        idf: npt.ArrayLike,
        average_length: float,
        allow: Mask | None = None,
        weights: npt.ArrayLike | None = None,
    ) -> tuple[I64, F32]:
        """As `Postings.scores`."""
        query = query_of(terms, idf, weights)
        return all_scores(self.postings, self._sizes(), query, average_length, allow)

    def top(
        self,
        terms: Sequence[str],
        idf: npt.ArrayLike,
        average_length: float,
        k: int,
        allow: Mask | None = None,
        weights: npt.ArrayLike | None = None,
    ) -> tuple[I64, F32]:
        """As `Postings.top`."""
        query = query_of(terms, idf, weights)
        return top_scores(self.postings, self._sizes(), query, average_length, k, allow)

    def _sizes(self) -> U32:
        return _copy(self._lengths)


_NONE: array[Any] = array("I")


def _copy(values: array[int]) -> U32:
    """What is there now: an array whose memory is lent out cannot grow, so it is copied first."""
    return np.frombuffer(values[:], np.uint32)
