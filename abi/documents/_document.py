"""What readers give: blocks of text with their kind and place, and the document they make up."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from abi.errors import InputError

__all__ = ["Block", "Blocks", "Document", "Line", "block", "first_heading"]

Line = tuple[int, str]  # its 1-based number in the file, and its text

_SURROGATES = re.compile("[\ud800-\udfff]")
_MOST_BLOCKS = 1_000_000
_MOST_TEXT = 1 << 28  # characters


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of a document that belongs together.

    Markup is reduced to its text. Where the format has lines, line `i` of the text (from 0) is
    from line `line + i` of the file, or from `lines[i]` if there are `lines`.
    """

    text: str
    kind: str  # "heading", "paragraph", "code", "list", "table" or "quote"
    level: int = 0  # of a heading, from 1
    line: int | None = None  # 1-based line of the file that it begins at
    page: int | None = None  # 1-based page, in PDF
    section: int | None = None  # 1-based chapter, in EPUB
    lines: tuple[int, ...] = ()  # of the lines of the text, unless one follows the other

    def line_at(self, offset: int) -> int | None:
        """The line of the file that a character of the text is from."""
        return self.line_of(self.text.count("\n", 0, offset))

    def line_of(self, row: int) -> int | None:
        """The line of the file that a line of the text is from, counted from 0."""
        if self.line is None:
            return None
        return self.lines[row] if row < len(self.lines) else self.line + row


@dataclass(frozen=True)
class Document:
    """A file as text with structure."""

    title: str | None  # of the front matter or metadata, else the first heading
    blocks: Sequence[Block]
    meta: Mapping[str, Any] = field(default_factory=dict)  # plain JSON values, `format` among them


class Blocks(list[Block]):
    """The blocks of a document as they are found, with a limit on what a file may grow to."""

    def __init__(self) -> None:
        super().__init__()
        self._size = 0

    def add(self, found: Block | None) -> None:
        """Append a block, unless it is none or has nothing but spaces."""
        if found is None or not found.text.strip():
            return
        if not found.text.isascii() and _SURROGATES.search(found.text):
            found = block_with_text(found, _SURROGATES.sub("\ufffd", found.text))
        self._size += len(found.text)
        if len(self) >= _MOST_BLOCKS or self._size > _MOST_TEXT:
            raise InputError(
                f"the document has more than {_MOST_BLOCKS:,} blocks or {_MOST_TEXT:,} characters; "
                "split the file"
            )
        self.append(found)

    def add_all(self, found: Iterable[Block]) -> None:
        for one in found:
            self.add(one)


def block_with_text(old: Block, text: str) -> Block:
    return Block(text, old.kind, old.level, old.line, old.page, old.section, old.lines)


def block(lines: Sequence[Line], kind: str, level: int = 0) -> Block | None:
    """A block of lines of the file, without blank ones around; None if nothing is left."""
    first, last = 0, len(lines)
    while first < last and not lines[first][1].strip():
        first += 1
    while first < last and not lines[last - 1][1].strip():
        last -= 1
    if first == last:
        return None
    kept = lines[first:last]
    start = kept[0][0]
    follow = all(number == start + i for i, (number, _) in enumerate(kept))
    numbers = () if follow else tuple(number for number, _ in kept)
    text = "\n".join(text.rstrip() for _, text in kept)
    return Block(text, kind, level, start, lines=numbers)


def first_heading(blocks: Iterable[Block]) -> str | None:
    """The text of the first heading, in one line."""
    for one in blocks:
        if one.kind == "heading":
            return " ".join(one.text.split()) or None
    return None
