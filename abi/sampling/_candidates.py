"""Tokens still in the draw, and the arithmetic that the filters share.

Sums run from first to last in float32 where llama.cpp's do, and exponentials are rounded from
float64, so that both cut at the same token.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

__all__ = [
    "F32", "Candidates", "Filter", "Ids", "descending", "exponentials", "find", "first_k",
    "in_order", "logarithm", "softmax", "total",
]  # fmt: skip

F32 = npt.NDArray[np.float32]
Ids = npt.NDArray[np.int64]

_ROW = 64  # logits that one maximum stands for when the largest are searched


class Candidates(NamedTuple):
    """Tokens that may be drawn.

    Attributes
    ----------
    ids : (n,) int64
    logits : (n,) float32
        A token with -inf is never drawn.
    ordered : bool
        Whether the most likely stands first.
    """

    ids: Ids
    logits: F32
    ordered: bool = False

    @classmethod
    def of(cls, logits: npt.ArrayLike) -> Candidates:
        """Every token, by its id."""
        row = np.asarray(logits, np.float32)
        return cls(np.arange(len(row), dtype=np.int64), row)

    def head(self, n: int) -> Candidates:
        """The first n."""
        return Candidates(self.ids[:n], self.logits[:n], self.ordered)

    def take(self, at: npt.NDArray[np.intp], *, ordered: bool) -> Candidates:
        """Those at these places."""
        return Candidates(self.ids[at], self.logits[at], ordered)


Filter = Callable[[Candidates], Candidates]


def in_order(c: Candidates) -> Candidates:
    """Most likely first; equals keep their order."""
    return c if c.ordered else c.take(descending(c.logits), ordered=True)


def descending(values: F32) -> npt.NDArray[np.intp]:
    """Places of the values, largest first, equals by place.

    Bits of a float and its place make one integer: sorting those is stable by nature, and
    several times as fast as a stable sort of floats.
    """
    bits = (np.float32(0) - values).view(np.uint32)
    ascending = np.where(bits >> 31, ~bits, bits | np.uint32(1 << 31)).astype(np.uint64)
    keys = (ascending << np.uint64(32)) | np.arange(len(values), dtype=np.uint64)
    keys.sort()
    return (keys & np.uint64(0xFFFFFFFF)).astype(np.intp)


def first_k(c: Candidates, k: int) -> Candidates:
    """The k most likely in order, found without sorting the rest; equals keep their order."""
    if c.ordered or k >= len(c.ids):
        return in_order(c).head(k)
    rows = len(c.logits) // _ROW
    if k <= rows:
        # The k-th largest row maximum is no larger than the k-th largest of all.
        peaks = c.logits[: rows * _ROW].reshape(rows, _ROW).max(1)
        bound = np.partition(peaks, rows - k)[rows - k]
    else:
        bound = np.partition(c.logits, len(c.logits) - k)[len(c.logits) - k]
    places = np.flatnonzero(c.logits >= bound)
    if len(places) > 4 * k:  # mostly equals of the bound, such as -inf; k of them are enough
        values = c.logits[places]
        places = np.concatenate([places[values > bound], places[values == bound][:k]])
    return in_order(c.take(places, ordered=False)).head(k)


def softmax(logits: F32) -> F32:
    """Probabilities, float32; at least one logit is above -inf."""
    chances = exponentials(logits)
    chances /= total(chances)
    return chances


def exponentials(logits: F32) -> F32:
    """Of what each lies below the highest."""
    below: npt.NDArray[np.float64] = (logits - logits.max()).astype(np.float64)
    np.exp(below, out=below)
    return below.astype(np.float32)


def total(values: F32) -> np.float32:
    """The sum from first to last in float32."""
    return np.float32(np.add.accumulate(values)[-1])


def logarithm(values: F32) -> F32:
    """Natural logarithm rounded from float64; -inf of 0."""
    with np.errstate(divide="ignore"):
        logs: F32 = np.log(values.astype(np.float64)).astype(np.float32)
    return logs


def find(c: Candidates, tokens: Ids) -> tuple[Ids, npt.NDArray[np.bool_]]:
    """Places of the tokens that are candidates, and which tokens those are."""
    known = tokens < len(c.ids)
    if known.all() and (c.ids[tokens] == tokens).all():
        return tokens, known
    order = np.argsort(c.ids)
    at = order[np.minimum(np.searchsorted(c.ids, tokens, sorter=order), len(order) - 1)]
    here = c.ids[at] == tokens
    return at[here], here
