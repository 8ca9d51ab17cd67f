"""BM25's weight of a term in a document, and the best of what was summed up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["K1", "B", "best", "idf", "weights"]

F32 = npt.NDArray[np.float32]
F64 = npt.NDArray[np.float64]
I64 = npt.NDArray[np.int64]

K1, B = 1.2, 0.75


def idf(n_documents: int, frequencies: npt.NDArray[np.int64]) -> F64:
    """Of terms by their document frequencies, as in Lucene: never negative."""
    found: F64 = np.log1p((n_documents - frequencies + 0.5) / (frequencies + 0.5))
    return found


def weights(
    frequencies: npt.NDArray[np.generic], lengths: npt.NDArray[np.generic], average: float
) -> F32:
    """What occurrences count in documents of some lengths, before idf: Robertson and Zaragoza,
    The Probabilistic Relevance Framework (2009), without its constant factor k1 + 1.
    """
    counts = frequencies.astype(np.float32)
    norm = lengths.astype(np.float32) * np.float32(K1 * B / max(average, 1e-9))
    return np.asarray(counts / (counts + (np.float32(K1 * (1 - B)) + norm)), np.float32)


def best(rows: I64, scores: F32, k: int) -> tuple[I64, F32]:
    """The k best, equal scores by the lower row; rows ascend."""
    if len(rows) > k:
        least = np.partition(scores, len(scores) - k)[len(scores) - k]
        kept = np.flatnonzero(scores >= least)
        rows, scores = rows[kept], scores[kept]
    order = np.argsort(-scores, kind="stable")[:k]
    return rows[order], scores[order]
