"""SentencePiece tokens with scores, and bytes for what has no token.

Follows `llm_tokenizer_spm_session` of llama.cpp: characters are joined into the token of
the highest score first. Texts are cut before each run of spaces wherever no token of the
vocabulary crosses such a cut, which gives the same tokens and lets words be cached.
"""

from __future__ import annotations

from abi.errors import FormatError
from abi.tokenizer._match import as_latin1
from abi.tokenizer._merge import merge
from abi.tokenizer._unicode import SYMBOL_BYTES, is_valid
from abi.tokenizer._vocab import Pieces, Vocab
from abi.tokenizer._words import Words, WordTokens

__all__ = ["SentencePiece"]

_SPACE = "\u2581"
_DEAREST = 1.7e308  # a score of -inf still joins, after all others


class SentencePiece:
    """Encodes text between special tokens, and gives the bytes of a token."""

    def __init__(self, vocab: Vocab) -> None:
        self._vocab = vocab
        scores = zip(vocab.texts, vocab.scores, strict=True)
        self._costs = {text: min(-score, _DEAREST) for text, score in scores}
        self._bytes = [self._byte_id(b) for b in range(256)]
        self._pieces = Pieces(vocab)
        self._words = WordTokens(self._encode_word)
        self._cut = Words(vocab.texts, _SPACE).cut
        self._raw: tuple[dict[str, float], dict[str, int]] | None = None

    def encode(self, text: str, after_special: bool) -> list[int]:
        """Token ids of one stretch of text."""
        if self._vocab.add_space_prefix and after_special:
            text = " " + text
        text = text.replace(" ", _SPACE)
        if not is_valid(text):
            return self._encode_bytes(text)
        words, out = self._words, []
        for word in self._cut(text):
            out += words[word]
        return out

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for."""
        return self._pieces(token)

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

    def _encode_bytes(self, text: str) -> list[int]:
        """The same over bytes, where a symbol is as long as its first byte says."""
        if self._raw is None:
            keys = {t: as_latin1(t) for t in self._costs}
            self._raw = (
                {keys[text]: cost for text, cost in self._costs.items()},
                {keys[text]: i for text, i in self._vocab.ids.items()},
            )
        costs, ids = self._raw
        raw = as_latin1(text)
        symbols: list[str] = []
        pos = 0
        while pos < len(raw):
            size = SYMBOL_BYTES[ord(raw[pos]) >> 4]
            symbols.append(raw[pos : pos + size])
            pos += size
        out: list[int] = []
        for symbol in merge(symbols, lambda a, b: costs.get(a + b)):
            token = ids.get(symbol)
            if token is None:
                out += [self._bytes[ord(char)] for char in symbol]
            else:
                out.append(token)
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
