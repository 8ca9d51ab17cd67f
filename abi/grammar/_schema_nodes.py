"""JSON's own pieces as nodes: white space, strings and their characters, literal values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from abi.grammar import _charset
from abi.grammar._charset import CharSet
from abi.grammar._nodes import Builder, Node
from abi.grammar._numbers import DIGITS

__all__ = ["Json"]

_SHORT = {'"': '"', "\\": "\\", "\b": "b", "\f": "f", "\n": "n", "\r": "r", "\t": "t"}
_ESCAPED = _charset.union(_charset.of_text("".join(_SHORT)), ((0, 0x1F),))
_HEX = _charset.of_text("0123456789abcdefABCDEF")


class Json:
    """Makes the pieces.

    Parameters
    ----------
    make : Builder
    indent : int or None
        After `{ [ , :` and before `} ]` may stand nothing, a space, or a line break and up to
        this many spaces or tabs; None: nothing at all.
    """

    def __init__(self, make: Builder, indent: int | None) -> None:
        self._make = make
        self._spelled: dict[CharSet, Node] = {}
        self.quote = make.literal(b'"')
        self.space = make.empty
        if indent is not None:
            tabs = make.repeat(make.chars(_charset.of_text(" \t")), 0, indent)
            line = make.sequence([make.literal(b"\n"), tabs])
            self.space = make.choice([make.empty, make.literal(b" "), line])
        self.comma = make.sequence([make.literal(b","), self.space])
        self.colon = make.sequence([make.literal(b":"), self.space])
        self.any_char = self._any_char()

    def opened(self, bracket: bytes) -> Node:
        return self._make.sequence([self._make.literal(bracket), self.space])

    def closed(self, bracket: bytes) -> Node:
        return self._make.sequence([self.space, self._make.literal(bracket)])

    def spell(self, chars: CharSet) -> Node:
        """One character of a set as it stands in a string, each in one way: plain if it can."""
        if chars not in self._spelled:
            self._spelled[chars] = self._spell(chars)
        return self._spelled[chars]

    def _spell(self, chars: CharSet) -> Node:
        make = self._make
        options = [make.chars(_charset.difference(chars, _ESCAPED))]
        for low, high in _charset.intersection(chars, _ESCAPED):
            for point in range(low, high + 1):
                text = _SHORT.get(chr(point), f"u{point:04x}")
                options.append(make.literal(b"\\" + text.encode()))
        return make.choice([option for option in options if option is not make.never])

    def number(self, integer: bool) -> Node:
        """Any number; the exponent is small enough for a double to hold it."""
        make = self._make

        def one_of(chars: str) -> Node:
            return make.chars(_charset.of_text(chars))

        digit, minus = one_of("0123456789"), make.literal(b"-")
        large = make.sequence([one_of("123456789"), make.repeat(digit, 0, DIGITS - 1)])
        whole = make.choice([make.literal(b"0"), large])
        if integer:
            return make.choice([whole, make.sequence([minus, large])])
        after = make.sequence([make.literal(b"."), make.repeat(digit, 1, DIGITS)])
        hundreds = [make.sequence([make.literal(b"1"), digit, digit])]
        hundreds.append(make.sequence([make.literal(b"2"), one_of("01234567"), digit]))
        power = make.choice([make.repeat(digit, 1, 2), *hundreds])
        exponent = make.sequence([one_of("eE"), make.optional(one_of("+-")), power])
        parts = [make.optional(minus), whole, make.optional(after), make.optional(exponent)]
        return make.sequence(parts)

    def text(self, text: str) -> Node:
        """A string, quoted."""
        return self._make.literal(json.dumps(text, ensure_ascii=False).encode())

    def value(self, value: Any) -> Node:
        """A literal, as compact as `json.dumps` writes it, or with white space between."""
        make = self._make
        if isinstance(value, Mapping):
            parts = [[self.text(key), self.colon, self.value(v)] for key, v in value.items()]
            return self._listed(b"{", parts, b"}")
        if isinstance(value, list):
            return self._listed(b"[", [[self.value(part)] for part in value], b"]")
        return make.literal(json.dumps(value, ensure_ascii=False).encode())

    def _listed(self, opening: bytes, parts: list[list[Node]], closing: bytes) -> Node:
        make = self._make
        if not parts:
            return make.sequence([self.opened(opening), make.literal(closing)])
        inner = [node for part in parts for node in (self.comma, *part)][1:]
        return make.sequence([self.opened(opening), *inner, self.closed(closing)])

    def _any_char(self) -> Node:
        """Any character in any spelling; escapes of surrogates only as pairs."""
        make = self._make
        hexes = make.chars(_HEX)

        def digits(text: str) -> Node:
            return make.chars(_charset.of_text(text))

        pair_end = [make.literal(b"\\u"), digits("dD"), digits("cdefCDEF"), hexes, hexes]
        after_u = make.choice([
            make.sequence([digits("0123456789abcefABCEF"), hexes, hexes, hexes]),
            make.sequence([digits("dD"), digits("01234567"), hexes, hexes]),
            make.sequence([digits("dD"), digits("89abAB"), hexes, hexes, *pair_end]),
        ])  # fmt: skip
        escape = make.choice([digits('"\\/bfnrt'), make.sequence([make.literal(b"u"), after_u])])
        plain = make.chars(_charset.difference(_charset.ANY, _ESCAPED))
        return make.choice([plain, make.sequence([make.literal(b"\\"), escape])])
