"""The smallest pieces of GBNF: characters, literals, classes, tokens and counts."""

from __future__ import annotations

import re
from collections.abc import Callable

from abi.errors import InputError
from abi.grammar import _charset
from abi.grammar._charset import CharSet
from abi.grammar._nodes import Builder, Node

__all__ = ["Reader", "TokenId"]

TokenId = Callable[[str], int | None]

_MAX_COUNT = 1_000_000
_MAX_TOKEN = 2**32
_NO_NUL: CharSet = ((1, 0x10FFFF),)
_SPACE = re.compile(r"(?:[ \t]|#[^\r\n]*)*")
_SPACE_AND_LINES = re.compile(r"(?:[ \t\r\n]|#[^\r\n]*)*")
_COUNT = re.compile(r"\{S(\d+)S(?:(,)S(?:(\d+)S)?)?\}".replace("S", f"({_SPACE.pattern})"))
_COUNT_IN_GROUP = re.compile(_COUNT.pattern.replace(_SPACE.pattern, _SPACE_AND_LINES.pattern))
_HEX_DIGITS = {"x": 2, "u": 4, "U": 8}
_ESCAPES = {"t": "\t", "r": "\r", "n": "\n"} | {char: char for char in '\\"[]-'}


class Reader:
    """Where in a grammar's text reading stands."""

    def __init__(self, text: str, token_id: TokenId | None) -> None:
        self._text, self._token_id, self._pos = text, token_id, 0
        self._make = Builder()

    def _error(self, what: str, cure: str, pos: int | None = None) -> InputError:
        before = self._text[: self._pos if pos is None else pos]
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return InputError(f"grammar line {line}, column {column}: {what}; {cure}")

    def _peek(self) -> str:
        return self._text[self._pos : self._pos + 1]

    def _skip(self, lines: bool) -> None:
        match = (_SPACE_AND_LINES if lines else _SPACE).match(self._text, self._pos)
        self._pos = match.end() if match else self._pos

    def _counts(self, nested: bool) -> tuple[int, int | None]:
        match = (_COUNT_IN_GROUP if nested else _COUNT).match(self._text, self._pos)
        if match is None:
            raise self._error("malformed repetition", "write {2}, {2,} or {2,5}")
        low_text, comma, high_text = match[2], match[4], match[6]
        if any(len(digits) > 7 for digits in (low_text, high_text or "")):
            raise self._error("too many repetitions", f"at most {_MAX_COUNT} are counted")
        low = int(low_text)
        high = low if comma is None else int(high_text) if high_text else None
        if max(low, high or 0) > _MAX_COUNT:
            raise self._error("too many repetitions", f"at most {_MAX_COUNT} are counted")
        if high is not None and high < low:
            raise self._error(f"{{{low},{high}}} has its bounds exchanged", "put the lower first")
        self._pos = match.end()
        return low, high

    def _char(self) -> int:
        """One character, or an escape that stands for one."""
        char = self._peek()
        if not char:
            raise self._error("the grammar ends inside a literal or class", "close it")
        if char != "\\":
            self._pos += 1
            return ord(char)
        kind = self._text[self._pos + 1 : self._pos + 2]
        if kind in _HEX_DIGITS:
            size = _HEX_DIGITS[kind]
            digits = self._text[self._pos + 2 : self._pos + 2 + size]
            if not re.fullmatch(f"[0-9a-fA-F]{{{size}}}", digits) or int(digits, 16) > 0x10FFFF:
                raise self._error(
                    f"expected {size} hex digits of a character after \\{kind}, got {digits!r}",
                    "\\x takes 2, \\u 4 and \\U 8, up to 10FFFF",
                )
            self._pos += 2 + size
            return int(digits, 16)
        if kind not in _ESCAPES:
            shown = repr(kind)[1:-1]  # in one line
            raise self._error(
                f"unknown escape \\{shown}",
                'known are \\n \\r \\t \\" \\\\ \\[ \\] \\- \\x \\u \\U',
            )
        self._pos += 2
        return ord(_ESCAPES[kind])

    def _literal(self) -> Node:
        self._pos += 1
        parts = []
        while self._peek() != '"':
            start, point = self._pos, self._char()
            if point == 0 or 0xD800 <= point <= 0xDFFF:
                raise self._error(
                    f"U+{point:04X} cannot be written", "leave it out of the literal", start
                )
            parts.append(self._make.literal(chr(point).encode()))
        self._pos += 1
        return self._make.sequence(parts)

    def _char_class(self) -> Node:
        self._pos += 1
        negated = self._peek() == "^"
        self._pos += negated
        ranges: list[tuple[int, int]] = []
        while self._peek() != "]":
            start, low = self._pos, self._char()
            high = low
            if self._peek() == "-" and self._text[self._pos + 1 : self._pos + 2] != "]":
                self._pos += 1
                high = self._char()
            if high < low:
                raise self._error("this range is empty", "put the lower end first", start)
            ranges.append((low, high))
        self._pos += 1
        if not ranges:  # as in llama.cpp, `[]` and `[^]` match the empty text
            return self._make.empty
        chars = _charset.union(ranges)
        chars = _charset.invert(chars) if negated else chars
        return self._make.chars(_charset.intersection(chars, _NO_NUL))

    def _token(self) -> Node:
        start = self._pos
        negated = self._peek() == "!"
        match = re.compile(r"<\[(\d{1,10})\]>|<(?!\[)[^>]*>").match(self._text, start + negated)
        if match is None:
            raise self._error("malformed token", "write <[123]> or <text>, with ! to negate")
        self._pos = match.end()
        token = int(match[1]) if match[1] else self._token_by_text(match[0], start)
        if token >= _MAX_TOKEN:
            raise self._error(f"token id {token} is too large", "ids are below 2**32", start)
        return self._make.token(token, negated)

    def _token_by_text(self, text: str, pos: int) -> int:
        shown = repr(text)[1:-1]  # in one line
        if self._token_id is None:
            raise self._error(
                f"{shown} needs a vocabulary", "pass token_id, or write the id as <[123]>", pos
            )
        token = self._token_id(text)
        if token is None:
            raise self._error(
                f"{shown} is not one token of this vocabulary", "write the id as <[123]>", pos
            )
        return int(token)

    def _any_char(self) -> Node:
        self._pos += 1
        return self._make.chars(_charset.intersection(_charset.ANY, _NO_NUL))
