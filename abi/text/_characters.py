"""Kinds of characters that the tokeniser tells apart: marks, and scripts without spaces."""

from __future__ import annotations

import re
import unicodedata
from functools import cache

__all__ = ["UNSPACED", "fold", "is_unspaced", "marks"]

# Thai, Lao, Burmese, Khmer, Tai scripts, Javanese, Kana, Bopomofo, Han: letters, marks and digits
# of them, without their punctuation.
UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e50-\u0e59\u0e81-\u0ece\u0ed0-\u0edf"
    "\u1000-\u1049\u1050-\u109f\u1780-\u17d3\u17d7\u17dc-\u17e9"
    "\u1950-\u19d9\u1a20-\u1a9f\ua980-\ua9c0\ua9cf-\ua9d9\ua9e0-\ua9fe\uaa60-\uaadd"
    "\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff"
    "\u3105-\u312f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\uff66-\uff9f\U0001b000-\U0001b16f\U00020000-\U0003ffff"
)
_UNSPACED = re.compile(f"[{UNSPACED}]")
_ACCENTS = re.compile("[\u0300-\u036f]")
_LETTERS = str.maketrans(
    {
        "æ": "ae",
        "œ": "oe",
        "ø": "o",
        "ł": "l",
        "đ": "d",
        "ð": "d",
        "þ": "th",
        "ħ": "h",
        "ŧ": "t",
        "ı": "i",
    }
)


def is_unspaced(word: str) -> bool:
    """Whether a run begins with a character of a script without spaces."""
    return _UNSPACED.match(word) is not None


@cache
def marks() -> str:
    """Marks of all scripts, for a class of characters: `\\w` leaves them out.

    Looked up when they are needed first: that takes some milliseconds.
    """
    every = (chr(code) for code in range(0x300, 0x1F000))
    return "".join(c for c in every if unicodedata.category(c)[0] == "M")


def fold(word: str) -> str:
    """Without case, and without the accents of Latin, Greek and Cyrillic."""
    if word.isascii():
        return word.lower()
    apart = unicodedata.normalize("NFKD", word.casefold()).translate(_LETTERS)
    return unicodedata.normalize("NFC", _ACCENTS.sub("", apart))
