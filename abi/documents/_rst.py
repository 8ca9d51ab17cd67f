"""reStructuredText: sections, paragraphs, literal blocks, directives, lists, tables, fields.

After the specification of docutils. Levels of sections are told by the order in which adornments
come. Directives of code give code, images their description, others their content; comments,
targets, tables of contents and raw content are left out. Nothing is included.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from abi.documents._document import Blocks, Document, Line, block, first_heading
from abi.documents._encoding import lines_of, text_of
from abi.documents._markdown_lines import dedent, indent_of
from abi.documents._rst_inline import plain
from abi.documents._rst_tables import table_rows

__all__ = ["read_rst", "rst_blocks"]

_ADORNMENT = re.compile(r"([!-/:-@\[-`{-~])\1*$")
_DIRECTIVE = re.compile(r"\.\. +(?:\|[^|]{1,99}\| +)?([\w:.+-]{1,99}?)::(?:\s+(.*)|$)")
_EXPLICIT = re.compile(r"\.\.(?:\s|$)|__(?:\s|$)")
_FOOTNOTE = re.compile(r"\.\. +(\[[^\]]{1,99}\])\s*(.*)")
_FIELD = re.compile(r":((?:[^:\s\\]|\\.)(?:[^:\\]|\\.){0,99}):(?:\s+(.*)|$)")
_ITEM = re.compile(r"(?:[-*+•‣⁃]|\(?(?:[0-9]{1,9}|#|[A-Za-z]|[ivxlcdmIVXLCDM]{1,9})[.)])(?:\s+|$)")
_TABLE = re.compile(r"\+[-=+]{2,}\+\s*$|={2,}(?: +={2,})+\s*$")

_CODE = frozenset({"code", "code-block", "sourcecode", "highlight", "parsed-literal", "math",
                   "doctest", "testcode", "testoutput", "prompt", "productionlist"})  # fmt: skip
_LEFT_OUT = frozenset({"raw", "contents", "toctree", "include", "index", "meta", "sectnum",
                       "default-role", "role", "highlight", "currentmodule", "module"})  # fmt: skip
_DEEPEST = 12


def read_rst(data: bytes, name: str) -> Document:
    """Blocks with their lines; fields at the top are metadata, the first heading is the title."""
    text, encoding = text_of(data, name)
    parser = _Parser(lines_of(text))
    parser.run()
    meta = {**parser.meta, "format": "rst", "encoding": encoding}
    return Document(first_heading(parser.blocks), parser.blocks, meta)


def rst_blocks(lines: Sequence[Line]) -> Blocks:
    """The blocks of lines of reStructuredText."""
    parser = _Parser(lines)
    parser.run()
    return parser.blocks


class _Parser:
    """Reads lines at the indent of 0; what is indented is read by another, within `_DEEPEST`."""

    def __init__(self, lines: Sequence[Line], depth: int = 0, blocks: Blocks | None = None) -> None:
        self.lines = [(number, text.expandtabs(8).rstrip()) for number, text in lines]
        self.depth = depth
        self.blocks = Blocks() if blocks is None else blocks
        self.styles: list[tuple[str, bool]] = []
        self.meta: dict[str, Any] = {}
        self.at = 0

    def run(self) -> None:
        while self.at < len(self.lines):
            text = self.lines[self.at][1]
            if not text:
                self.at += 1
            elif text[0] == " ":
                self.inner(self.indented(self.at), "quote")
            elif not (self.depth == 0 and self.section(text)):
                self.body(text)

    def body(self, text: str) -> None:
        if _EXPLICIT.match(text):
            self.explicit(text)
        elif _TABLE.match(text) and (found := table_rows(self.lines, self.at)):
            rows, self.at = found
            self.blocks.add(block(self.reduced(rows), "table"))
        elif _FIELD.match(text):
            self.fields()
        elif _ITEM.match(text):
            self.items()
        elif text.startswith(">>>"):
            self.blocks.add(block(self.until_blank(), "code"))
        else:
            self.paragraph()

    def until_blank(self) -> list[Line]:
        start = self.at
        while self.at < len(self.lines) and self.lines[self.at][1]:
            self.at += 1
        return self.lines[start : self.at]

    def indented(self, start: int) -> list[Line]:
        """The lines from `start` on that are indented, or blank between such."""
        end = last = start
        while end < len(self.lines) and (not self.lines[end][1] or self.lines[end][1][0] == " "):
            end += 1
            last = end if self.lines[end - 1][1] else last
        self.at = max(last, self.at)
        return self.lines[start:last]

    def inner(self, lines: Sequence[Line], kind: str) -> None:
        """What is in an indented block: a quote, or the body of a directive."""
        bare = dedent(lines, _least_indent(lines))
        if kind == "quote" or self.depth >= _DEEPEST:
            self.blocks.add(block(self.reduced(bare), kind))
        else:
            _Parser(bare, self.depth + 1, self.blocks).run()

    def reduced(self, lines: Sequence[Line]) -> list[Line]:
        text = plain("\n".join(text for _, text in lines))
        return [(number, text) for (number, _), text in zip(lines, text.split("\n"), strict=True)]

    # -- sections ------------------------------------------------------------------------------

    def section(self, text: str) -> bool:
        """Take a title with its adornment, or a line across the page."""
        following = [text for _, text in self.lines[self.at + 1 : self.at + 3]] + ["", ""]
        line = _ADORNMENT.match(text)
        if line and following[0] and following[1] == text and len(text) > 1:
            self.title(self.at + 1, (line[1], True), 3)
        elif line and len(text) >= 4 and not following[0]:
            self.at += 1
        elif (under := _ADORNMENT.match(following[0])) and not line:
            if len(following[0]) < min(len(text), 4):
                return False
            self.title(self.at, (under[1], False), 2)
        else:
            return False
        return True

    def title(self, at: int, style: tuple[str, bool], taken: int) -> None:
        if style not in self.styles:
            self.styles.append(style)
        number, text = self.lines[at]
        level = self.styles.index(style) + 1
        self.blocks.add(block(self.reduced([(number, text.strip())]), "heading", level))
        self.at += taken

    # -- bodies --------------------------------------------------------------------------------

    def paragraph(self) -> None:
        lines = self.until_blank()
        literal = lines[-1][1].endswith("::")
        if literal:
            number, text = lines[-1]
            text = text[:-1] if len(text) > 2 and text[-3] != " " else text[:-2].rstrip()
            lines[-1] = (number, text)
        broken = next((i for i, (_, text) in enumerate(lines) if text.startswith("| ")), -1)
        if broken >= 0:
            lines = [(number, text.removeprefix("| ")) for number, text in lines]
        self.blocks.add(block(self.reduced(lines), "paragraph"))
        if literal:
            self.literal()

    def literal(self) -> None:
        """The code after `::`: what is indented, or what is quoted by one mark."""
        while self.at < len(self.lines) and not self.lines[self.at][1]:
            self.at += 1
        if self.at >= len(self.lines):
            return
        if self.lines[self.at][1][0] == " ":
            lines = self.indented(self.at)
            self.blocks.add(block(dedent(lines, _least_indent(lines)), "code"))
        elif _ADORNMENT.match(mark := self.lines[self.at][1][0]):
            start = self.at
            while self.at < len(self.lines) and self.lines[self.at][1].startswith(mark):
                self.at += 1
            self.blocks.add(block(self.lines[start : self.at], "code"))

    def items(self) -> None:
        """Items and what is indented below them, as one block."""
        start, last = self.at, self.at
        while self.at < len(self.lines):
            text = self.lines[self.at][1]
            goes_on = not text or text[0] == " " or self.at == last
            if not goes_on and (_EXPLICIT.match(text) or not _ITEM.match(text)):
                break  # after a blank line
            self.at += 1
            last = self.at if text else last
        self.at = last
        self.blocks.add(block(self.reduced(self.lines[start:last]), "list"))

    def fields(self) -> None:
        first = not self.blocks or all(one.kind == "heading" for one in self.blocks)
        lines = self.until_blank()
        if first and self.depth == 0:
            for _, text in lines:
                if match := _FIELD.match(text):
                    self.meta.setdefault(match[1].lower(), plain(match[2] or ""))
        else:
            self.blocks.add(block(self.reduced(lines), "list"))

    def explicit(self, text: str) -> None:
        """A directive, footnote, target or comment."""
        number = self.lines[self.at][0]
        self.at += 1
        body = self.indented(self.at)
        if match := _DIRECTIVE.match(text):
            self.directive(match[1].lower(), (number, match[2] or ""), body)
        elif match := _FOOTNOTE.match(text):
            first = (number, f"{match[1]} {match[2]}".strip())
            self.blocks.add(block(self.reduced([first, *dedent(body, 99)]), "paragraph"))

    def directive(self, name: str, argument: Line, body: list[Line]) -> None:
        body = dedent(body, _least_indent(body))
        options, content = _options(body)
        if name in _LEFT_OUT:
            return
        if name.rpartition(":")[2] in _CODE:
            self.blocks.add(block(content, "code"))
        elif name in ("image", "figure"):
            alt = [line for line in options if line[1].startswith(":alt:")]
            found = [(number, text[5:].strip()) for number, text in alt]
            self.blocks.add(block(found, "paragraph"))
            self.inner(content, "body")
        else:
            shown = self.reduced([argument])
            self.blocks.add(block(shown, "paragraph"))
            self.inner(content, "body")


def _least_indent(lines: Sequence[Line]) -> int:
    return min((indent_of(text) for _, text in lines if text), default=0)


def _options(lines: Sequence[Line]) -> tuple[list[Line], list[Line]]:
    """The options of a directive, and its content."""
    i = 0
    while i < len(lines) and (_FIELD.match(lines[i][1]) or (i and lines[i][1][:1] == " ")):
        i += 1
    return list(lines[:i]), list(lines[i:])
