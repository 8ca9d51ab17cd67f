"""The parts of a word that a searcher may look for: `max_size` has `max` and `size`."""

from __future__ import annotations

import re

from abi.text._characters import fold

__all__ = ["with_parts"]

_SEPARATORS = re.compile("[._']+")
_HANGUL = re.compile("[\uac00-\ud7a3]+")
# Over the kinds of the characters: U upper case, 0 digits, l others.
_HUMPS = re.compile("U+(?!l)0*|U?l+0*|0+")


def with_parts(word: str) -> list[str]:
    """The terms of a word that has no spaces in it: the whole, and parts of it, each once.

    Parts are what separators and humps of camel case divide, words without the digits that
    follow them, and pairs of neighbours in Korean, whose particles have no space before them.
    Single letters that an apostrophe or a hump leaves say nothing, and are left out.
    """
    whole = fold(word)
    terms = [whole] if whole.strip("_") else []
    quoted = "'" in word
    for piece in _SEPARATORS.split(word.rstrip("+#")):
        if len(piece) > 1 or (piece and not quoted):
            terms.append(fold(piece))
            terms += map(fold, _humps(piece))
    return list(dict.fromkeys(terms))


def _humps(piece: str) -> list[str]:
    """Parts of a piece without separators."""
    if piece.islower() and piece.isalpha():
        return []
    if _HANGUL.fullmatch(piece):
        return [piece[i : i + 2] for i in range(len(piece) - 1)]
    if len(piece) > 2 and piece[-1] == "s" and piece[:-1].isupper() and piece[:-1].isalpha():
        return [piece[:-1]]  # URLs
    kinds = "".join("U" if c.isupper() else "0" if c.isdigit() else "l" for c in piece)
    found: list[str] = []
    for match in _HUMPS.finditer(kinds):
        hump, digits = piece[slice(*match.span())], match.group().count("0")
        letters = len(hump) - digits
        if letters > 1:
            found.append(hump)
            if digits:
                found += [hump[:letters], hump[letters:]][: 1 + (digits > 1)]
    return found
