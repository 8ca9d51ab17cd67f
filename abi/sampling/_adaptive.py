"""Adaptive-p: a draw that prefers tokens near a probability, corrected by past choices.

Described in https://github.com/ggml-org/llama.cpp/pull/17927.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from abi.sampling._candidates import Candidates, softmax
from abi.sampling._draw import Draw, Drawn, index_of
from abi.sampling._random import Uniforms

__all__ = ["adaptive_p"]

_PEAK, _SHARPNESS, _PER_WIDTH = np.float32(5), np.float32(10), np.float32(1) / np.float32(0.3)


def adaptive_p(
    target: float, decay: float, uniforms: Uniforms
) -> tuple[Draw, Callable[[int], None]]:
    """The draw, and what is called with the token that was taken.

    A negative target draws by the probabilities as they are.
    """
    forget = np.float32(decay)
    weight = np.float32(1) / (np.float32(1) - forget)
    mass = np.float32(target) / (np.float32(1) - forget)
    pending: tuple[int, np.float32] | None = None

    def draw(c: Candidates) -> Drawn:
        nonlocal pending
        before = softmax(c.logits)
        if target < 0:
            return Drawn(c, before, index_of(before, uniforms))
        wanted = np.clip(np.float32(2) * np.float32(target) - mass / weight, 0, 1)
        apart = np.abs((before - wanted) * _PER_WIDTH)
        logits = _PEAK - _SHARPNESS * apart * apart / (1 + apart)
        logits[c.logits == -np.inf] = -np.inf
        chances = softmax(logits)
        drawn = Drawn(Candidates(c.ids, logits), chances, index_of(chances, uniforms))
        pending = drawn.token, before[drawn.place]
        return drawn

    def accept(token: int) -> None:
        nonlocal mass, weight, pending
        if pending is not None and pending[0] == token:
            mass = pending[1] + forget * mass
            weight = np.float32(1) + forget * weight
        pending = None

    return draw, accept
