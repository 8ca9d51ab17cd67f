"""Samplers: closures made once, applied in llama.cpp's order to one row of logits.

top_k, top_p, min_p, temperature, then one draw; a temperature of 0 takes the most likely
token and nothing else. Top-p: arXiv 1904.09751. Min-p: arXiv 2407.01082.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from abi.errors import InputError

__all__ = ["Candidates", "Sampler", "make_sampler", "min_p_filter", "top_k_filter", "top_p_filter"]

F32 = npt.NDArray[np.float32]
Sampler = Callable[[F32], int]


class Candidates(NamedTuple):
    """Tokens still in the draw, most likely first: ids `(n,)` and logits `(n,)`."""

    ids: npt.NDArray[np.int64]
    logits: F32


Filter = Callable[[Candidates], Candidates]


def make_sampler(
    *,
    temperature: float = 0.8,
    top_k: int = 40,
    top_p: float = 0.95,
    min_p: float = 0.05,
    seed: int | None = None,
) -> Sampler:
    """A function from logits `(n_vocab,) float32` to a token id.

    Parameters
    ----------
    temperature : float
        Logits are divided by it; 0 is greedy.
    top_k : int
        Keep the k most likely tokens; 0 keeps all.
    top_p : float
        Keep the most likely tokens whose probabilities reach p together; 1 keeps all.
    min_p : float
        Keep tokens at least `min_p` times as likely as the most likely; 0 keeps all.
    seed : int, optional
        Makes the draws repeatable; None takes entropy from the system.

    Raises
    ------
    InputError
        If a value is out of range.

    Examples
    --------
    >>> import numpy as np
    >>> make_sampler(temperature=0.0)(np.array([0.1, 2.0, 1.0], np.float32))
    1
    """
    _check(temperature, top_k, top_p, min_p, seed)
    if temperature == 0:
        return lambda logits: int(logits.argmax())
    rng = np.random.default_rng(seed)
    filters = [top_p_filter(top_p), min_p_filter(min_p)]

    def sample(logits: F32) -> int:
        kept = top_k_filter(logits, top_k)
        for keep in filters:
            kept = keep(kept)
        # In float64 and from the largest down, so that no temperature overflows.
        cooled = (kept.logits - kept.logits.max()).astype(np.float64) / max(temperature, 1e-30)
        chances = softmax(np.maximum(cooled, -1e4).astype(np.float32))
        return int(kept.ids[pick(chances, rng.random())])

    return sample


def top_k_filter(logits: F32, k: int) -> Candidates:
    """The k most likely tokens, all when k is 0; equals keep the order of their ids."""
    if 0 < k < len(logits):
        ids = np.argpartition(-logits, k - 1)[:k]
        ids.sort()
    else:
        ids = np.arange(len(logits))
    order = np.argsort(-logits[ids], kind="stable")
    return Candidates(ids[order], logits[ids[order]])


def top_p_filter(p: float) -> Filter:
    """Keep the shortest head of the candidates whose probability reaches p."""

    def keep(c: Candidates) -> Candidates:
        if p >= 1:
            return c
        reached = np.cumsum(softmax(c.logits)) >= p
        n = int(reached.argmax()) + 1 if reached.any() else len(c.ids)
        return Candidates(c.ids[:n], c.logits[:n])

    return keep


def min_p_filter(p: float) -> Filter:
    """Keep candidates at least p times as likely as the first."""

    def keep(c: Candidates) -> Candidates:
        if p <= 0:
            return c
        n = int((c.logits >= c.logits[0] + np.float32(np.log(p))).sum())
        return Candidates(c.ids[:n], c.logits[:n])

    return keep


def softmax(logits: F32) -> F32:
    chances: F32 = np.exp(logits - logits.max())
    chances /= chances.sum()
    return chances


def pick(chances: F32, u: float) -> int:
    """Index that a uniform number u in [0, 1) falls on."""
    cumulative = np.cumsum(chances, dtype=np.float64)
    return min(int(np.searchsorted(cumulative, u * cumulative[-1], "right")), len(chances) - 1)


def _check(temperature: float, top_k: int, top_p: float, min_p: float, seed: int | None) -> None:
    numbers = (temperature, top_p, min_p)
    if not all(isinstance(value, int | float | np.number) for value in numbers):
        raise InputError(f"temperature, top_p and min_p are numbers, got {numbers}")
    ranges = {
        "temperature": (temperature, 0 <= temperature < float("inf"), "0 or above"),
        "top_k": (top_k, _is_index(top_k) and top_k >= 0, "a whole number, 0 or above"),
        "top_p": (top_p, 0 < top_p <= 1, "above 0, up to 1"),
        "min_p": (min_p, 0 <= min_p < 1, "0 or above, below 1"),
        "seed": (
            seed,
            seed is None or (_is_index(seed) and seed >= 0),
            "a whole number, 0 or above",
        ),
    }
    for name, (value, ok, expected) in ranges.items():
        if not ok:
            raise InputError(f"{name}={value}: expected {expected}")


def _is_index(value: object) -> bool:
    return hasattr(value, "__index__")
