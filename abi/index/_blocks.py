"""Going through the rows of a scorer block by block."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from abi.index._protocol import Found, Mask, Scorer
from abi.kernels import Top

__all__ = ["spans", "top_of_blocks"]

_ELEMENTS = 1 << 17  # of a block, when it is expanded: they stay in the cache


def spans(n: int, width: int) -> Iterator[tuple[int, int]]:
    """Rows of blocks that are small enough to be expanded."""
    step = max(256, _ELEMENTS // max(1, width))
    return ((start, min(n, start + step)) for start in range(0, n, step))


def top_of_blocks(scorer: Scorer, prepared: Any, k: int, allow: Mask | None, width: int) -> Found:
    """The best k rows of a scorer that scores a block at a time."""
    top = Top(len(prepared), k)
    for start, stop in spans(len(scorer), width):
        mask = None if allow is None else allow[start:stop]
        if mask is not None and not mask.any():
            continue
        scores = scorer.block(prepared, start, stop)
        if mask is not None:
            scores[:, ~mask] = -np.inf
        top.add(scores, start)
    return top.best()
