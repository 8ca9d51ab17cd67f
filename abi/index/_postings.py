"""Postings: which documents have a term, and how often, in flat arrays that are mapped.

Arrays of T terms, n documents and P postings:

    terms (bytes), offsets (T + 1,)    the terms, UTF-8, ascending
    starts (T + 1,)                    where in rows and counts each term's postings are
    rows (P,), counts (P,)             documents that have it, ascending, and how often
    lengths (n,)                       terms of each document

A search touches the postings of its terms and a few pages of the terms.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.index._postings_arrays import built, check, key_of, merged
from abi.index._postings_score import all_scores, query_of, top_scores
from abi.index._protocol import Mask

__all__ = ["Postings"]

Array = npt.NDArray[Any]
F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


class Postings:
    """The terms of n documents.

    Statistics are told apart from scores, so that documents in several postings are weighed by
    one `idf` and one average length.

    Parameters
    ----------
    arrays : mapping of arrays
        See the module; they are not checked here.

    Examples
    --------
    >>> from abi.index import Postings, idf
    >>> postings = Postings.build([["red", "fox"], ["red", "red"], ["grey"]])
    >>> frequency = postings.document_frequency(["red"])
    >>> frequency.tolist(), postings.total_length
    ([2], 5)
    >>> rows, scores = postings.top(["red"], idf(3, frequency), 5 / 3, k=2)
    >>> rows.tolist(), [round(score, 3) for score in scores.tolist()]
    ([1, 0], [0.278, 0.197])
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = {name: np.asarray(array) for name, array in arrays.items()}
        self._terms, self._offsets = self._arrays["terms"], self._arrays["offsets"]
        self._starts, self._lengths = self._arrays["starts"], self._arrays["lengths"]
        self._rows, self._counts = self._arrays["rows"], self._arrays["counts"]
        self._total: int | None = None
        self._worded: int | None = None

    @classmethod
    def build(cls, documents: Sequence[Sequence[str]]) -> Postings:
        """From the terms of each document."""
        return cls(built(documents))

    @classmethod
    def merge(cls, parts: Sequence[Postings], rows: Sequence[I64], n: int) -> Postings:
        """Join postings without their texts.

        Parameters
        ----------
        parts : sequence of Postings
        rows : sequence of (n_documents,) int64
            For each part, the new number of each document, no two the same; -1 for one that goes.
        n : int
            Documents of the whole; those that no part has are without terms.

        Raises
        ------
        InputError
            If there is not one new number, below n, for each document.
        FormatError
            If a part is no postings.
        """
        return cls(merged([part._arrays for part in parts], rows, n))

    def arrays(self) -> dict[str, Array]:
        """As they are saved."""
        return dict(self._arrays)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Postings:
        """As they were saved. What they hold is checked where it is read, for it may be mapped.

        Raises
        ------
        FormatError
            If they are no postings; later too, by what asks for terms.
        """
        check(arrays)
        return cls(arrays)

    @property
    def n_documents(self) -> int:
        """Documents, those without terms included."""
        return len(self._lengths)

    @property
    def n_worded(self) -> int:
        """Documents that have terms."""
        if self._worded is None:
            self._worded = int(np.count_nonzero(self._lengths))
        return self._worded

    @property
    def total_length(self) -> int:
        """Terms of all documents."""
        if self._total is None:
            self._total = int(self._lengths.sum(dtype=np.int64))
        return self._total

    def document_frequency(self, terms: Sequence[str]) -> I64:
        """Documents that have each term: `(T,)` int64."""
        spans = map(self._span, terms)
        return np.array([stop - start for start, stop in spans], np.int64)

    def postings(self, term: str) -> tuple[Array, Array]:
        """Documents that have a term, ascending, and how often."""
        start, stop = self._span(term)
        rows, n = self._rows[start:stop], len(self._lengths)
        if start < stop and (rows[-1] >= n or np.any(rows[1:] <= rows[:-1])):
            raise FormatError(f"do not ascend below {n}", field="posting/rows")
        return rows, self._counts[start:stop]

    def scores(
        self,
        terms: Sequence[str],
        idf: npt.ArrayLike,
        average_length: float,
        allow: Mask | None = None,
        weights: npt.ArrayLike | None = None,
    ) -> tuple[I64, F32]:
        """All documents that have one of some terms; parameters are those of `top`.

        Returns
        -------
        rows : (m,) int64
            Ascending.
        scores : (m,) float32
        """
        query = query_of(terms, idf, weights)
        return all_scores(self.postings, self._lengths, query, average_length, allow)

    def top(
        self,
        terms: Sequence[str],
        idf: npt.ArrayLike,
        average_length: float,
        k: int,
        allow: Mask | None = None,
        weights: npt.ArrayLike | None = None,
    ) -> tuple[I64, F32]:
        """The k best documents for some terms, of those that have one.

        Parameters
        ----------
        terms : sequence of T str
            One that is there twice counts twice.
        idf : (T,) array
            Of each, 0 or more; a term of 0 finds nothing.
        average_length : float
            Terms of a document.
        k : int
        allow : bool array, optional
            Which documents may be found; those beyond its end may not.
        weights : (T,) array, optional
            What each term counts beside its idf, 0 or more; without them, 1.

        Returns
        -------
        rows : (m,) int64
            m <= k, best first, equal scores by the lower row.
        scores : (m,) float32

        Raises
        ------
        InputError
            If a weight is negative or not finite, or not one for each term; if k < 1.
        FormatError
            If the arrays, saved by others, are no postings.
        """
        query = query_of(terms, idf, weights)
        return top_scores(self.postings, self._lengths, query, average_length, k, allow)

    def _span(self, term: str) -> tuple[int, int]:
        """Where the postings of a term are; nowhere if there is none."""
        key, n = key_of(term), len(self._offsets) - 1
        place = bisect_left(range(n), key, key=self._term)
        if place == n or self._term(place) != key:
            return 0, 0
        start, stop = int(self._starts[place]), int(self._starts[place + 1])
        if not start <= stop <= len(self._rows):
            raise FormatError(f"{start} to {stop}, of {len(self._rows)}", field="posting/starts")
        return start, stop

    def _term(self, number: int) -> bytes:
        start, stop = int(self._offsets[number]), int(self._offsets[number + 1])
        if not start <= stop <= len(self._terms):
            raise FormatError(f"{start} to {stop}, of {len(self._terms)}", field="posting/offsets")
        return self._terms[start:stop].tobytes()
