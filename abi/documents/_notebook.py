"""Jupyter notebooks: cells of Markdown, of code and of raw text, without outputs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from abi.documents._document import Block, Blocks, Document, first_heading
from abi.documents._encoding import lines_of, text_of
from abi.documents._json import parsed
from abi.documents._markdown import markdown_blocks
from abi.errors import FormatError

__all__ = ["read_notebook"]


def read_notebook(data: bytes, name: str) -> Document:
    """Cells in their order; blocks have no lines, as those of the file are JSON's."""
    text, encoding = text_of(data, name)
    try:
        notebook = parsed(text)
    except (json.JSONDecodeError, RecursionError) as error:
        raise FormatError(f"no notebook: {error or 'nested too deeply'}", source=name) from None
    if not isinstance(notebook, dict):
        raise FormatError(f"a notebook is an object, not {type(notebook).__name__}", source=name)
    blocks = Blocks()
    for cell in _cells(notebook):
        blocks.add_all(_blocks(cell))
    meta: dict[str, Any] = {"format": "notebook", "encoding": encoding}
    about = _mapping(notebook.get("metadata"))
    language = _mapping(about.get("kernelspec")).get("language")
    language = language or _mapping(about.get("language_info")).get("name")
    if isinstance(language, str):
        meta["language"] = language[:35]
    title = about.get("title")
    return Document(title if isinstance(title, str) else first_heading(blocks), blocks, meta)


def _cells(notebook: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The cells of format 4, or those of the worksheets of format 3."""
    sheets = notebook.get("worksheets")
    for sheet in (notebook, *(sheets if isinstance(sheets, list) else ())):
        cells = _mapping(sheet).get("cells")
        for cell in cells if isinstance(cells, list) else ():
            if isinstance(cell, dict):
                yield cell


def _blocks(cell: dict[str, Any]) -> Iterator[Block]:
    kind = cell.get("cell_type")
    source = cell.get("source", cell.get("input"))
    if isinstance(source, list):
        source = "".join(part for part in source if isinstance(part, str))
    if not isinstance(source, str):
        return
    source = source.replace("\r\n", "\n").replace("\r", "\n")
    if kind == "markdown":
        for found in markdown_blocks(lines_of(source)):
            yield Block(found.text, found.kind, found.level)
    elif kind == "heading":
        level = str(cell.get("level"))
        yield Block(source.strip(), "heading", int(level) if level in tuple("123456") else 1)
    else:
        yield Block(source.strip("\n"), "code" if kind == "code" else "paragraph")


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
