"""What is kept of a generation, so that the next one with the same beginning starts there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from abi.model import KVCache, Transformer

__all__ = ["PromptCache"]


@dataclass
class PromptCache:
    """One cache of one sequence, lent to one generation at a time.

    Attributes
    ----------
    tokens : list of int
        Of the positions that the cache holds.
    turn : int
        Grows with each loan; only what was lent last is taken back.
    """

    tokens: list[int] = field(default_factory=list)
    turn: int = 0
    _cache: KVCache | None = None
    _transformer: Transformer | None = None

    def lend(self, transformer: Transformer, prompt: Sequence[int]) -> tuple[KVCache | None, int]:
        """The cache and how much of a prompt it holds; none where it is of no use, or lent.

        At least one token of the prompt is left to compute, for its logits.
        """
        self.turn += 1
        cache, held = self._cache, self.tokens
        if cache is None or self._transformer is not transformer:
            return None, 0
        common, limit = 0, min(len(held), len(prompt) - 1)
        while common < limit and held[common] == prompt[common]:
            common += 1
        self._cache, self.tokens = None, []
        cache.truncate(0, common)
        return cache, common

    def keep(
        self,
        transformer: Transformer,
        cache: KVCache,
        tokens: Sequence[int],
        turn: int | None = None,
    ) -> None:
        """Take a cache with the tokens that its slot holds, unless another turn has come."""
        if turn is not None and turn != self.turn:
            return
        self._cache, self._transformer = cache, transformer
        self.tokens = list(tokens[: cache.lengths[0]])

    def clear(self) -> None:
        """Let go of it all, of what a running generation would bring back too."""
        self.turn += 1
        self._cache, self._transformer, self.tokens = None, None, []

    @property
    def cache(self) -> KVCache | None:
        """The cache, unless it is lent."""
        return self._cache
