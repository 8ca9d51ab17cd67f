"""EPUB: the chapters of its spine in order, read as HTML; the title and so on of its package.

A zip file: `META-INF/container.xml` names the package, whose manifest has the files and whose
spine their order. Blocks have no lines but the number of their chapter.
"""

from __future__ import annotations

import posixpath
from typing import Any
from urllib.parse import unquote

from abi.documents._document import Block, Blocks, Document, first_heading
from abi.documents._encoding import declared, decode
from abi.documents._html import page_of
from abi.documents._zip import Archive, parse_xml
from abi.errors import FormatError, UnsupportedError

__all__ = ["read_epub"]

_CONTAINER = "META-INF/container.xml"
_ENCRYPTION = "META-INF/encryption.xml"
_ABOUT = {"title": "title", "creator": "author", "language": "language", "publisher": "publisher",
          "date": "date", "identifier": "identifier"}  # fmt: skip
_PAGES = ("application/xhtml+xml", "text/html", "application/xml", "")
_MOST_CHAPTERS = 10_000


def read_epub(data: bytes, name: str) -> Document:
    """Blocks with the numbers of their chapters as `section`."""
    archive = Archive(data, name)
    package = _Package(archive, name)
    locked = _references(archive, name) if _ENCRYPTION in archive else set()
    blocks = Blocks()
    for number, part in enumerate(package.chapters(), 1):
        if part in locked:
            raise UnsupportedError(f"{name}: {part} is encrypted (DRM); expected an open EPUB")
        if part in archive:
            page = archive.read(part)
            for found in page_of(decode(page, declared(page)).text).blocks:
                blocks.add(Block(found.text, found.kind, found.level, section=number))
    title = package.meta.pop("title", None) or first_heading(blocks)
    return Document(title, blocks, {**package.meta, "format": "epub"})


class _Package:
    """The package document: metadata, manifest and spine."""

    def __init__(self, archive: Archive, name: str) -> None:
        self.name = name
        self.path = _package_path(archive, name)
        self.meta: dict[str, Any] = {}
        self.items: dict[str, tuple[str, str]] = {}  # id -> path, media type
        self.spine: list[str] = []
        self._about = ""
        self._text: list[str] = []
        data = archive.read(self.path)
        parse_xml(data, name, self.path, start=self._start, end=self._end, text=self._text.append)

    def chapters(self) -> list[str]:
        """The parts of the spine in order, each once."""
        if len(self.spine) > _MOST_CHAPTERS:
            raise FormatError(f"more than {_MOST_CHAPTERS} chapters", source=self.name)
        known = (self.items[one] for one in self.spine if one in self.items)
        return list(dict.fromkeys(path for path, kind in known if kind in _PAGES))

    def _start(self, tag: str, found: dict[str, str]) -> None:
        self._about = _ABOUT.get(tag, "")
        self._text.clear()
        if tag == "item" and "id" in found and "href" in found:
            path = posixpath.join(posixpath.dirname(self.path), unquote(found["href"]))
            self.items[found["id"]] = posixpath.normpath(path), found.get("media-type", "")
        elif tag == "itemref" and "idref" in found:
            self.spine.append(found["idref"])

    def _end(self, tag: str) -> None:
        value = " ".join("".join(self._text).split())[:1000]
        if self._about and value:
            self.meta.setdefault(self._about, value)
        self._about = ""
        self._text.clear()


def _package_path(archive: Archive, name: str) -> str:
    found: list[str] = []

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "rootfile" and "full-path" in attributes:
            found.append(attributes["full-path"])

    _parse(archive, name, _CONTAINER, start)
    if not found:
        raise FormatError("names no package (rootfile)", field=_CONTAINER, source=name)
    return found[0]


def _references(archive: Archive, name: str) -> set[str]:
    """The parts that are said to be encrypted."""
    found: set[str] = set()

    def start(tag: str, attributes: dict[str, str]) -> None:
        if tag == "CipherReference":
            found.add(posixpath.normpath(unquote(attributes.get("URI", ""))))

    _parse(archive, name, _ENCRYPTION, start)
    return found


def _parse(archive: Archive, name: str, part: str, start: Any) -> None:
    data = archive.read(part)
    parse_xml(data, name, part, start=start, end=lambda _: None, text=lambda _: None)
