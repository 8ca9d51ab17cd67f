"""Best texts over all views of a collection: BM25 with one idf for all of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abi.index import idf
from abi.store._part import View
from abi.store.search._found import Found, merge
from abi.text import analyse

__all__ = ["TermCounts", "lexical", "term_counts"]

Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class TermCounts:
    """How many texts have the terms of a text.

    Parameters
    ----------
    texts : int
        All that have a term.
    counts : dict
        Terms, and how many texts have each.
    language : str or None
        What the terms were brought to: see `abi.text.analyse`.
    """

    texts: int
    counts: dict[str, int]
    language: str | None = None


def term_counts(views: Sequence[View], text: str, language: str | None = None) -> TermCounts:
    """Counted over all views; rows that died count until they are compacted."""
    terms = list(dict.fromkeys(analyse(text, language)))
    there = [view.part.postings for view in views if view.part.postings is not None]
    counts = np.zeros(len(terms), np.int64)
    for postings in there if terms else ():
        counts += postings.document_frequency(terms)
    n = sum(postings.n_worded for postings in there)
    return TermCounts(n, dict(zip(terms, counts.tolist(), strict=True)), language)


def lexical(
    views: Sequence[View],
    masks: Sequence[Bool | None],
    text: str,
    k: int,
    language: str | None = None,
) -> Found:
    """The k best rows for the words of a text, of those that masks allow.

    Rows that died count towards the statistics until they are compacted, as in Lucene. Rows without
    terms never do, as there: they would make the average text shorter than any is.
    """
    terms = analyse(text, language)
    parts = [(i, view.part.postings) for i, view in enumerate(views)]
    there = [(i, postings) for i, postings in parts if postings is not None]
    if not terms or not there:
        return Found.none()
    n = sum(postings.n_worded for _, postings in there)
    length = sum(postings.total_length for _, postings in there) / max(1, n)
    frequency = np.sum([postings.document_frequency(terms) for _, postings in there], axis=0)
    weights = idf(n, frequency)
    found = []
    for i, postings in there:
        mask = masks[i]
        allow = np.ones(views[i].n, np.bool_) if mask is None else mask
        rows, scores = postings.top(terms, weights, length, k, allow)
        found.append(Found.of(i, rows, scores))
    return merge(found, k)
