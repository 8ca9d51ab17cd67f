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
from collections.abc import Callable
from functools import cache, lru_cache
from itertools import pairwise

from abi.errors import InputError
from abi.text._characters import UNSPACED, is_unspaced, marks
from abi.text._english import stem
from abi.text._parts import with_parts

__all__ = ["LANGUAGES", "VERSION", "analyse"]

VERSION = 2  # of the terms; what was indexed by others is indexed anew

_STEMMERS: dict[str, Callable[[str], str]] = {"english": stem}
LANGUAGES = tuple(_STEMMERS)

_LONGEST = 255  # characters of a word, so that encoded data makes no endless terms; as in Lucene
_WORDS_KEPT = 1 << 15  # words whose terms are remembered: a few MB

_SIGN = r"(?:\+\+|#(?![^\W\d]))?"  # C++11 and C#9 have one; page#part is two words
_ASCII = re.compile(rf"\w{{1,{_LONGEST}}}(?:[.']\w{{1,{_LONGEST}}}){{0,15}}{_SIGN}", re.ASCII)
# Hyphens, joiners, directions and selectors of variants inside words.
_INVISIBLE = re.compile(
    "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufe00-\ufe0f\ufeff\U000e0100-\U000e01ef]"
)
_LONG_RUN = re.compile(r"[^\w\s]{33}")  # of what may be marks


def analyse(text: str, language: str | None = None) -> list[str]:
    """The terms of a text, in order; a word and its parts one after another.

    Parameters
    ----------
    text : str
        Any, lone surrogates included, which are no part of a word.
    language : str, optional
        One of `LANGUAGES`: words are brought to their stems, so that "searching" finds
        "searches". The query and the documents must be of the same.

    Raises
    ------
    InputError
        If the language is not one of them.

    Examples
    --------
    >>> analyse("The max_size of Crème brûlée")
    ['the', 'max_size', 'max', 'size', 'of', 'creme', 'brulee']
    >>> analyse("東京で C++")
    ['東', '京', 'で', '東京', '京で', 'c++', 'c']
    >>> analyse("Searching the indexes", language="english")
    ['search', 'the', 'index']
    """
    if language is not None and language not in _STEMMERS:
        raise InputError(f"language {language!r}; known are {', '.join(LANGUAGES)}, and None")
    terms: list[str] = []
    if text.isascii():
        for word in _ASCII.findall(text):
            terms += _terms(word, language)
        return terms
    for word in _any_word().findall(_plain(text)):
        if not word.isascii() and is_unspaced(word):
            terms += word
            terms += map("".join, pairwise(word))
        else:
            terms += _terms(word, language)
    return terms


def _plain(text: str) -> str:
    """NFKC, with straight apostrophes and without what is not seen."""
    plain = _INVISIBLE.sub("", text)
    if _LONG_RUN.search(plain):
        plain = _many_marks().sub(r"\1", plain)
    return unicodedata.normalize("NFKC", plain).replace("’", "'").replace("\u02bc", "'")


@cache
def _many_marks() -> re.Pattern[str]:
    """More marks on a letter than any script has: normalising takes the square of their number."""
    return re.compile(f"([{marks()}]{{32}})[{marks()}]+")


@cache
def _any_word() -> re.Pattern[str]:
    """Words of any script, or runs of a script without spaces."""
    word = rf"[^\W{UNSPACED}](?:[^\W{UNSPACED}]|(?![{UNSPACED}])[{marks()}]){{0,{_LONGEST - 1}}}"
    return re.compile(rf"[{UNSPACED}]+|{word}(?:[.']{word}){{0,15}}{_SIGN}")


@lru_cache(_WORDS_KEPT)
def _terms(word: str, language: str | None) -> tuple[str, ...]:
    """The terms of a word: a text has most of its words many times."""
    terms = with_parts(word)
    if language is None:
        return tuple(terms)
    stemmed = _STEMMERS[language]
    stems = (stemmed(t) if t.replace("'", "").isalpha() and t.isascii() else t for t in terms)
    return tuple(dict.fromkeys(stems))
