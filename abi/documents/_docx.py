"""DOCX: paragraphs, headings, lists, tables and quotes, straight from its WordprocessingML.

A zip file: `word/document.xml` has the text, `word/styles.xml` what its styles are, and
`docProps/core.xml` title and author. Deleted text, field codes and the second form of what is
drawn are left out. Blocks have no lines.
"""

from __future__ import annotations

import re
from typing import Any

from abi.documents._document import Block, Blocks, Document, first_heading
from abi.documents._zip import Archive, parse_xml
from abi.errors import FormatError

__all__ = ["read_docx"]

_DOCUMENT = "word/document.xml"
_STYLES = "word/styles.xml"
_CORE = "docProps/core.xml"
_NOTES = ("word/footnotes.xml", "word/endnotes.xml")
_ABOUT = {"title": "title", "creator": "author", "language": "language", "subject": "subject"}
_HEADING = re.compile(r"(?:heading|title|subtitle)\s*([1-9])?$", re.I)
_LEFT_OUT = frozenset({"Fallback", "instrText", "delText", "del", "moveFrom"})
_BREAKS = {"tab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}


def read_docx(data: bytes, name: str) -> Document:
    """Blocks of the body, then of foot- and endnotes."""
    archive = Archive(data, name)
    if _DOCUMENT not in archive:
        raise FormatError("a zip file without a document; expected DOCX", field=_DOCUMENT)
    styles = _Styles()
    if _STYLES in archive:
        parse_xml(archive.read(_STYLES), name, _STYLES,
                  start=styles.start, end=lambda _: None, text=lambda _: None)  # fmt: skip
    blocks = Blocks()
    for part in (_DOCUMENT, *_NOTES):
        if part in archive:
            body = _Body(styles.kinds, blocks)
            parse_xml(archive.read(part), name, part,
                      start=body.start, end=body.end, text=body.text)  # fmt: skip
            body.end_list()
    about = _Core()
    if _CORE in archive:
        parse_xml(archive.read(_CORE), name, _CORE,
                  start=about.start, end=about.end, text=about.parts.append)  # fmt: skip
    title = about.meta.pop("title", None) or first_heading(blocks)
    return Document(title, blocks, {**about.meta, "format": "docx"})


class _Styles:
    """What kind of block each style makes: a heading's level, 0 for a quote or -1 for a list."""

    def __init__(self) -> None:
        self.kinds: dict[str, int] = {}
        self._style = ""

    def start(self, tag: str, found: dict[str, str]) -> None:
        value = found.get("val", "")
        if tag == "style":
            self._style = found.get("styleId", "") if found.get("type") == "paragraph" else ""
        elif tag == "name" and self._style:
            if match := _HEADING.match(value):
                self.kinds[self._style] = int(match[1] or 1)
            elif "quote" in value.lower():
                self.kinds[self._style] = 0
            elif value.lower().startswith("list"):
                self.kinds[self._style] = -1
        elif tag == "outlineLvl" and self._style and value in tuple("012345678"):
            self.kinds.setdefault(self._style, int(value) + 1)


class _Body:
    """Collects the blocks of a part as its elements come."""

    def __init__(self, kinds: dict[str, int], blocks: Blocks) -> None:
        self.kinds, self.blocks = kinds, blocks
        self.words: list[str] = []
        self.style: int | None = None  # of the paragraph, as `kinds` has it
        self.items: list[str] = []
        self.rows: list[str] = []
        self.cells: list[list[str]] = []
        self.tables = self.skipped = 0
        self.reads = False  # inside an element of text

    def start(self, tag: str, found: dict[str, str]) -> None:
        if tag in _LEFT_OUT or self.skipped:
            self.skipped += 1
        elif tag == "t":
            self.reads = True
        elif tag in _BREAKS:
            self.words.append(_BREAKS[tag])
        elif tag == "p":
            self.paragraph()
        elif tag == "pStyle":
            self.style = self.kinds.get(found.get("val", ""))
        elif tag == "numPr" and self.style is None:
            self.style = -1
        elif tag == "tbl":
            self.paragraph()
            self.end_list()
            self.tables += 1
        elif tag == "tc" and self.tables == 1:
            self.cells.append([])

    def text(self, text: str) -> None:
        if self.reads and not self.skipped:
            self.words.append(text)

    def end(self, tag: str) -> None:
        if self.skipped:
            self.skipped -= 1
        elif tag == "t":
            self.reads = False
        elif tag == "p":
            self.paragraph()
        elif tag == "tr" and self.tables == 1:
            self.rows.append(" | ".join(" ".join(cell) for cell in self.cells))
            self.cells = []
        elif tag == "tbl":
            self.tables -= 1
            if not self.tables:
                self.blocks.add(Block("\n".join(self.rows), "table"))
                self.rows = []

    def paragraph(self) -> None:
        """End a paragraph: it goes into a cell, a list, or a block of its own."""
        text, style = "".join(self.words).strip(), self.style
        self.words, self.style = [], None
        if not text:
            return
        if self.tables:
            if self.cells:
                self.cells[-1].append(" ".join(text.split()))
            return
        if style == -1:
            self.items.append(f"- {text}")
            return
        self.end_list()
        kind = "paragraph" if style is None else "heading" if style else "quote"
        self.blocks.add(Block(text, kind, style or 0))

    def end_list(self) -> None:
        items, self.items = self.items, []
        if items:
            self.blocks.add(Block("\n".join(items), "list"))


class _Core:
    """Title, author and so on."""

    def __init__(self) -> None:
        self.meta: dict[str, Any] = {}
        self.parts: list[str] = []

    def start(self, tag: str, found: dict[str, str]) -> None:
        self.parts.clear()

    def end(self, tag: str) -> None:
        value = " ".join("".join(self.parts).split())[:1000]
        if value and tag in _ABOUT:
            self.meta.setdefault(_ABOUT[tag], value)
        self.parts.clear()
