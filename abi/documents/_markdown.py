"""Markdown: the block structure of CommonMark, with tables, front matter and footnotes.

Headings (ATX and setext), paragraphs, fenced and indented code, lists, quotes, tables; HTML is
reduced to its text, link definitions and rules are left out. A list or a quote is one block, with
all that is nested in it: its text keeps the markers of items and their indent. Left out: what lazy
continuation does beyond one level of nesting.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from abi.documents._document import Blocks, Document, Line, block, first_heading
from abi.documents._encoding import lines_of, text_of
from abi.documents._front import front_matter
from abi.documents._html import blocks_of
from abi.documents._inline import label_of, plain
from abi.documents._markdown_lines import (
    CLOSES,
    FENCE,
    ITEM,
    cells,
    closes_fence,
    dedent,
    delimits,
    end_of_html,
    heading_of,
    indent_of,
    interrupts,
    is_rule,
    same_list,
    starts_html,
    untabbed,
)

__all__ = ["markdown_blocks", "read_markdown"]

_DEFINITION = re.compile(r" {0,3}\[(?!\^)((?:[^\[\]\\]|\\.){1,999})\]:[ \t]*\S*")
_TITLE_LINE = re.compile(r"""[ \t]+(?:"[^"]*"|'[^']*'|\([^()]*\))[ \t]*$""")
_SETEXT = re.compile(r" {0,3}(=+|-+)[ \t]*$")
_QUOTE = re.compile(r"(?: {0,3}> ?)+")


def read_markdown(data: bytes, name: str) -> Document:
    """Blocks with their lines; the title is of the front matter, else the first heading."""
    text, encoding = text_of(data, name)
    lines = lines_of(text)
    meta, taken = front_matter(lines)
    blocks = markdown_blocks(lines[taken:])
    given = meta.get("title")
    title = given if isinstance(given, str) and given else first_heading(blocks)
    return Document(title, blocks, {**meta, "format": "markdown", "encoding": encoding})


def markdown_blocks(lines: Sequence[Line]) -> Blocks:
    """The blocks of lines of Markdown."""
    return _Parser(lines).run()


class _Parser:
    def __init__(self, lines: Sequence[Line]) -> None:
        self.lines = [(number, untabbed(text)) for number, text in lines]
        self.labels = {label_of(m[1]) for _, text in lines if (m := _DEFINITION.match(text))}
        self.blocks = Blocks()
        self.held: list[Line] = []  # of a paragraph that may go on
        self.at = 0
        self.comments = True  # whether one may still be closed

    def run(self) -> Blocks:
        while self.at < len(self.lines):
            text = self.lines[self.at][1]
            if not text.strip():
                self.flush()
                self.at += 1
            elif not self.special(text):
                self.held.append(self.lines[self.at])
                self.at += 1
        self.flush()
        return self.blocks

    def special(self, text: str) -> bool:
        """Take what begins at a line, if it is no line of a paragraph."""
        if indent_of(text) >= 4:
            return not self.held and self.indented()
        first = text.lstrip(" ")[0]
        if self.held and ((first in "=-" and self.setext(text)) or self.table(text)):
            return True
        return (
            (first in "`~" and self.fence(text))
            or (first == "#" and self.heading(text))
            or (first in "*-_" and self.rule(text))
            or (first == ">" and self.quote())
            or (first in "-+*0123456789" and self.items(text))
            or (first == "<" and self.html(text))
            or (first == "[" and not self.held and self.definition(text))
        )

    def flush(self, kind: str = "paragraph", level: int = 0) -> None:
        held, self.held = self.held, []
        if held:
            stripped = [(number, text.strip()) for number, text in held]
            self.blocks.add(block(self.reduced(stripped), kind, level))

    def reduced(self, lines: Sequence[Line]) -> list[Line]:
        """Lines without inline markup: it may go over line ends."""
        text = plain("\n".join(text for _, text in lines), self.labels)
        return [(number, text) for (number, _), text in zip(lines, text.split("\n"), strict=True)]

    def take(self, end: int) -> list[Line]:
        """The lines up to one, ending the paragraph before them."""
        self.flush()
        taken, self.at = self.lines[self.at : end], end
        return taken

    def indented(self) -> bool:
        end = last = self.at
        while end < len(self.lines) and (indent_of(self.lines[end][1]) >= 4 or
                                         not self.lines[end][1].strip()):  # fmt: skip
            end += 1
            last = end if self.lines[end - 1][1].strip() else last
        self.blocks.add(block(dedent(self.take(last), 4), "code"))
        return True

    def fence(self, text: str) -> bool:
        match = FENCE.match(text)
        if not match:
            return False
        end = self.at + 1
        while end < len(self.lines) and not closes_fence(match, self.lines[end][1]):
            end += 1
        inside = self.take(end)[1:]
        self.at = min(end + 1, len(self.lines))
        self.blocks.add(block(dedent(inside, indent_of(text)), "code"))
        return True

    def heading(self, text: str) -> bool:
        found = heading_of(text)
        if found is None:
            return False
        number = self.lines[self.at][0]
        self.take(self.at + 1)
        self.blocks.add(block(self.reduced([(number, found[1])]), "heading", found[0]))
        return True

    def setext(self, text: str) -> bool:
        match = _SETEXT.match(text)
        if not match:
            return False
        self.flush("heading", 1 if match[1][0] == "=" else 2)
        self.at += 1
        return True

    def rule(self, text: str) -> bool:
        if not is_rule(text):
            return False
        self.take(self.at + 1)
        return True

    def quote(self) -> bool:
        end, lazy = self.at, False
        while end < len(self.lines):
            text = self.lines[end][1]
            marked = _QUOTE.match(text)
            if not marked and (not lazy or not text.strip() or interrupts(text, True)):
                break
            lazy = bool(text[marked.end() :].strip()) if marked else True
            end += 1
        taken = [(number, _unquoted(text)) for number, text in self.take(end)]
        self.blocks.add(block(self.nested(taken), "quote"))
        return True

    def items(self, text: str) -> bool:
        match = ITEM.match(text)
        if not match or (self.held and not (match[3] and match[2] in ("-", "+", "*", "1.", "1)"))):
            return False
        width = match.end(2) + 1
        self.blocks.add(block(self.nested(self.take(self.end_of_list(match[2], width))), "list"))
        return True

    def end_of_list(self, marker: str, width: int) -> int:
        end, blank, fence = self.at + 1, False, None
        last = end
        while end < len(self.lines):
            text = self.lines[end][1]
            if not text.strip():
                end, blank = end + 1, True
                continue
            inside = indent_of(text) >= width
            fence = None if fence and not inside else fence
            if not inside and not same_list(marker, text) and (blank or interrupts(text, True)):
                break
            if fence:
                fence = None if closes_fence(fence, text.strip()) else fence
            elif inside:
                fence = FENCE.match(text.strip())
            end, blank = end + 1, False
            last = end
        return last

    def nested(self, lines: Sequence[Line]) -> list[Line]:
        """What is in a list or quote: code as it stands, inline markup reduced in the rest."""
        out: list[Line] = []
        held: list[Line] = []
        fence = None
        for number, text in lines:
            bare = text.strip()
            opens = FENCE.match(ITEM.sub(r"\3", bare, count=1)) if fence is None else None
            if fence is not None or opens or not bare or ITEM.match(bare):
                out += self.reduced(held) if held else []
                held = []
            if fence is not None:
                if closes_fence(fence, bare):
                    fence = None
                else:
                    out.append((number, text))
            elif opens:
                fence = opens
            else:
                found = heading_of(bare)
                held.append((number, found[1] if found else text))
        return out + (self.reduced(held) if held else [])

    def html(self, text: str) -> bool:
        kind = starts_html(text, bool(self.held))
        if kind is None or (kind == CLOSES and not self.comments):
            return False
        end = end_of_html(kind, self.lines, self.at)
        if kind == CLOSES and end is None:
            self.comments = False
            return False
        taken = self.take(end or len(self.lines))
        self.blocks.add_all(blocks_of("\n".join(text for _, text in taken), taken[0][0]))
        return True

    def definition(self, text: str) -> bool:
        if not _DEFINITION.match(text):
            return False
        self.at += 1
        if self.at < len(self.lines) and _TITLE_LINE.match(self.lines[self.at][1]):
            self.at += 1
        return True

    def table(self, text: str) -> bool:
        columns = delimits(text)
        if not columns or len(cells(self.held[-1][1])) != columns:
            return False
        head = self.held.pop()
        self.flush()
        end = self.at + 1
        while end < len(self.lines) and self.lines[end][1].strip():
            if interrupts(self.lines[end][1]):
                break
            end += 1
        rows = [head, *self.take(end)[1:]]
        self.blocks.add(block([self.row(number, text) for number, text in rows], "table"))
        return True

    def row(self, number: int, text: str) -> Line:
        reduced = (plain(cell, self.labels).strip() for cell in cells(text))
        return number, " | ".join(reduced)


def _unquoted(text: str) -> str:
    marked = _QUOTE.match(text)
    return text[marked.end() :] if marked else text
