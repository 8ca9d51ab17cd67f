"""Rows and queries relative to a centre, as codes compare them.

With c the centre, |x - q|^2 is |x - c|^2 - 2 <x - c, q - c> + |q - c|^2, and <x, q> is
<x - c, q - c> + <x - c, c> + <c, q>. All but the product of differences is known without loss, of
each row or of each query, so that codes err in what is small.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from abi.index._blocks import spans
from abi.index._vectors import inverse_norms

__all__ = ["centred", "constants_of", "floats", "mean_of"]

F32 = npt.NDArray[np.float32]


def floats(rows: npt.NDArray[Any], unit: bool) -> F32:
    """Rows as float32, of norm 1 if asked for."""
    wide = np.asarray(rows, np.float32)
    return wide * inverse_norms(wide)[:, None] if unit else wide


def mean_of(data: npt.NDArray[Any], unit: bool) -> F32:
    """The mean of rows, taken block by block: `(dim,)`."""
    n, dim = data.shape
    total = np.zeros(dim, np.float64)
    for start, stop in spans(n, dim):
        total += floats(data[start:stop], unit).sum(axis=0, dtype=np.float64)
    return np.asarray(total / max(1, n), np.float32)


def constants_of(away: F32, centre: F32, metric: str) -> F32:
    """What is added for each row, which is given relative to the centre: `(n,)`."""
    found: F32 = -np.vecdot(away, away) if metric == "l2" else away @ centre
    return found


def centred(queries: npt.NDArray[Any], centre: F32, metric: str) -> F32:
    """Queries relative to the centre and, last, what is added for each: `(Q, dim + 1)`."""
    rows = floats(queries, metric == "cosine")
    away = rows - centre
    added = -np.vecdot(away, away) if metric == "l2" else rows @ centre
    return np.concatenate([away, added[:, None]], axis=1)
