"""The syntax of ECMA-262 patterns."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from abi.errors import InputError
from abi.grammar import _charset
from abi.grammar._charset import CharSet

__all__ = ["Tree", "parse_pattern"]

_MAX_DEPTH = 50
_MAX_LENGTH = 10_000
_MAX_COUNT = 100_000
_QUANTIFIER = re.compile(r"[*+?]|\{(\d{1,7})(?:(,)(\d{1,7})?)?\}")
_BOUNDS = {"*": (0, None), "+": (1, None), "?": (0, 1)}
_CONTROLS = {"t": 9, "n": 10, "v": 11, "f": 12, "r": 13, "0": 0}
_LINE_FEED = _charset.of_text("\n")
_LINE_ENDS = _charset.of_text("\n\r\u2028\u2029")
_ASCII = {
    "d": _charset.of_text("0123456789"),
    "w": _charset.union([(48, 57), (65, 90), (95, 95), (97, 122)]),
    "s": _charset.of_text(" \t\n\v\f\r\u00a0\u1680\u2028\u2029\u202f\u205f\u3000")
    + _charset.union([(0x2000, 0x200A)]),
}


@dataclass(frozen=True)
class Tree:
    """A parsed pattern: "chars", "cat", "either", "repeat", "start", "end" or "look"."""

    kind: str
    parts: tuple[Tree, ...] = ()
    chars: CharSet = ()
    low: int = 0
    high: int | None = None
    negated: bool = False
    kinds: frozenset[str] = field(init=False, compare=False)  # its own and those of its parts

    def __post_init__(self) -> None:
        kinds = {self.kind}.union(*(part.kinds for part in self.parts))
        object.__setattr__(self, "kinds", frozenset(kinds))


@lru_cache(maxsize=None)
def _unicode(kind: str) -> CharSet:
    """What the class holds where it goes by Unicode instead of ASCII, both together."""
    runs = re.finditer({"d": r"\d+", "w": r"\w+", "s": "[\\s\ufeff]+"}[kind], _every_character())
    return _charset.union(((run.start(), run.end() - 1) for run in runs), _ASCII[kind])


def _every_character() -> str:
    points = np.arange(0x110000, dtype="<u4")
    return points.tobytes().decode("utf-32-le", "surrogatepass")


def class_escape(kind: str, wide: bool) -> CharSet:
    """`\\d` and the like: what all readings hold, or what any of them holds."""
    lower = kind.lower()
    if kind == lower:
        return _unicode(kind) if wide else _charset.union(_ASCII[kind])
    return _charset.invert(class_escape(lower, not wide))


def parse_pattern(pattern: str, *, wide: bool = False) -> Tree:
    """The tree of a pattern.

    Parameters
    ----------
    pattern : str
    wide : bool
        Take each construct as the reading that matches most, instead of least; inside of a
        negative lookahead it is the other way round.

    Raises
    ------
    InputError
        If it is malformed, or holds what is not supported.
    """
    if len(pattern) > _MAX_LENGTH:
        raise InputError(f"the pattern has {len(pattern)} characters, at most {_MAX_LENGTH}")
    return _Parser(pattern, wide).parse()


class _Parser:
    def __init__(self, pattern: str, wide: bool) -> None:
        self._text, self._pos, self._depth, self._wide = pattern, 0, 0, wide

    def parse(self) -> Tree:
        tree = self._either()
        if self._pos < len(self._text):
            raise self._error("unbalanced ')'")
        return tree

    def _error(self, what: str) -> InputError:
        return InputError(f"{what} at character {self._pos + 1}")

    def _peek(self, size: int = 1) -> str:
        return self._text[self._pos : self._pos + size]

    def _take(self, text: str) -> bool:
        found = self._text.startswith(text, self._pos)
        self._pos += len(text) * found
        return found

    def _either(self) -> Tree:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Tree("either", tuple(options))

    def _sequence(self) -> Tree:
        parts: list[Tree] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._quantified(self._atom()))
        return parts[0] if len(parts) == 1 else Tree("cat", tuple(parts))

    def _quantified(self, tree: Tree) -> Tree:
        match = _QUANTIFIER.match(self._text, self._pos)
        if match is None:
            return tree
        if match[1] is None:
            low, high = _BOUNDS[match[0]]
        else:
            low = int(match[1])
            high = low if match[2] is None else int(match[3]) if match[3] else None
        if max(low, high or 0) > _MAX_COUNT or (high is not None and high < low):
            raise self._error(f"the quantifier {match[0]} is empty or above {_MAX_COUNT}")
        self._pos = match.end()
        self._take("?")
        if self._peek() in ("*", "+", "?") and self._peek():
            raise self._error("there is nothing to repeat")
        return Tree("repeat", (tree,), low=low, high=high)

    def _atom(self) -> Tree:
        char = self._peek()
        if char in "*+?" or (char == "{" and _QUANTIFIER.match(self._text, self._pos)):
            raise self._error("there is nothing to repeat")
        self._pos += 1
        if char == "(":
            return self._group()
        if char == "[":
            return Tree("chars", chars=self._class())
        if char == "\\":
            return Tree("chars", chars=self._escape(wide=self._wide, in_class=False))
        if char == "^":
            return Tree("start")
        if char == "$":  # Python has it before a last line feed too
            return Tree("end", chars=_LINE_FEED if self._wide else ())
        if char == ".":
            return Tree("chars", chars=_charset.invert(_LINE_FEED if self._wide else _LINE_ENDS))
        return Tree("chars", chars=self._point(ord(char)))

    def _group(self) -> Tree:
        self._depth += 1
        if self._depth > _MAX_DEPTH:
            raise self._error(f"groups nest more than {_MAX_DEPTH} deep")
        look = {"?=": False, "?!": True}.get(self._peek(2))
        if look is not None:
            self._pos += 2
        elif self._peek() == "?" and not self._take("?:"):
            match = re.compile(r"\?<[A-Za-z_$][\w$]*>").match(self._text, self._pos)
            if match is None:
                raise self._error(f"'({self._peek(3)}' is not supported")
            self._pos = match.end()
        self._wide ^= look is True
        inner = self._either()
        self._wide ^= look is True
        if not self._take(")"):
            raise self._error("a group is not closed")
        self._depth -= 1
        return inner if look is None else Tree("look", (inner,), negated=look)

    def _class(self) -> CharSet:
        negated = self._take("^")
        found: list[CharSet] = []
        while not self._take("]"):
            low, single = self._member(self._wide != negated)
            if single and self._peek() == "-" and self._peek(2) != "-]":
                self._pos += 1
                high, also_single = self._member(self._wide != negated)
                if not also_single or high[0][0] < low[0][0]:
                    raise self._error("a range of a class is malformed")
                low = _charset.union([(low[0][0], high[0][0])])
            found.append(low)
        chars = _charset.union(*found)
        return _charset.invert(chars) if negated else chars

    def _member(self, wide: bool) -> tuple[CharSet, bool]:
        """Characters, and whether it is one that can bound a range."""
        char = self._peek()
        if not char:
            raise self._error("a class is not closed")
        self._pos += 1
        if char != "\\":
            return self._point(ord(char)), True
        is_class = self._peek() != "" and self._peek() in "dDwWsS"
        return self._escape(wide=wide, in_class=True), not is_class

    def _escape(self, wide: bool, in_class: bool) -> CharSet:
        char = self._peek()
        if char and char in "dDwWsS":
            self._pos += 1
            return class_escape(char, wide)
        match = re.compile(
            r"x([0-9a-fA-F]{2})|u([dD][89abAB]..)\\u([dD][c-fC-F]..)|u([0-9a-fA-F]{4})"
            r"|u\{([0-9a-fA-F]{1,6})\}"
        ).match(self._text, self._pos)
        if match is not None:
            self._pos = match.end()
            return self._point(self._hex(match))
        letter = re.compile(r"c([A-Za-z])").match(self._text, self._pos)
        if letter is not None:
            self._pos = letter.end()
            return self._point(ord(letter[1]) % 32)
        self._pos += 1
        if char == "b" and in_class:
            return self._point(8)
        if char in _CONTROLS and not (char == "0" and self._peek().isdigit()):
            return self._point(_CONTROLS[char])
        if not char or (char.isalnum() and char.isascii()) or char == "_":
            raise self._error(f"the escape '\\{char}' is not supported")
        return self._point(ord(char))

    def _hex(self, match: re.Match[str]) -> int:
        try:
            if match[2]:
                high, low = int(match[2], 16), int(match[3], 16)
                return 0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00)
            return int(match[1] or match[4] or match[5], 16)
        except ValueError:
            raise self._error("malformed hex digits") from None

    def _point(self, point: int) -> CharSet:
        if point > 0x10FFFF or 0xD800 <= point <= 0xDFFF:
            raise self._error(f"U+{point:04X} is no character")
        return ((point, point),)
