"""Byte-level BPE: words as bytes in a printable alphabet, merged by rank.

Follows `llm_tokenizer_bpe_session` of llama.cpp; the alphabet is that of GPT-2.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from abi.errors import FormatError
from abi.tokenizer._merge import CACHED_LENGTH, CACHED_WORDS, merge
from abi.tokenizer._pretokenizer import PreTokenizer
from abi.tokenizer._roles import TokenType
from abi.tokenizer._unicode import decode_lenient, is_valid
from abi.tokenizer._vocab import Vocab

__all__ = ["BytePairEncoding", "byte_alphabet"]


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte in GPT-2's vocabularies."""
    plain = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = iter(range(0x100, 0x200))
    return [chr(b) if b in plain else chr(next(others)) for b in range(256)]


_ALPHABET = byte_alphabet()
_TO_ALPHABET = dict(enumerate(_ALPHABET))  # for str.translate over Latin-1
_FROM_ALPHABET = {ord(char): byte for byte, char in enumerate(_ALPHABET)}


class BytePairEncoding:
    """Encodes text between special tokens, and gives the bytes of a token."""

    def __init__(self, vocab: Vocab, metadata: Mapping[str, Any], pre: PreTokenizer) -> None:
        self._vocab, self._pre = vocab, pre
        self._split = pre.split
        self._ranks = _ranks(metadata)
        self._words: dict[str, list[int]] = {}

    def encode(self, text: str, after_special: bool) -> Iterable[int]:
        """Token ids of one stretch of text."""
        if not is_valid(text):
            text = decode_lenient(text.encode("utf-8", "surrogateescape"))
        words = self._words
        for word in self._split(text):
            ids = words.get(word)
            if ids is None:
                ids = self._encode_word(word)
                if len(word) <= CACHED_LENGTH:
                    if len(words) >= CACHED_WORDS:
                        words.clear()
                    words[word] = ids
            yield from ids

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for."""
        text, kind = self._vocab.texts[token], self._vocab.types[token]
        if kind is TokenType.NORMAL:
            return b"".join(_alphabet_bytes(char) for char in text)
        if kind in (TokenType.UNUSED, TokenType.UNDEFINED):
            return b""
        return text.encode("utf-8", "surrogateescape")

    def _encode_word(self, word: str) -> list[int]:
        # Surrogates come from decode_lenient alone and stand for their own three bytes.
        raw = word.encode("utf-8", "surrogatepass").decode("latin-1").translate(_TO_ALPHABET)
        ids, ranks = self._vocab.ids, self._ranks
        if self._pre.ignore_merges and raw in ids:
            return [ids[raw]]
        out: list[int] = []
        for symbol in merge(list(raw), lambda a, b: ranks.get((a, b))):
            token = ids.get(symbol)
            if token is not None:
                out.append(token)
            else:  # a byte without a token of its own is dropped, as llama.cpp does
                out.extend(ids[char] for char in symbol if char in ids)
        return out


def _alphabet_bytes(char: str) -> bytes:
    byte = _FROM_ALPHABET.get(ord(char))
    return char.encode("utf-8", "surrogateescape") if byte is None else bytes([byte])


def _ranks(metadata: Mapping[str, Any]) -> dict[tuple[str, str], int]:
    key = "tokenizer.ggml.merges"
    merges = metadata.get(key)
    if not isinstance(merges, list) or not all(isinstance(m, str) for m in merges):
        raise FormatError("expected a list of strings", field=key)
    ranks: dict[tuple[str, str], int] = {}
    for rank, pair in enumerate(merges):
        cut = pair.find(" ", 1)
        if cut < 0:
            raise FormatError(f"merge {rank} is {pair!r}, expected two parts", field=key)
        ranks.setdefault((pair[:cut], pair[cut + 1 :]), rank)
    return ranks
