"""Unigram: of all ways to write a text with tokens, the one of the highest sum of scores.

Follows `llm_tokenizer_ugm_session` of llama.cpp (T5 and XLM-RoBERTa): a compiled normalisation,
spaces as U+2581, and a Viterbi search in float64 over float32 scores. A text is cut where no
token crosses, if sums of scores are exact in float64, for then the parts decide for themselves.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from abi.tokenizer._charsmap import Charsmap
from abi.tokenizer._match import Matcher, as_latin1
from abi.tokenizer._roles import TokenType
from abi.tokenizer._unicode import SYMBOL_BYTES, sequence_size
from abi.tokenizer._vocab import Pieces, Vocab
from abi.tokenizer._words import Words, WordTokens

__all__ = ["Unigram"]

_SPACE = "\u2581"
_PENALTY = np.float32(10)  # of an unknown character, below the lowest score
_MATCHED = (TokenType.NORMAL, TokenType.USER_DEFINED, TokenType.UNUSED)
_LOWEST = -float(np.finfo(np.float64).max)


class Unigram:
    """Encodes text between special tokens, and gives the bytes of a token."""

    def __init__(self, vocab: Vocab, metadata: Mapping[str, Any]) -> None:
        self._vocab = vocab
        self._unk = vocab.require("unk", "Unigram has one for characters without a token")
        self._pieces = Pieces(vocab)
        self._normalizer = _Normalizer(vocab, Charsmap(metadata))
        kinds = vocab.stored_types
        matched = {text: i for text, i in vocab.ids.items() if kinds[i] in _MATCHED}
        self._scores = [
            0.0 if kind is TokenType.USER_DEFINED else float(np.float32(score))
            for score, kind in zip(vocab.scores, kinds, strict=True)
        ]
        self._unk_score = _unknown_score(vocab)
        self._matcher = Matcher(matched)
        self._raw: Matcher | None = None
        self._cut = Words(matched, _SPACE).cut
        single = [self._scores[i] for text, i in matched.items() if len(text) == 1]
        self._exact_length = _exact_length(self._scores, [*single, self._unk_score])
        self._words = WordTokens(lambda word: self._best(word, self._matcher, None))

    def encode(self, text: str, after_special: bool) -> list[int]:
        """Token ids of one stretch of text."""
        raw = self._normalizer.normalized(text.encode("utf-8", "surrogateescape"))
        if not raw:
            return []
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            return self._encode_raw(raw)
        words, unk = self._words, self._unk
        out: list[int] = []
        for word in self._cut(text) if len(text) < self._exact_length else [text]:
            ids = words[word]
            # Unknown characters in a row are one token, across words too.
            if ids[0] == unk and out and out[-1] == unk:
                ids = ids[1:]
            out += ids
        return out

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for."""
        return self._pieces(token)

    def _encode_raw(self, raw: bytes) -> list[int]:
        """Over bytes, where a character is as long as its first byte says."""
        if self._raw is None:
            tokens = self._matcher.tokens
            self._raw = Matcher({as_latin1(text): i for text, i in tokens.items()})
        return self._best(raw.decode("latin-1"), self._raw, SYMBOL_BYTES)

    def _best(self, text: str, matcher: Matcher, sizes: tuple[int, ...] | None) -> list[int]:
        n, scores, unknown = len(text), self._scores, self._unk_score
        best, start, token = [_LOWEST] * (n + 1), [0] * (n + 1), [self._unk] * (n + 1)
        best[0] = 0.0
        pos, lengths, token_of = 0, matcher.sizes, matcher.tokens.get
        while pos < n:
            size = 1 if sizes is None else min(sizes[ord(text[pos]) >> 4], n - pos)
            here, whole = best[pos], False
            for length in lengths(text, pos):
                end = pos + length
                token_id = token_of(text[pos:end]) if end <= n else None
                if token_id is None:
                    continue
                whole = whole or length == size
                if here + scores[token_id] > best[end]:
                    best[end], start[end], token[end] = here + scores[token_id], pos, token_id
            end = pos + size
            if not whole and here + unknown > best[end]:
                best[end], start[end], token[end] = here + unknown, pos, self._unk
            pos = end
        return self._path(start, token)

    def _path(self, start: list[int], token: list[int]) -> list[int]:
        out: list[int] = []
        end, unk, before = len(start) - 1, self._unk, -1
        while True:
            if token[end] != unk or before != unk:
                out.append(token[end])
            before = token[end]
            if not start[end]:
                return out[::-1]
            end = start[end]


class _Normalizer:
    """Replaces prefixes, and writes spaces as tokens have them."""

    def __init__(self, vocab: Vocab, charsmap: Charsmap) -> None:
        self._vocab, self._charsmap = vocab, charsmap
        kinds = vocab.stored_types
        own = (t for t, i in vocab.ids.items() if kinds[i] is TokenType.USER_DEFINED)
        self._own = sorted(text.encode("utf-8", "surrogateescape") for text in own)
        self._own_first = {text[0] for text in self._own}
        self._own_longest = max(map(len, self._own), default=0)
        plain = bytes(b for b in charsmap.plain() if b not in self._own_first)
        # A last one before what is not ASCII may combine with it.
        inside = b"".join(re.escape(bytes([b])) for b in plain)
        self._plain = re.compile(b"[%b]+(?![\x80-\xff])" % inside if plain else b"(?!)")

    def normalized(self, raw: bytes) -> bytes:
        raw = b"".join(self._replaced(raw))
        vocab, space = self._vocab, _SPACE.encode()
        if vocab.merge_spaces:
            return b"".join(space + word for word in raw.split(b" ") if word)
        rest = raw.lstrip(b" ")
        if vocab.add_space_prefix and rest:
            raw = b" " * (len(raw) - len(rest) + 1) + rest
        return raw.replace(b" ", space)

    def _replaced(self, raw: bytes) -> Iterator[bytes]:
        pos, run = 0, self._plain.match
        while pos < len(raw):
            plain = run(raw, pos)
            if plain:
                yield plain[0]
                pos = plain.end()
                continue
            text, size = self._prefix(raw, pos)
            yield text
            pos += size

    def _prefix(self, raw: bytes, pos: int) -> tuple[bytes, int]:
        """What the next bytes become, and how many of them."""
        if raw[pos] in self._own_first:
            size = self._in_common(raw[pos : pos + self._own_longest])
            return raw[pos : pos + size], size
        found = self._charsmap.match(raw, pos)
        if found:
            return found
        size = sequence_size(raw, pos)
        return (raw[pos : pos + size], size) if size else ("\ufffd".encode(), 1)

    def _in_common(self, raw: bytes) -> int:
        """How far the bytes go along with some user-defined token, which need not end there."""
        at = bisect(self._own, raw)
        return max(_common(raw, own) for own in self._own[max(at - 1, 0) : at + 1])


def _common(a: bytes, b: bytes) -> int:
    shorter = min(len(a), len(b))
    return next((i for i in range(shorter) if a[i] != b[i]), shorter)


def _unknown_score(vocab: Vocab) -> float:
    kinds = zip(vocab.scores, vocab.stored_types, strict=True)
    normal = [score for score, kind in kinds if kind is TokenType.NORMAL]
    lowest = np.float32(min(normal)) if normal else np.finfo(np.float32).max
    with np.errstate(over="ignore"):
        return float(np.float32(lowest) - _PENALTY)


def _exact_length(scores: list[float], single: list[float]) -> float:
    """Characters up to which sums of scores are exact, so that no rounding decides.

    A best sum is never below that of single characters, nor above that of the highest score.
    """
    values = np.unique(np.abs(np.array([*scores, *single], np.float64)))
    values = values[values > 0]
    if not np.isfinite(values).all():
        return 0.0
    step = max(*map(abs, single), max(scores))
    # A float32 is a whole multiple of 2**(exponent - 24), a float64 sum of 2**(exponent - 53).
    unit = 2.0 ** (int(np.frexp(values[0])[1]) - 24)
    return float((unit * 2.0**52 - values[-1]) / step)
