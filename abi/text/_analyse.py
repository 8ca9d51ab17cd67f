"""The terms of a text, for lexical search.

Words are runs of letters, marks and digits, folded in case and compatibility forms (NFKC), with
accents taken off Latin, Greek and Cyrillic. What programs and documents write in one word gives
the whole and its parts: `snake_case`, `camelCase`, `os.path`, `3.11`. Scripts that put no spaces
between words (Han, Kana, Thai, Lao, Khmer, Burmese) give each character and each pair of
neighbours. There are no stop words: BM25 gives little weight to what is everywhere.
"""

from __future__ import annotations

import re
import unicodedata

__all__ = ["analyse"]

# Marks that belong to words, of Hebrew, Arabic and the scripts of India, which \w leaves out.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff"
    "\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)

_ASCII = re.compile(r"\w+(?:[.']\w+)*(?:\+\+|#(?![^\W\d]))?", re.ASCII)
_WORD = rf"(?:(?![{_UNSPACED}])\w)(?:(?![{_UNSPACED}])[\w{_MARKS}])*"
_ANY = re.compile(rf"[{_UNSPACED}]+|{_WORD}(?:[.'’]{_WORD})*(?:\+\+|#(?![^\W\d]))?")
_FIRST_UNSPACED = re.compile(rf"[{_UNSPACED}]")
_PLAIN = re.compile(r"[a-z]+|[A-Z]?[a-z]+", re.ASCII)
_PARTS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_SEPARATORS = re.compile(r"[._'’]+")
_ACCENTS = re.compile("[\u0300-\u036f]")


def analyse(text: str) -> list[str]:
    """The terms of a text, in order; a word and its parts one after another.

    Parameters
    ----------
    text : str
        Any, lone surrogates included, which are no part of a word.

    Examples
    --------
    >>> analyse("The max_size of Crème brûlée")
    ['the', 'max_size', 'max', 'size', 'of', 'creme', 'brulee']
    >>> analyse("東京で C++")
    ['東', '京', 'で', '東京', '京で', 'c++', 'c']
    """
    terms: list[str] = []
    if text.isascii():
        for word in _ASCII.findall(text):
            if _PLAIN.fullmatch(word):
                terms.append(word.lower())
            else:
                _add(terms, word)
        return terms
    for word in _ANY.findall(unicodedata.normalize("NFKC", text)):
        if _FIRST_UNSPACED.match(word):
            terms += word
            terms += [word[i : i + 2] for i in range(len(word) - 1)]
        elif word.isascii() and _PLAIN.fullmatch(word):
            terms.append(word.lower())
        else:
            _add(terms, word)
    return terms


def _add(terms: list[str], word: str) -> None:
    """A word that may have parts; parts of one character say nothing."""
    whole = _fold(word)
    terms.append(whole)
    for piece in _SEPARATORS.split(word.rstrip("+#")):
        folded = _fold(piece)
        if piece and folded != whole:
            terms.append(folded)
        parts = _PARTS.findall(piece) if piece.isascii() else []
        if len(parts) > 1 and min(map(len, parts)) > 1:
            terms += [part.lower() for part in parts]


def _fold(word: str) -> str:
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", word.casefold().replace("’", "'"))
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart))
