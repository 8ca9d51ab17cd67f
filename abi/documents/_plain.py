"""Plain text: paragraphs are what blank lines divide."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from abi.documents._document import Block, Blocks, Document, Line, block
from abi.documents._encoding import lines_of, text_of

__all__ = ["paragraphs", "read_text"]


def read_text(data: bytes, name: str) -> Document:
    """Paragraphs with their lines; there is no title."""
    text, encoding = text_of(data, name)
    blocks = Blocks()
    blocks.add_all(paragraphs(lines_of(text)))
    return Document(None, blocks, {"format": "text", "encoding": encoding})


def paragraphs(lines: Iterable[Line], kind: str = "paragraph") -> Iterator[Block]:
    """What blank lines divide."""
    held: list[Line] = []
    for line in (*lines, (0, "")):
        if line[1].strip():
            held.append(line)
        elif found := block(held, kind):
            yield found
            held = []
