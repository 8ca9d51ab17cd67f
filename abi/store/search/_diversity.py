"""Results that differ from each other: maximal marginal relevance.

Carbonell and Goldstein, SIGIR 1998: each next hit is near the query, less what is near the hits
that were chosen before it.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from abi.index import Vectors
from abi.kernels import NumpyKernels

__all__ = ["diverse"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


def diverse(
    kernels: NumpyKernels,
    metric: str,
    vectors: npt.NDArray[Any],
    scores: F32,
    k: int,
    diversity: float,
) -> I64:
    """Places of the k candidates to give, in their order.

    Parameters
    ----------
    kernels : NumpyKernels
    metric : str
    vectors : (m, width)
        Of the candidates, best first.
    scores : (m,) float32
        Of the candidates for the query, larger is nearer.
    k : int
    diversity : float
        0 gives the nearest, 1 looks at what was chosen alone.
    """
    rows = Vectors.of(vectors, metric, kernels)
    between = rows.block(rows.prepare(vectors), 0, len(vectors))
    chosen: list[int] = []
    closest = np.full(len(scores), -np.inf, np.float32)
    left = np.ones(len(scores), np.bool_)
    while len(chosen) < min(k, len(scores)):
        penalty = closest if chosen else np.zeros_like(closest)
        value = (1 - diversity) * scores - diversity * penalty
        best = int(np.flatnonzero(left)[np.argmax(value[left])])
        chosen.append(best)
        left[best] = False
        closest = np.maximum(closest, between[best])
    return np.array(chosen, np.int64)
