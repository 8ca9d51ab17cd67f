"""SentencePiece tokens with scores, and bytes for what has no token.

Follows `llm_tokenizer_spm_session` of llama.cpp: characters are joined into the token of
the highest score first. Texts are cut before each run of spaces wherever no token of the
vocabulary crosses such a cut, which gives the same tokens and lets words be cached.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from abi.errors import FormatError
from abi.tokenizer._merge import CACHED_LENGTH, CACHED_WORDS, merge
from abi.tokenizer._roles import TokenType
from abi.tokenizer._unicode import is_valid
from abi.tokenizer._vocab import Vocab

__all__ = ["SentencePiece"]

_SPACE = "\u2581"
_WORD = re.compile(f"{_SPACE}+[^{_SPACE}]*|[^{_SPACE}]+")
_CROSSING = re.compile(f"[^{_SPACE}]{_SPACE}")
_BYTE = re.compile("<0x([0-9A-Fa-f]{2})>")
_SYMBOL_BYTES = (1,) * 12 + (2, 2, 3, 4)  # by the upper four bits of the first byte


class SentencePiece:
    """Encodes text between special tokens, and gives the bytes of a token."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab
        self._costs = {text: -score for text, score in zip(vocab.texts, vocab.scores, strict=True)}
        self._bytes = [self._byte_id(b) for b in range(256)]
        self._byte_pieces = dict(_byte_pieces(vocab))
        self._words: dict[str, list[int]] = {}
        self._crossing = any(_CROSSING.search(text) for text in vocab.texts)
        self._raw: tuple[dict[bytes, float], dict[bytes, int]] | None = None

    def encode(self, text: str, after_special: bool) -> Iterable[int]:
        """Token ids of one stretch of text."""
        if self._vocab.add_space_prefix and after_special:
            text = " " + text
        text = text.replace(" ", _SPACE)
        if not is_valid(text):
            yield from self._encode_bytes(text.encode("utf-8", "surrogateescape"))
        elif self._crossing:
            yield from self._encode_word(text)
        else:
            for word in _WORD.findall(text):
                yield from self._cached(word)

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for."""
        text, kind = self._vocab.texts[token], self._vocab.types[token]
        if kind is TokenType.BYTE:
            return self._byte_pieces[token]
        if kind is TokenType.NORMAL:
            text = text.replace(_SPACE, " ")
        elif kind in (TokenType.UNUSED, TokenType.UNDEFINED):
            return b""
        return text.encode("utf-8", "surrogateescape")

    def _cached(self, word: str) -> list[int]:
        ids = self._words.get(word)
        if ids is None:
            ids = self._encode_word(word)
            if len(word) <= CACHED_LENGTH:
                if len(self._words) >= CACHED_WORDS:
                    self._words.clear()
                self._words[word] = ids
        return ids

    def _encode_word(self, word: str) -> list[int]:
        costs, ids = self._costs, self._vocab.ids
        out: list[int] = []
        for symbol in merge(list(word), lambda a, b: costs.get(a + b)):
            token = ids.get(symbol)
            if token is not None:
                out.append(token)
            else:
                out.extend(self._bytes[b] for b in symbol.encode())
        return out

    def _encode_bytes(self, raw: bytes) -> list[int]:
        """The same over bytes, where a symbol is as long as its first byte says."""
        if self._raw is None:
            keys = {t: t.encode("utf-8", "surrogateescape") for t in self._costs}
            self._raw = (
                {keys[text]: cost for text, cost in self._costs.items()},
                {keys[text]: i for text, i in self._vocab.ids.items()},
            )
        costs, ids = self._raw
        symbols: list[bytes] = []
        pos = 0
        while pos < len(raw):
            size = _SYMBOL_BYTES[raw[pos] >> 4]
            symbols.append(raw[pos : pos + size])
            pos += size
        out: list[int] = []
        for symbol in merge(symbols, lambda a, b: costs.get(a + b)):
            token = ids.get(symbol)
            out.extend(self._bytes[b] for b in symbol) if token is None else out.append(token)
        return out

    def _byte_id(self, byte: int) -> int:
        ids = self._vocab.ids
        found = ids.get(f"<0x{byte:02X}>")
        if found is None:
            found = ids.get(bytes([byte]).decode("utf-8", "surrogateescape"))
        if found is None:
            raise FormatError(
                f"the vocabulary has no token for byte 0x{byte:02X}",
                field="tokenizer.ggml.tokens",
            )
        return found


def _byte_pieces(vocab: Vocab) -> Iterator[tuple[int, bytes]]:
    for i, (text, kind) in enumerate(zip(vocab.texts, vocab.types, strict=True)):
        if kind is not TokenType.BYTE:
            continue
        match = _BYTE.fullmatch(text)
        if match is None:
            raise FormatError(
                f"token {i} {text!r} is typed as a byte, expected a text like <0x0A>",
                field="tokenizer.ggml.tokens",
            )
        yield i, bytes([int(match[1], 16)])
