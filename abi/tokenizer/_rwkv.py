"""RWKV: at each place the longest token that is there.

Follows `llm_tokenizer_rwkv_session` of llama.cpp. Tokens are byte strings, written in the file
with the escapes \\t, \\n, \\r and \\x00, and may end within a character.
"""

from __future__ import annotations

from abi.errors import FormatError
from abi.tokenizer._match import Matcher, as_latin1
from abi.tokenizer._vocab import Vocab
from abi.tokenizer._words import Words, WordTokens

__all__ = ["RWKV", "unescape"]

_ESCAPES = {ord("t"): 9, ord("n"): 10, ord("r"): 13}
_BACKSLASH, _X = ord("\\"), ord("x")


def unescape(text: bytes) -> bytes:
    r"""Bytes of a token as the file writes it.

    Examples
    --------
    >>> unescape(rb"a\n\x1b\\")
    b'a\n\x1b\\'
    """
    out = bytearray()
    escaped, digits, value = False, 0, 0
    for byte in text:
        if digits:
            # Not checked, as in llama.cpp: what is no hexadecimal digit counts as something.
            signed = byte - 256 if byte > 127 else byte
            digit = signed - (ord("a") - 10) if signed >= ord("a") else signed - ord("0")
            value, digits = (value * 16 + digit) & 0xFF, digits - 1
            if not digits:
                out.append(value)
                value = 0
        elif escaped:
            escaped = False
            if byte == _X:
                digits = 2
            else:
                out.append(_ESCAPES.get(byte, byte))
        elif byte == _BACKSLASH:
            escaped = True
        else:
            out.append(byte)
    return bytes(out)


class RWKV:
    """Encodes text between special tokens, and gives the bytes of a token."""

    def __init__(self, vocab: Vocab) -> None:
        self._pieces = [unescape(text.encode("utf-8", "surrogateescape")) for text in vocab.texts]
        tokens = {piece.decode("latin-1"): i for i, piece in enumerate(self._pieces) if piece}
        self._matcher = Matcher(tokens)
        self._unk = vocab.special.get("unk")
        self._check({text[0] for text in tokens})
        self._cut = Words(tokens, " ").cut
        self._words = WordTokens(self._encode_word)

    def encode(self, text: str, after_special: bool) -> list[int]:
        """Token ids of one stretch of text."""
        words, out = self._words, []
        for word in self._cut(as_latin1(text)):
            out += words[word]
        return out

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for."""
        return self._pieces[token]

    def _encode_word(self, word: str) -> list[int]:
        out: list[int] = []
        pos, longest = 0, self._matcher.longest
        while pos < len(word):
            found = longest(word, pos)
            if found is None:  # no token begins so, or the vocabulary would have been refused
                assert self._unk is not None
                out.append(self._unk)
                pos += 1
            else:
                out.append(found[0])
                pos += found[1]
        return out

    def _check(self, firsts: set[str]) -> None:
        """Every byte has a token; or none begins with it and there is one for the unknown."""
        for byte in map(chr, range(256)):
            if byte not in self._matcher.tokens and (byte in firsts or self._unk is None):
                raise FormatError(
                    f"the vocabulary has no token for byte 0x{ord(byte):02X}",
                    field="tokenizer.ggml.tokens",
                )
