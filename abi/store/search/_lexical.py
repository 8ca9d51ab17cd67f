"""Best texts over all views of a collection: BM25 with one idf for all of them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from abi.index import idf
from abi.store._part import View
from abi.store.search._found import Found, merge
from abi.text import analyse

__all__ = ["lexical"]

Bool = npt.NDArray[np.bool_]


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
