"""Vectors of tokens whose sums lie where the teacher says that texts lie.

Minimises |diag(1 / c) X T - Y|^2 + strength |T - T0|^2 by conjugate gradients, one system a
dimension and all at once. X counts tokens in texts, c is the length of each text's sum, found
again after each round, so that in the end lengths do not matter.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["Bags", "fitted"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_TEXTS, _TOKENS = 200, 20_000  # gathered at a time, for the cache's sake


class Bags:
    """The tokens of texts, none of which is empty."""

    def __init__(self, ids: I64, lengths: I64, n_vocab: int) -> None:
        self.ids, self.lengths, self.n_vocab = ids, lengths, n_vocab
        self.starts = np.cumsum(lengths) - lengths
        order = np.argsort(ids, kind="stable")
        self._texts = np.repeat(np.arange(len(lengths)), lengths)[order]
        self._used, self._first = np.unique(ids[order], return_index=True)

    def sums(self, table: F32) -> F32:
        """X T: the sum of the rows of each text."""
        out = np.empty((len(self.lengths), table.shape[1]), np.float32)
        for a in range(0, len(out), _TEXTS):
            b = min(a + _TEXTS, len(out))
            low, high = self.starts[a], self.starts[b - 1] + self.lengths[b - 1]
            rows = table[self.ids[low:high]]
            out[a:b] = np.add.reduceat(rows, self.starts[a:b] - low, axis=0)
        return out

    def back(self, values: F32) -> F32:
        """X' R: for each token the sum over the texts that hold it."""
        out = np.zeros((self.n_vocab, values.shape[1]), np.float32)
        ends = np.append(self._first[1:], len(self.ids))
        a = 0
        while a < len(self._used):
            b = max(a + 1, int(np.searchsorted(self._first, self._first[a] + _TOKENS)))
            low, high = self._first[a], ends[b - 1]
            rows = values[self._texts[low:high]]
            out[self._used[a:b]] = np.add.reduceat(rows, self._first[a:b] - low, axis=0)
            a = b
        return out


def fitted(
    bags: Bags, target: F32, prior: F32, strength: float, rounds: int = 2, steps: int = 12
) -> F32:
    """The table, from where the prior leaves it.

    Parameters
    ----------
    bags : Bags
    target : (n_texts, dim) float32
    prior : (n_vocab, dim) float32
        Tokens that no text holds stay there.
    strength : float
        How many occurrences in a text of the middle length weigh as much as the prior.
    """
    sizes = np.linalg.norm(target, axis=1)
    table = prior
    for _ in range(rounds):
        lengths = np.linalg.norm(bags.sums(table), axis=1) / sizes
        lengths = np.maximum(lengths, np.quantile(lengths, 0.01))
        scale = (1 / lengths)[:, None].astype(np.float32)
        weight = np.float32(strength / np.median(lengths**2))
        table = prior + _solved(bags, target - bags.sums(prior) * scale, scale, weight, steps)
    return table


def _solved(bags: Bags, rest: F32, scale: F32, weight: np.float32, steps: int) -> F32:
    found = np.zeros((bags.n_vocab, rest.shape[1]), np.float32)
    left = bags.back(rest * scale)
    way, size = left.copy(), np.square(left).sum(axis=0)
    for _ in range(steps):
        turned = bags.back(bags.sums(way) * scale * scale) + weight * way
        step = size / np.maximum((way * turned).sum(axis=0), 1e-30)
        found += step * way
        left -= step * turned
        size, before = np.square(left).sum(axis=0), size
        way = left + size / np.maximum(before, 1e-30) * way
    return found
