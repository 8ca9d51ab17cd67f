"""DRY: a penalty that grows with the length of the repetition a token would prolong.

Described in https://github.com/oobabooga/text-generation-webui/pull/5677; lengths come from
the Z function of the text read backwards, and follow llama.cpp where it cuts at breakers.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

import numpy as np

from abi.sampling._candidates import Candidates, Filter, find
from abi.sampling._penalties import last
from abi.sampling._vocabulary import Breakers

__all__ = ["dry", "repetitions"]

_MOST = 1e30  # keeps every logit finite
_FLOAT_MAX_LOG = np.float32(88.7228391)


def dry(
    history: Sequence[int],
    breakers: Breakers,
    multiplier: float,
    base: float,
    allowed_length: int,
    last_n: int,
) -> Filter:
    """Penalise tokens that would prolong a repetition in a history, which grows meanwhile."""
    amount = np.float32(multiplier)
    growth = float(np.float32(base))
    most = int(_FLOAT_MAX_LOG / np.float32(math.log(growth))) if growth > 1.000001 else 0

    def penalty(length: int) -> np.float32:
        exponent = length - allowed_length
        exponent = min(exponent, most) if most > 0 else exponent
        return np.float32(min(float(amount) * growth**exponent, _MOST))

    def keep(c: Candidates) -> Candidates:
        recent = last(history, last_n).tolist()[::-1]
        lengths = repetitions(recent, breakers, allowed_length)
        lengths = {t: n for t, n in lengths.items() if () not in breakers.get(t, ())}
        if not lengths:
            return c
        at, here = find(c, np.array(list(lengths), np.int64))
        amounts = np.array([penalty(n) for n in lengths.values()], np.float32)
        logits = c.logits.copy()
        logits[at] -= amounts[here]
        return Candidates(c.ids, logits)

    return keep


def repetitions(recent: Sequence[int], breakers: Breakers, allowed_length: int) -> dict[int, int]:
    """By token: length of the longest repetition that it would prolong.

    Parameters
    ----------
    recent : sequence of int
        Tokens, the newest first.
    breakers : mapping
        Repetitions do not reach across these.
    allowed_length : int
        Shorter ones are left out.

    Examples
    --------
    The text a b c a b: a third c would follow "a b", which came before.

    >>> a, b, c = 0, 1, 2
    >>> repetitions([b, a, c, b, a], {}, 2)
    {2: 2}
    """
    if len(recent) <= allowed_length:
        return {}
    limit = _to_breaker(recent, breakers)
    if limit < allowed_length:
        return {}
    found: dict[int, int] = {}
    for k, length in enumerate(_z_function(recent), start=1):
        if min(length, limit) >= allowed_length:
            found[recent[k - 1]] = max(found.get(recent[k - 1], 0), min(length, limit))
    return found


def _to_breaker(recent: Sequence[int], breakers: Breakers) -> int:
    """Tokens since the last breaker."""
    for i, token in enumerate(recent):
        lengths = [
            len(tail)
            for tail in breakers.get(token, ())
            if len(tail) <= i and tail == tuple(recent[i - len(tail) : i][::-1])
        ]
        if lengths:
            return i - max(lengths)
    return len(recent)


def _z_function(values: Sequence[int]) -> Iterator[int]:
    """For each place from the second on: how many values from there equal the first ones.

    Linear in the number of values (D. Gusfield, Algorithms on Strings, 1997, 1.4).
    """
    z = [0] * len(values)
    left, right = 0, 0  # the match that reaches furthest: values[left:right]
    for k in range(1, len(values)):
        n = min(z[k - left], right - k) if k < right else 0
        while k + n < len(values) and values[n] == values[k + n]:
            n += 1
        z[k] = n
        if k + n > right:
            left, right = k, k + n
        yield n
