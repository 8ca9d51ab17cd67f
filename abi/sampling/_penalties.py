"""Penalties on tokens that came before: repetition (arXiv 1909.05858), presence, frequency."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import numpy as np

from abi.sampling._candidates import Candidates, Filter, Ids, find

__all__ = ["last", "penalties"]


def penalties(
    history: Sequence[int], last_n: int, repeat: float, frequency: float, presence: float
) -> Filter:
    """Make the last n tokens of a history, which grows meanwhile, less likely.

    A logit above 0 is divided by `repeat`, any other is multiplied by it; then `frequency`
    times the count and `presence` are taken off.
    """
    factor, each, once = np.float32(repeat), np.float32(frequency), np.float32(presence)

    def keep(c: Candidates) -> Candidates:
        tokens, counts = np.unique(last(history, last_n), return_counts=True)
        at, here = find(c, tokens)
        old = c.logits[at]
        logits = c.logits.copy()
        with np.errstate(over="ignore"):
            changed = np.where(old <= 0, old * factor, old / factor)
            logits[at] = changed - (counts[here].astype(np.float32) * each + once)
        return Candidates(c.ids, logits)

    return keep


def last(history: Sequence[int], n: int) -> Ids:
    """The last n tokens."""
    start = max(0, len(history) - n)
    return np.fromiter(islice(history, start, None), np.int64)
