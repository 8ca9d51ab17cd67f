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
from abi.index._bm25 import best, weights
from abi.index._protocol import Mask

__all__ = ["Postings", "term_scores"]

Array = npt.NDArray[Any]
F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]


class Postings:
    """The terms of n documents.

    Parameters
    ----------
    arrays : mapping of arrays
        See the module; they are not checked here.
    """

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = dict(arrays)
        self._offsets, self._starts = arrays["offsets"], arrays["starts"]
        self._rows, self._counts = arrays["rows"], arrays["counts"]
        self._lengths = arrays["lengths"]
        self._n_terms = len(self._starts) - 1

    @classmethod
    def build(cls, documents: Sequence[Sequence[str]]) -> Postings:
        """From the terms of each document."""
        numbers: dict[str, int] = {}
        lengths = np.fromiter(map(len, documents), np.int64, len(documents))
        flat = (numbers.setdefault(t, len(numbers)) for terms in documents for t in terms)
        term = np.fromiter(flat, np.int64, int(lengths.sum()))
        row = np.repeat(np.arange(len(documents)), lengths.astype(np.intp))
        return cls(joined(list(numbers), term, row, np.ones(len(row), np.int64), lengths))

    @classmethod
    def merge(cls, parts: Sequence[Postings], rows: Sequence[I64], n: int) -> Postings:
        """Join postings without their texts.

        Parameters
        ----------
        parts : sequence of Postings
        rows : sequence of (n_documents,) int64
            For each part, the new number of each document; -1 for one that goes.
        n : int
            Documents of the whole.
        """
        numbers: dict[str, int] = {}
        lengths = np.zeros(n, np.int64)
        found: list[tuple[I64, I64, I64]] = []
        for part, new in zip(parts, rows, strict=True):
            names = (part.term(i) for i in range(part._n_terms))
            ids = np.fromiter(
                (numbers.setdefault(t, len(numbers)) for t in names), np.int64, part._n_terms
            )
            row = new[part._rows]
            kept = row >= 0
            starts = part._starts.astype(np.intp)
            term = np.repeat(ids, starts[1:] - starts[:-1])
            found.append((term[kept], row[kept], part._counts[kept].astype(np.int64)))
            lengths[new[new >= 0]] = part._lengths[new >= 0]
        empty = np.empty(0, np.int64)
        term, row, count = (np.concatenate([empty, *(f[i] for f in found)]) for i in range(3))
        return cls(joined(list(numbers), term, row, count, lengths))

    def arrays(self) -> dict[str, Array]:
        """As they are saved."""
        return dict(self._arrays)

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array]) -> Postings:
        """As they were saved.

        Raises
        ------
        FormatError
            If they are no postings.
        """
        for name in ("terms", "offsets", "starts", "rows", "counts", "lengths"):
            array = arrays.get(name)
            if array is None or array.ndim != 1 or array.dtype.kind != "u":
                raise FormatError(
                    "missing, or no row of unsigned integers", field=f"posting/{name}"
                )
        _check_ends(arrays["offsets"], len(arrays["terms"]), "offsets")
        _check_ends(arrays["starts"], len(arrays["rows"]), "starts")
        rows, n = arrays["rows"], len(arrays["lengths"])
        if len(arrays["starts"]) != len(arrays["offsets"]) or len(rows) != len(arrays["counts"]):
            raise FormatError("arrays that do not fit together", field="posting")
        if len(rows) and int(rows.max()) >= n:
            raise FormatError(f"documents that are not, of {n}", field="posting/rows")
        return cls(arrays)

    @property
    def n_documents(self) -> int:
        """Documents, those without terms included."""
        return len(self._lengths)

    @property
    def total_length(self) -> int:
        """Terms of all documents."""
        return int(self._lengths.sum(dtype=np.int64))

    def term(self, number: int) -> str:
        """A term by its place in the order."""
        start, stop = int(self._offsets[number]), int(self._offsets[number + 1])
        return self._arrays["terms"][start:stop].tobytes().decode("utf-8", "replace")

    def document_frequency(self, terms: Sequence[str]) -> I64:
        """Documents that have each term: `(T,)` int64."""
        return np.array([len(self.postings(term)[0]) for term in terms], np.int64)

    def postings(self, term: str) -> tuple[Array, Array]:
        """Documents that have a term, and how often."""
        place = bisect_left(range(self._n_terms), term, key=self.term)
        if place == self._n_terms or self.term(place) != term:
            return self._rows[:0], self._counts[:0]
        start, stop = int(self._starts[place]), int(self._starts[place + 1])
        return self._rows[start:stop], self._counts[start:stop]

    def top(
        self,
        terms: Sequence[str],
        idf: F64,
        average_length: float,
        k: int,
        allow: Mask | None = None,
    ) -> tuple[I64, F32]:
        """The k best documents for some terms, of those that have one.

        Parameters
        ----------
        terms : sequence of T str
            One that is there twice counts twice.
        idf : (T,)
            The weight of each.
        average_length : float
        k : int
        allow : bool array, optional
            Which documents may be found; those beyond its end may not.

        Returns
        -------
        rows : (m,) int64
            m <= k, best first, equal scores by the lower row.
        scores : (m,) float32
        """
        return term_scores(self.postings, self._lengths, terms, idf, average_length, k, allow)


def term_scores(
    postings: Any,
    lengths: Array,
    terms: Sequence[str],
    idf: F64,
    average_length: float,
    k: int,
    allow: Mask | None,
) -> tuple[I64, F32]:
    """`Postings.top`, over whatever gives the postings of a term."""
    n = len(lengths) if allow is None else min(len(lengths), len(allow))
    total = np.zeros(n, np.float32)
    for term, weight in zip(terms, idf, strict=True):
        rows, counts = postings(term)
        rows = rows[: np.searchsorted(rows, n)]  # another thread may be adding some
        counts = counts[: len(rows)]
        total[rows] += np.float32(weight) * weights(counts, lengths[rows], average_length)
    found = np.flatnonzero(total > 0 if allow is None else (total > 0) & allow[:n])
    return best(found, total[found], k)


def joined(terms: list[str], term: I64, row: I64, count: I64, lengths: I64) -> dict[str, Array]:
    """Arrays of postings in any order, numbers of terms as in `terms`; equal ones are added."""
    order = sorted(range(len(terms)), key=terms.__getitem__)
    place = np.empty(len(terms), np.int64)
    place[order] = np.arange(len(terms))
    n = max(1, len(lengths))
    keys, inverse = np.unique(place[term] * n + row, return_inverse=True)
    where = inverse.astype(np.intp)
    counts = np.bincount(where, weights=count, minlength=len(keys)).astype(np.int64)
    number = keys // n
    kept, number = np.unique(number, return_inverse=True)  # terms that are still there
    data = [terms[order[i]].encode() for i in kept.tolist()]
    sizes = np.fromiter(map(len, data), np.int64, len(data))
    postings = np.bincount(number.astype(np.intp), minlength=len(kept))
    return {
        "terms": np.frombuffer(b"".join(data), np.uint8),
        "offsets": _narrow(np.concatenate(([0], np.cumsum(sizes)))),
        "starts": _narrow(np.concatenate(([0], np.cumsum(postings)))),
        "rows": (keys % n).astype(np.min_scalar_type(n)),
        "counts": _narrow(counts),
        "lengths": _narrow(lengths),
    }


def _narrow(values: I64) -> Array:
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))


def _check_ends(ends: Array, total: int, name: str) -> None:
    if not len(ends) or ends[0] or ends[-1] != total or np.any(ends[1:] < ends[:-1]):
        raise FormatError("do not ascend from 0 to the end", field=f"posting/{name}")
