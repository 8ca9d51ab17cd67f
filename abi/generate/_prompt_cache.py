"""What is kept of a generation, so that the next one with the same beginning starts there."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import count

from abi.model import KVCache, Transformer

__all__ = ["PromptCache", "common_prefix"]


@dataclass(frozen=True)
class _Kept:
    """A cache, the network that computed it, and the tokens that it holds."""

    transformer: Transformer
    cache: KVCache
    tokens: list[int]


class PromptCache:
    """One cache of one sequence, lent to one generation at a time, in any thread.

    Attributes
    ----------
    turn : int
        Grows with each loan; only what was lent last is taken back.
    """

    def __init__(self) -> None:
        self.turn = 0
        self._turns = count(1)
        self._kept: deque[_Kept] = deque(maxlen=1)  # whose steps are each one, for threads

    def lend(self, transformer: Transformer, prompt: Sequence[int]) -> tuple[KVCache | None, int]:
        """The cache and how much of a prompt it holds; none where it is of no use, or lent.

        At least one token of the prompt is left to compute, for its logits.
        """
        self.turn = next(self._turns)
        try:
            kept = self._kept.pop()
        except IndexError:
            return None, 0
        if kept.transformer is not transformer:
            return None, 0
        common = kept.cache.resumable(0, common_prefix(kept.tokens, prompt[:-1]))
        kept.cache.truncate(0, common)
        return kept.cache, common

    def keep(
        self,
        transformer: Transformer,
        cache: KVCache,
        tokens: Sequence[int],
        turn: int | None = None,
    ) -> None:
        """Take a cache with the tokens that its slot holds, unless another turn has come."""
        if turn is None or turn == self.turn:
            self._kept.append(_Kept(transformer, cache, list(tokens[: cache.lengths[0]])))

    def clear(self) -> None:
        """Let go of it all, of what a running generation would bring back too."""
        self.turn = next(self._turns)
        self._kept.clear()

    @property
    def tokens(self) -> list[int]:
        """Of the positions that the cache holds; none while it is lent."""
        return next((kept.tokens for kept in tuple(self._kept)), [])

    def held_by(self, transformer: Transformer) -> tuple[KVCache, list[int]] | None:
        """The cache and its tokens, if this network computed it and it is not lent."""
        for kept in tuple(self._kept):
            if kept.transformer is transformer and kept.tokens:
                return kept.cache, kept.tokens
        return None


def common_prefix(left: Sequence[int], right: Sequence[int]) -> int:
    """Tokens at the beginning that both have.

    Examples
    --------
    >>> common_prefix([1, 2, 3], [1, 2, 4, 5])
    2
    """
    for n, (a, b) in enumerate(zip(left, right, strict=False)):
        if a != b:
            return n
    return min(len(left), len(right))
