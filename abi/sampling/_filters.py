"""Filters without memory: closures made once, from candidates to the candidates that stay.

Top-k: arXiv 1805.04833. Top-p: arXiv 1904.09751. Min-p: arXiv 2407.01082. Locally typical:
arXiv 2202.00666. Top-nσ: arXiv 2411.07641. What each cuts follows llama.cpp; candidates are
put in order only where a cut needs it.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from abi.errors import InputError
from abi.sampling._candidates import (
    F32,
    Candidates,
    Filter,
    descending,
    find,
    first_k,
    in_order,
    logarithm,
    softmax,
    total,
)

__all__ = ["logit_bias", "min_p", "top_k", "top_n_sigma", "top_p", "typical"]

_GUESSES = (256, 4096, 32768)  # candidates that top-p puts in order before it needs them all


def logit_bias(bias: Mapping[int, float]) -> Filter:
    """Add to the logits of tokens; -inf bans one, and to ban all is an `InputError`."""
    tokens = np.array(list(bias), np.int64)
    amounts = np.array(list(bias.values()), np.float32)

    def keep(c: Candidates) -> Candidates:
        at, here = find(c, tokens)
        logits = c.logits.copy()
        logits[at] += amounts[here]
        if logits.max() == -np.inf:
            raise InputError("no token is left: logit_bias bans all that may come")
        return Candidates(c.ids, logits)

    return keep


def top_k(k: int) -> Filter:
    """Keep the k most likely."""
    return lambda c: first_k(c, k)


def top_p(p: float, min_keep: int) -> Filter:
    """Keep the shortest head whose probabilities reach p."""
    share = np.float32(p)

    def length(chances: F32) -> int:
        """Of that head, 0 if these do not reach p."""
        reached = np.add.accumulate(chances) >= share
        reached[: max(min_keep - 1, 0)] = False
        return int(reached.argmax()) + 1 if reached.any() else 0

    def keep(c: Candidates) -> Candidates:
        chances = softmax(c.logits)
        if c.ordered:
            return c.head(length(chances) or len(chances))
        places = Candidates(np.arange(len(c.ids)), c.logits)
        for k in (*_GUESSES, len(c.ids)):
            first = first_k(places, k).ids
            n = length(chances[first])
            if n:
                return c.take(first[:n], ordered=True)
        return in_order(c)

    return keep


def min_p(p: float, min_keep: int) -> Filter:
    """Keep tokens at least p times as likely as the most likely."""
    with np.errstate(divide="ignore"):
        distance = np.float32(np.log(np.float64(np.float32(p))))

    def keep(c: Candidates) -> Candidates:
        likely = c.logits >= c.logits.max() + distance
        if np.count_nonzero(likely) < min_keep:
            return in_order(c).head(min_keep)
        return c.take(np.flatnonzero(likely), ordered=c.ordered)

    return keep


def typical(p: float, min_keep: int) -> Filter:
    """Keep the tokens whose surprise is nearest the expected one, until they pass p."""
    share = np.float32(p)

    def keep(c: Candidates) -> Candidates:
        c = in_order(c)
        chances = softmax(c.logits)
        logs = logarithm(chances)
        expected = total(-chances * np.where(chances > 0, logs, 0))
        order = descending(-np.abs(logs + expected))
        passed = np.add.accumulate(chances[order]) > share
        passed[: max(min_keep - 1, 0)] = False
        n = int(passed.argmax()) + 1 if passed.any() else len(order)
        return c.take(order[:n], ordered=False)

    return keep


def top_n_sigma(n: float) -> Filter:
    """Give -inf to logits more than n standard deviations below the highest."""
    width = np.float32(n)

    def keep(c: Candidates) -> Candidates:
        if len(c.ids) <= 1:
            return c
        finite = c.logits[c.logits > -np.inf]
        count = np.float32(len(finite))
        apart = (finite - total(finite) / count).astype(np.float64)
        with np.errstate(over="ignore", invalid="ignore"):  # an infinite deviation cuts nothing
            sigma = np.sqrt(total((apart * apart).astype(np.float32)) / count)
            low = c.logits < c.logits.max() - width * sigma
        return Candidates(c.ids, np.where(low, np.float32(-np.inf), c.logits), c.ordered)

    return keep
