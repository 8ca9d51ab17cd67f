"""Cutting text by the regular expressions of a pre-tokeniser, as llama.cpp's engine does.

Patterns are written as the models publish them: `\\p{L}` and the like for general categories,
`\\s` for Unicode's white space. Python's `re` has no categories, and classes of thousands of
code points are slow to match. So ASCII is matched with the few characters of it that are in a
class, and in other text each character outside ASCII is first replaced by one of 128 that
stand for the classes it is in: the cuts are at the same places.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import lru_cache
from itertools import accumulate, pairwise

from abi.tokenizer._scripts import SCRIPTS
from abi.tokenizer._unicode import WHITESPACE, char_class

__all__ = ["DIGITS_FROM_THE_RIGHT", "THREES_FROM_THE_RIGHT", "split"]

DIGITS_FROM_THE_RIGHT = "numbers in threes from the right"
THREES_FROM_THE_RIGHT = "0-9 in threes from the right"

_TOKEN = re.compile(r"\\p\{([^}]+)\}|\\.|\[\^?|.", re.S)
_ASCII_BLANKS = r"\t-\r "
_THREES = re.compile("[0-9]+")
_MOST_CHARS = 1 << 16


def split(text: str, patterns: tuple[str, ...]) -> list[str]:
    """Pieces of a text: the first pattern cuts it, the next each piece of that, and so on.

    What a pattern does not match is a piece as well, so that the pieces joined are the text.
    """
    words = [text]
    for pattern in patterns:
        cut = _SPECIAL.get(pattern) or _compiled(pattern).cut
        words = [piece for word in words for piece in cut(word)]
    return words


class _Pattern:
    """A pattern over ASCII, and over characters that stand for classes."""

    def __init__(self, pattern: str) -> None:
        names = sorted({m[1] or r"\s" for m in _TOKEN.finditer(pattern) if _is_class(m)})
        self._letters = _Letters(names)
        plain = {name: _inside(name, 0x7F) for name in names}
        self._ascii = re.compile("".join(_translated(pattern, plain)))
        wide = {name: plain[name] + self._letters.members(name) for name in names}
        self._wide = re.compile("".join(_translated(pattern, wide)))

    def cut(self, text: str) -> list[str]:
        """Matches, and what lies between them."""
        if text.isascii():
            words: list[str] = self._ascii.findall(text)
            if sum(map(len, words)) == len(text):
                return words
        elif len(text) == 1:
            return [text]
        else:
            standing = text.translate(self._letters)
            words = self._wide.findall(standing)
            if sum(map(len, words)) == len(text):
                ends = accumulate(map(len, words), initial=0)
                return [text[a:b] for a, b in pairwise(ends)]
        return list(self._cut_with_gaps(text))

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the matches are."""
        if text.isascii():
            return (match.span() for match in self._ascii.finditer(text))
        return (match.span() for match in self._wide.finditer(text.translate(self._letters)))

    def _cut_with_gaps(self, text: str) -> Iterator[str]:
        end = 0
        for start, stop in self.spans(text):
            if start > end:
                yield text[end:start]
            yield text[start:stop]
            end = stop
        if end < len(text):
            yield text[end:]


class _Letters(dict[int, str]):
    """What stands for each character, for `str.translate`; made as they come.

    Bit i of what is beyond U+0080 says whether a character is in the class of that number.
    """

    def __init__(self, names: list[str]) -> None:
        super().__init__()
        assert len(names) <= 7, "there are 128 characters to stand for classes"
        self._names = names
        self._tests = [re.compile(f"[{_inside(name, 0x10FFFF)}]") for name in names]

    def __missing__(self, code: int) -> str:
        if len(self) >= _MOST_CHARS:
            self.clear()
        char = chr(code)
        if code >= 0x80:
            found = (1 << i for i, test in enumerate(self._tests) if test.match(char))
            char = chr(0x80 + sum(found))
        self[code] = char
        return char

    def members(self, name: str) -> str:
        """Every character that stands for something in a class."""
        bit = 1 << self._names.index(name)
        return "".join(chr(0x80 + mask) for mask in range(128) if mask & bit)


def _numbers(text: str) -> Iterator[str]:
    """Each run of numbers in threes from its end; what is before a run stays with its first."""
    start = 0
    for first, last in _compiled(r"\p{N}+").spans(text):
        for stop in range(first + ((last - first) % 3 or 3), last + 1, 3):
            yield text[start:stop]
            start = stop
    if start < len(text):
        yield text[start:]


def _threes(text: str) -> Iterator[str]:
    """A cut wherever three, six, nine and so on of 0-9 follow and no more of them."""
    start = 0
    for match in _THREES.finditer(text):
        first, last = match.span()
        for stop in range(first + (last - first) % 3, last, 3):
            if stop > start:
                yield text[start:stop]
                start = stop
    if start < len(text):
        yield text[start:]


_SPECIAL: dict[str, Callable[[str], Iterator[str]]] = {
    DIGITS_FROM_THE_RIGHT: _numbers,
    THREES_FROM_THE_RIGHT: _threes,
}


@lru_cache(maxsize=None)
def _compiled(pattern: str) -> _Pattern:
    return _Pattern(pattern)


def _inside(name: str, last: int) -> str:
    """Inside of a regex class, all of it or what of it is in ASCII."""
    if name == r"\s":
        return _ASCII_BLANKS if last == 0x7F else WHITESPACE
    if name not in SCRIPTS:
        return char_class(name, last)
    return SCRIPTS[name] if last > 0x7F else re.sub(r"(\\[uU][0-9a-f]+-?)+", "", SCRIPTS[name])


def _is_class(token: re.Match[str]) -> bool:
    return bool(token[1]) or token[0] in (r"\s", r"\S")


def _translated(pattern: str, classes: dict[str, str]) -> Iterator[str]:
    inside = False
    for match in _TOKEN.finditer(pattern):
        part = match[0]
        if _is_class(match):
            chars = classes[match[1] or r"\s"]
            hat = "^" if part == r"\S" else ""
            # An empty class is a mistake to `re`, and matches nothing.
            yield chars if inside else f"[{hat}{chars}]" if chars else "(?!)"
            continue
        inside = part[0] == "[" or (inside and part != "]")
        yield part
