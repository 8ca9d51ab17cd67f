"""The last step: one token of the candidates that are left.

`plain_draw` is llama.cpp's `dist`. `fresh_draw` is what its mirostat and adaptive-p do with
`std::discrete_distribution`: probabilities are added up once more, and a lone candidate
takes no random number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from abi.sampling._candidates import F32, Candidates, exponentials
from abi.sampling._random import Uniforms

__all__ = ["Draw", "Drawn", "greedy_draw", "index_of", "plain_draw"]

_ABOVE_0 = 5e-324  # a target of exactly 0 would fall on a token of probability 0


class Drawn(NamedTuple):
    """A choice and what it was chosen from."""

    candidates: Candidates
    chances: F32  # (n,)
    place: int

    @property
    def token(self) -> int:
        return int(self.candidates.ids[self.place])


Draw = Callable[[Candidates], Drawn]


def plain_draw(uniforms: Uniforms) -> Draw:
    """By the probabilities of the logits."""

    def draw(c: Candidates) -> Drawn:
        u = uniforms.double()
        chances = exponentials(c.logits)
        reached = np.add.accumulate(chances, dtype=np.float64)
        index = int(reached.searchsorted(max(u * reached[-1], _ABOVE_0)))
        return Drawn(c, (chances / reached[-1]).astype(np.float32), index)

    return draw


def greedy_draw(c: Candidates) -> Drawn:
    """The most likely; of equals the first."""
    index = int(c.logits.argmax())
    chances = np.zeros(len(c.ids), np.float32)
    chances[index] = 1
    return Drawn(c, chances, index)


def index_of(chances: F32, uniforms: Uniforms) -> int:
    """Place that a fresh uniform number falls on."""
    if len(chances) < 2:
        return 0
    weights = chances.astype(np.float64)
    reached = np.add.accumulate(weights / np.add.accumulate(weights)[-1])
    reached[-1] = 1
    return int(reached.searchsorted(max(uniforms.double(), _ABOVE_0)))
