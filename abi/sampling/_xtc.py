"""XTC: now and then the top choices are excluded, all but the least likely of them.

Described in https://github.com/oobabooga/text-generation-webui/pull/6335.
"""

from __future__ import annotations

import numpy as np

from abi.sampling._candidates import Candidates, Filter, in_order, softmax
from abi.sampling._random import Uniforms

__all__ = ["xtc"]


def xtc(probability: float, threshold: float, min_keep: int, uniforms: Uniforms) -> Filter:
    """With this probability, drop the tokens before the last that reaches the threshold."""
    chance, bar = np.float32(probability), np.float32(threshold)

    def keep(c: Candidates) -> Candidates:
        if len(c.ids) < 2 or uniforms.single() > chance:
            return c
        c = in_order(c)
        dropped = int(np.count_nonzero(softmax(c.logits) >= bar)) - 1
        if dropped < 1 or len(c.ids) - dropped < min_keep:
            return c
        return Candidates(c.ids[dropped:], c.logits[dropped:], True)

    return keep
