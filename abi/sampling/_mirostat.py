"""Mirostat: draws whose surprise is steered to a target (arXiv 2007.14966).

The closures hold `mu`, the largest surprise allowed, which each draw corrects.
"""

from __future__ import annotations

import numpy as np

from abi.sampling._candidates import (
    F32,
    Candidates,
    first_k,
    in_order,
    logarithm,
    softmax,
    total,
)
from abi.sampling._draw import Draw, Drawn, index_of
from abi.sampling._random import Uniforms

__all__ = ["mirostat_1", "mirostat_2"]

_M = 100  # most likely tokens that the exponent of Zipf's law is estimated from


def mirostat_1(n_vocab: int, tau: float, eta: float, uniforms: Uniforms) -> Draw:
    """Version 1: the cut is a top-k, by Zipf's law fitted to the most likely tokens."""
    steer = _Steering(tau, eta)

    def draw(c: Candidates) -> Drawn:
        top = first_k(c, _M)
        k = _cut(softmax(top.logits), steer.mu, n_vocab)
        return steer.draw(first_k(c, max(k, 1)), uniforms)

    return draw


def mirostat_2(tau: float, eta: float, uniforms: Uniforms) -> Draw:
    """Version 2: the cut is the surprise itself."""
    steer = _Steering(tau, eta)

    def draw(c: Candidates) -> Drawn:
        near = _surprise(softmax(c.logits)) <= steer.mu
        kept = c.take(np.flatnonzero(near), ordered=c.ordered) if near.any() else first_k(c, 1)
        return steer.draw(in_order(kept), uniforms)

    return draw


class _Steering:
    def __init__(self, tau: float, eta: float) -> None:
        self._tau, self._eta = np.float32(tau), np.float32(eta)
        self.mu = np.float32(2) * self._tau

    def draw(self, c: Candidates, uniforms: Uniforms) -> Drawn:
        chances = softmax(c.logits)
        index = index_of(chances, uniforms)
        error = _surprise(chances[index : index + 1])[0] - self._tau
        self.mu = self.mu - self._eta * error
        return Drawn(c, chances, index)


def _cut(chances: F32, mu: np.float32, n_vocab: int) -> int:
    """How many tokens have a surprise below mu, if they follow Zipf's law."""
    if len(chances) < 2:
        return 1
    rank = np.arange(1, len(chances), dtype=np.float32)
    t = logarithm((rank + 1) / rank)
    with np.errstate(all="ignore"):  # probabilities of 0 have quotients that mean "one token"
        b = logarithm(chances[:-1] / chances[1:])
        s = total(t * b) / total(t * t)
        excess = np.float64(s - np.float32(1))
        share = np.float32(1) - np.float32(np.float64(n_vocab) ** -excess)
        scale = np.float32(excess) * np.float32(2.0 ** np.float64(mu)) / share
        k = np.float64(scale) ** np.float64(np.float32(1) / s)
    return int(min(k, n_vocab)) if k > 0 else 1


def _surprise(chances: F32) -> F32:
    """In bits."""
    with np.errstate(divide="ignore"):
        bits: F32 = (-np.log2(chances.astype(np.float64))).astype(np.float32)
    return bits
