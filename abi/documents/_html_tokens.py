"""HTML as a stream of texts and tags: what browsers do with well-formed and most broken markup.

Python's own `html.parser` takes the square of the input's length for some inputs in versions that
abi runs on. Here a search for an end that did not come is not made twice, so the time is linear.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Token", "attributes", "tokens", "unescape"]

_NAME = re.compile(r"</?([A-Za-z][^\s/>]{0,99})")
_ATTRIBUTE = re.compile(
    r"""[\s/]*([^\s/>=][^\s/>=]*)(?:\s*=\s*("[^"]*"|'[^']*'|[^\s>]*))?""",
)
_SPACE = re.compile(r"[\s/=]*")
_RAW = frozenset({"script", "style", "xmp", "iframe", "noembed", "noframes"})
_TEXTS = frozenset({"title", "textarea"})
_LONG_NUMBER = re.compile(r"&#[xX]?[0-9A-Fa-f]{9,};?")
_CDATA = "<![CDATA["


class Token(NamedTuple):
    """A text, or the start or end of an element."""

    kind: str  # "text", "raw" (a text without entities), "start", "end" or "empty"
    text: str  # or the element's name, in lower case
    at: int  # where it begins
    attributes: str = ""


def unescape(text: str) -> str:
    """Replace entities by what they stand for."""
    if "&" not in text:
        return text
    return html.unescape(_LONG_NUMBER.sub("\ufffd", text))


def attributes(text: str) -> dict[str, str]:
    """The attributes of a tag, their names in lower case; the first of a name counts."""
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        value = match[2] or ""
        if value[:1] in "\"'" and len(value) > 1 and value[-1] == value[0]:
            value = value[1:-1]
        found.setdefault(match[1].lower(), unescape(value))
    return found


def tokens(text: str) -> Iterator[Token]:
    """The tokens of a page, in order; comments and declarations are left out."""
    return _Scanner(text).run()


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text = text
        self.absent: set[str] = set()  # ends that do not come any more

    def run(self) -> Iterator[Token]:
        text, at, start = self.text, 0, 0
        while (at := text.find("<", at)) >= 0:
            end, token = self.markup(at)
            if end is None:
                at += 1  # a mere "<"
                continue
            if start < at:
                yield Token("text", text[start:at], start)
            start = at = end
            if token:
                yield token
                if token.kind == "start" and token.text in _RAW | _TEXTS:
                    inner, start = self.contents(token.text, end)
                    at = start
                    yield from inner
        if start < len(text):
            yield Token("text", text[start:], start)

    def markup(self, at: int) -> tuple[int | None, Token | None]:
        """Where what begins with "<" ends, and the token that it is; None if it is text."""
        text = self.text
        following = text[at + 1 : at + 2]
        if following == "!":
            return self.declaration(at)
        if following == "?":
            return self.end_of(">", at + 2), None
        match = _NAME.match(text, at)
        if not match:  # "</ x>" is a comment
            return (self.end_of(">", at + 2), None) if following == "/" else (None, None)
        end = _end_of_tag(text, match.end())
        inside = text[match.end() : end - 1]
        if following == "/":
            return end, Token("end", match[1].lower(), at)
        kind = "empty" if inside.endswith("/") else "start"
        return end, Token(kind, match[1].lower(), at, inside)

    def declaration(self, at: int) -> tuple[int | None, Token | None]:
        text = self.text
        if text.startswith("<!--", at):
            if text.startswith(("<!-->", "<!--->"), at):
                return text.index(">", at) + 1, None
            end = self.end_of("-->", at + 4)
            return (end, None) if end else (self.end_of(">", at + 4), None)
        if text.startswith(_CDATA, at) and (end := self.end_of("]]>", at)):
            return end, Token("raw", text[at + len(_CDATA) : end - 3], at + len(_CDATA))
        return self.end_of(">", at + 2), None

    def end_of(self, mark: str, at: int) -> int | None:
        """The place after the next `mark`."""
        if mark in self.absent:
            return None
        found = self.text.find(mark, at)
        if found < 0:
            self.absent.add(mark)
            return None
        return found + len(mark)

    def contents(self, name: str, at: int) -> tuple[list[Token], int]:
        """What is in an element that holds no tags, and where its end tag begins."""
        found = None
        if name not in self.absent:
            found = re.compile(rf"</{name}(?=[\s/>])", re.I).search(self.text, at)
        if found:
            end = found.start()
        else:
            self.absent.add(name)
            end = len(self.text) if name in _RAW else self.text.find("<", at)
            end = end if end >= 0 else len(self.text)
        return ([Token("text", self.text[at:end], at)] if name in _TEXTS else []), end


def _end_of_tag(text: str, at: int) -> int:
    """The place after a tag whose name ends at `at`: quoted values may hold ">"."""
    while at < len(text):
        spaces = _SPACE.match(text, at)
        at = spaces.end() if spaces else at
        if text.startswith(">", at):
            return at + 1
        match = _ATTRIBUTE.match(text, at)
        if not match:
            break
        at = match.end()
    return len(text)
