"""Drafts: cheap guesses of the next tokens, which the model then checks in one pass.

A guess is kept only where it is what the sampler chose from the model's own logits, so the
text is the one that would have come without drafts; only the number of passes differs.
Prompt lookup: the tokens that followed the same words before (`apoorvumang/prompt-lookup-
decoding`). Draft model: arXiv 2211.17192, with greedy guesses.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.generate._prompt_cache import common_prefix
from abi.model import Batch, KVCache, Transformer
from abi.tokenizer import Tokenizer

__all__ = ["Draft", "ModelDraft", "PromptLookup"]


_N_BATCH = 512  # tokens that a draft model catches up with at a time
_FREE, _PADDING = 5, 128  # tokens at the beginning and at the end in which it may differ


class Draft(Protocol):
    """What guesses."""

    def propose(self, tokens: Sequence[int], most: int) -> list[int]:
        """At most so many tokens that may follow these, none if it has no idea."""


class PromptLookup:
    """Guesses that what followed the last few tokens before follows them again.

    It helps where a text repeats what is before it: summaries, corrections, code.

    Parameters
    ----------
    longest, shortest : int
        Tokens that must agree: the longest match is tried first.

    Examples
    --------
    >>> PromptLookup(longest=2, shortest=1).propose([7, 8, 9, 1, 7, 8], most=2)
    [9, 1]
    """

    def __init__(self, longest: int = 4, shortest: int = 2) -> None:
        if not 1 <= shortest <= longest:
            raise InputError(
                f"longest={longest}, shortest={shortest}: expected 1 <= shortest <= longest"
            )
        self._sizes = range(longest, shortest - 1, -1)
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}  # where the last of an n-gram ended

    def propose(self, tokens: Sequence[int], most: int) -> list[int]:
        """What followed the longest match, from its latest place."""
        self._learn(tokens)
        for size in self._sizes:
            end = self._after.get(tuple(tokens[-size:]))
            if end is not None and len(tokens) > size:
                return list(tokens[end : end + most])
        return []

    def _learn(self, tokens: Sequence[int]) -> None:
        """Take up the n-grams that end before the last token."""
        known = len(self._tokens)
        if list(tokens[:known]) != self._tokens:  # another text
            self._tokens, self._after, known = [], {}, 0
        for end in range(max(1, known), len(tokens)):
            for size in self._sizes:
                if size <= end:
                    self._after[tuple(tokens[end - size : end])] = end
        self._tokens = list(tokens)


class ModelDraft:
    """Guesses of a smaller model of the same vocabulary.

    Parameters
    ----------
    transformer : Transformer
        Of the small model.
    tokenizer, other : Tokenizer
        Of the small model, and of the one whose text is guessed.
    n_ctx : int
        The most tokens that are looked at.
    least : float
        A guess ends before a token that the small model finds less likely.

    Raises
    ------
    InputError
        If the vocabularies differ by more than llama.cpp lets them: the first five tokens, and
        up to 128 at the end, with which some models are padded.
    """

    def __init__(
        self,
        transformer: Transformer,
        tokenizer: Tokenizer,
        other: Tokenizer,
        n_ctx: int,
        least: float = 0.4,
    ) -> None:
        _check_vocabularies(tokenizer.vocab.texts, other.vocab.texts)
        self._n_vocab, self._n_other = len(tokenizer), len(other)
        self._transformer, self._n_ctx, self._least = transformer, n_ctx, least
        self._cache: KVCache = transformer.new_cache(n_ctx=n_ctx, swa_full=False)
        self._held: list[int] = []

    def propose(self, tokens: Sequence[int], most: int) -> list[int]:
        """The likeliest tokens, one after another, while they are likely enough."""
        most = min(most, self._n_ctx - len(tokens))
        if most < 1 or max(tokens) >= self._n_vocab:  # one of the other's padding
            return []
        logits = self._catch_up(list(tokens))
        guess: list[int] = []
        while True:
            token = int(logits.argmax())
            likely = 1 / np.exp(logits - logits[token]).sum() >= self._least
            if not likely or token >= self._n_other:
                return guess
            guess.append(token)
            if len(guess) == most:
                return guess
            logits = self._run([token])

    def _catch_up(self, tokens: list[int]) -> npt.NDArray[np.float64]:
        """Logits after these tokens, from what the cache holds of them."""
        common = self._cache.resumable(0, common_prefix(self._held, tokens[:-1]))
        del self._held[common:]
        for start in range(common, len(tokens) - _N_BATCH, _N_BATCH):
            self._run(tokens[start : start + _N_BATCH], 0)
        return self._run(tokens[len(self._held) :])

    def _run(self, tokens: list[int], wanted: int = 1) -> npt.NDArray[np.float64]:
        batch = Batch.of(tokens, pos=len(self._held))
        rows = [len(tokens) - 1] * wanted
        logits = self._transformer.forward(batch, self._cache, rows)
        self._held += tokens
        return logits.astype(np.float64).reshape(-1)


def _check_vocabularies(draft: Sequence[str], target: Sequence[str]) -> None:
    common = min(len(draft), len(target))
    differs = next((i for i in range(_FREE, common) if draft[i] != target[i]), None)
    if differs is None and max(len(draft), len(target)) - common <= _PADDING:
        return
    what = f"they have {len(draft)} and {len(target)} tokens"
    if differs is not None:
        what = f"token {differs} is {draft[differs]!r:.60} there and {target[differs]!r:.60} here"
    raise InputError(f"a draft needs the model's vocabulary, and {what}; choose another draft")
