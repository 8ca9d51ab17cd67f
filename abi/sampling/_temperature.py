"""Temperature, fixed or moved by the entropy of the candidates (arXiv 2309.02772)."""

from __future__ import annotations

import numpy as np

from abi.sampling._candidates import (
    F32,
    Candidates,
    Filter,
    in_order,
    logarithm,
    softmax,
    total,
)

__all__ = ["dynamic_temperature", "temperature"]

_COLDEST, _HOTTEST = 1e-30, 1e30
_SAFE = np.float32(1e30)  # a quotient that may overflow is taken from the highest logit down


def temperature(t: float) -> Filter:
    """Divide the logits; at 0 only the most likely token is left."""
    if t <= 0:
        return _greedy
    divisor = np.float32(min(max(t, _COLDEST), _HOTTEST))
    return lambda c: Candidates(c.ids, _divide(c.logits, divisor), c.ordered)


def dynamic_temperature(t: float, range_: float, exponent: float) -> Filter:
    """A temperature from t - range to t + range, by the entropy's share of its maximum."""
    centre, width = np.float32(min(t, _HOTTEST)), np.float32(min(range_, _HOTTEST))
    low, high = max(np.float32(0), centre - width), centre + width

    def keep(c: Candidates) -> Candidates:
        if len(c.ids) <= 1:
            return c
        c = in_order(c)
        chances = softmax(c.logits)
        live = chances[chances > 0]
        most = -np.float32(np.log(np.float32(1 / len(c.ids))))
        share = max(float(-total(live * logarithm(live)) / most), 0.0)
        with np.errstate(over="ignore", divide="ignore"):
            power = np.float32(np.float64(share) ** exponent)
        return temperature(float(low + (high - low) * power))(c)

    return keep


def _greedy(c: Candidates) -> Candidates:
    best = int(c.logits.argmax())
    return Candidates(c.ids[best : best + 1], c.logits[best : best + 1], True)


def _divide(logits: F32, divisor: np.float32) -> F32:
    with np.errstate(over="ignore"):
        if abs(logits.max()) < _SAFE * min(divisor, np.float32(1)):
            cooled: F32 = logits / divisor
        else:
            cooled = (logits - logits.max()) / divisor
    return cooled
