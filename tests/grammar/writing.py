"""Texts that are written token by token under a grammar, at random or as a model would."""

from __future__ import annotations

import random
from collections.abc import Iterator
from functools import lru_cache

import numpy as np
import numpy.typing as npt

import abi
from abi.grammar import Grammar, Matcher, Vocabulary
from abi.model import Batch

__all__ = ["tiny_vocabulary", "write_at_random", "write_with_the_tiny_model"]

_STEERED = 24  # tokens that are compared when a text has to come to its end
_CLOSING = (b"}", b"]", b'"', b",")


@lru_cache(maxsize=None)
def tiny_vocabulary() -> Vocabulary:
    """The vocabulary of the model that ships."""
    tokenizer = abi.load(kernels="numpy").tokenizer
    pieces = [tokenizer.piece(i, special=False) for i in range(len(tokenizer))]
    return Vocabulary(pieces, tokenizer.vocab.eog)


def write_at_random(grammar: Grammar, rng: random.Random, n_free: int = 60) -> str:
    """Any allowed token while there is room, then towards the end."""
    vocabulary = tiny_vocabulary()
    matcher = Matcher(grammar, vocabulary)
    while matcher.tokens[-1:] == [] or matcher.tokens[-1] not in vocabulary.end_tokens:
        allowed = np.flatnonzero(matcher.allowed()).tolist()
        steered = len(matcher.tokens) >= n_free
        matcher.accept(_shortest(matcher, allowed, rng) if steered else rng.choice(allowed))
    return _text(matcher)


def write_with_the_tiny_model(grammar: Grammar, seed: int, n_free: int = 60) -> str:
    """What the tiny model writes at temperature 1.5 after an end of text, then to the end."""
    vocabulary, rng = tiny_vocabulary(), random.Random(seed)
    matcher, logits = Matcher(grammar, vocabulary), _logits()
    next(logits)
    row = logits.send(1)
    while True:
        mask = matcher.allowed()
        if len(matcher.tokens) >= n_free:
            token = _shortest(matcher, np.flatnonzero(mask).tolist(), rng)
        else:
            token = _draw(row, mask, rng)
        matcher.accept(token)
        if token in vocabulary.end_tokens:
            return _text(matcher)
        if len(matcher.tokens) < n_free:
            row = logits.send(token)


def _logits() -> Iterator[npt.NDArray[np.float32]]:
    """Send a token, get the logits after it."""
    transformer = abi.load(kernels="numpy").transformer
    cache = transformer.new_cache(n_ctx=128)
    row: npt.NDArray[np.float32] | None = None
    pos = 0
    while True:
        token = yield row
        row = transformer.forward(Batch.of([token], pos=pos), cache)[-1]
        pos += 1


def _draw(row: npt.NDArray[np.float32], mask: npt.NDArray[np.bool_], rng: random.Random) -> int:
    kept = np.flatnonzero(mask)
    scaled = row[kept].astype(np.float64) / 1.5
    chances = np.cumsum(np.exp(scaled - scaled.max()))
    return int(kept[np.searchsorted(chances, rng.random() * chances[-1], "right")])


def _shortest(matcher: Matcher, allowed: list[int], rng: random.Random) -> int:
    """Of some tokens the one with the least left to write behind it.

    The distance is a lower bound: where nothing comes nearer, what closes something does.
    """
    ends = [token for token in allowed if token in matcher.vocabulary.end_tokens]
    if ends:
        return ends[0]
    rng.shuffle(allowed)
    pieces = matcher.vocabulary.tokens
    closing = sorted(
        (t for t in allowed if pieces[t] in _CLOSING), key=lambda t: _CLOSING.index(pieces[t])
    )
    best, least = (closing or allowed)[0], matcher.distance
    for token in [*closing, *allowed[:_STEERED]]:
        matcher.accept(token)
        if matcher.distance < least:
            best, least = token, matcher.distance
        matcher.rollback()
    return best


def _text(matcher: Matcher) -> str:
    return b"".join(matcher.vocabulary.tokens[token] for token in matcher.tokens).decode()
