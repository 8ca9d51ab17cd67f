"""WordPiece: the longest tokens a word begins with, one after another, or none at all.

Follows `llm_tokenizer_wpm_session` of llama.cpp, whose vocabularies mark the beginning of a
word with U+2581 instead of its middle with "##". Text is normalised as BERT does: white space
parts words, punctuation and Chinese characters are words, control characters go, letters are
lowered and lose their accents if the file says nothing else.
"""

from __future__ import annotations

from abi.tokenizer._match import Matcher, as_latin1
from abi.tokenizer._unicode import (
    HAN,
    WHITE,
    decode_lenient,
    is_valid,
    kind_of,
    lower,
    without_accent,
)
from abi.tokenizer._vocab import Pieces, Vocab
from abi.tokenizer._words import WordTokens

__all__ = ["WordPiece"]

_SPACE = "\u2581"
# llama.cpp's list of Chinese characters here leaves out what BERT's own tokeniser does.
_UNLISTED = (0x2B820, 0x2B91F)
_LAST_LISTED = 0x2CEAF
_MOST_CHARS = 1 << 16


class WordPiece:
    """Encodes text between special tokens, and gives the bytes of a token.

    Parameters
    ----------
    vocab : Vocab
    lowercase, strip_accents : bool
    """

    def __init__(self, vocab: Vocab, lowercase: bool, strip_accents: bool) -> None:
        self._vocab = vocab
        self._unk = vocab.require("unk", "WordPiece has one for words that it cannot spell")
        self._chars = _Normalizer(lowercase, strip_accents)
        # A token that is not UTF-8 may end within a character, which bytes alone can follow.
        self._plain = all(map(is_valid, vocab.texts))
        self._matcher = Matcher(vocab.ids) if self._plain else None
        self._raw: Matcher | None = None
        self._pieces = Pieces(vocab)
        self._words = WordTokens(self._encode_word)

    def encode(self, text: str, after_special: bool) -> list[int]:
        """Token ids of one stretch of text."""
        if not is_valid(text):
            text = decode_lenient(text.encode("utf-8", "surrogateescape"))
        words, out = self._words, []
        for word in text.translate(self._chars).split(" "):
            out += words[word]
        return out

    def piece(self, token: int) -> bytes:
        """The bytes that a token stands for."""
        return self._pieces(token)

    def _encode_word(self, word: str) -> list[int]:
        if not word:
            return []
        word = _SPACE + word
        matcher = self._matcher
        if matcher is None or not is_valid(word):
            if self._raw is None:
                self._raw = Matcher({as_latin1(t): i for t, i in self._vocab.ids.items()})
            matcher = self._raw
            word = word.encode("utf-8", "surrogatepass").decode("latin-1")
        out: list[int] = []
        pos = 0
        while pos < len(word):
            found = matcher.longest(word, pos)
            if found is None:
                return [self._unk]
            out.append(found[0])
            pos += found[1]
        return out


class _Normalizer(dict[int, str]):
    """What becomes of each character, for `str.translate`; made as they come."""

    def __init__(self, lowercase: bool, strip_accents: bool) -> None:
        super().__init__()
        self._lowercase, self._strip = lowercase, strip_accents

    def __missing__(self, code: int) -> str:
        if len(self) >= _MOST_CHARS:
            self.clear()
        self[code] = made = self._made(code)
        return made

    def _made(self, code: int) -> str:
        if self._strip:
            code = without_accent(code)
        kind = kind_of(code)
        if code in WHITE:
            return " "
        if code in (0, 0xFFFD) or kind == "C" or (self._strip and kind == "M"):
            return ""
        char = chr(lower(code) if self._lowercase else code)
        alone = kind == "P" or (kind == "S" and code < 0x7F) or _is_chinese(code)
        return f" {char} " if alone else char


def _is_chinese(code: int) -> bool:
    if _UNLISTED[0] <= code <= _UNLISTED[1] or _LAST_LISTED < code < 0x2F800:
        return False
    return any(first <= code <= last for first, last in HAN)
