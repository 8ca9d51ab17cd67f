"""Log-probabilities of a token and of its best alternatives."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from abi.sampling._candidates import Candidates, first_k
from abi.sampling._draw import Drawn

__all__ = ["Ranked", "logprobs_after", "logprobs_before"]


class Ranked(NamedTuple):
    """A token's log-probability, and those of the k most likely tokens."""

    logprob: float
    top: list[tuple[int, float]]


def logprobs_before(logits: npt.NDArray[np.float32], token: int, k: int) -> Ranked:
    """By the model's own logits `(n_vocab,)`, before any filter.

    Examples
    --------
    >>> ranked = logprobs_before(np.log(np.array([0.25, 0.75], np.float32)), 0, 1)
    >>> [round(float(np.exp(v)), 4) for v in (ranked.logprob, ranked.top[0][1])]
    [0.25, 0.75]
    """
    highest = logits.max()
    norm = float(highest) + float(np.log(np.exp((logits - highest).astype(np.float64)).sum()))
    every = Candidates.of(logits)
    best = first_k(every, k) if k else every.head(0)
    top = [(int(i), float(v) - norm) for i, v in zip(best.ids, best.logits, strict=True)]
    return Ranked(float(logits[token]) - norm, top)


def logprobs_after(drawn: Drawn, k: int) -> Ranked:
    """By the probabilities that the token was drawn with; excluded tokens are not listed."""
    with np.errstate(divide="ignore"):
        logs = np.log(drawn.chances.astype(np.float64))
    order = np.argsort(-logs, kind="stable")[:k]
    top = [(int(drawn.candidates.ids[i]), float(logs[i])) for i in order if logs[i] > -np.inf]
    return Ranked(float(logs[drawn.place]), top)
