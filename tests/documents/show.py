"""What tests compare: the blocks of a text in short."""

from __future__ import annotations

from collections.abc import Sequence

from abi.documents import Block, read

Shown = tuple[str, int, int | None, str]


def blocks(text: str | bytes, name: str) -> Sequence[Block]:
    return read(text.encode() if isinstance(text, str) else text, name).blocks


def shown(text: str | bytes, name: str) -> list[Shown]:
    """Kind, level, line and text of each block."""
    return [(one.kind, one.level, one.line, one.text) for one in blocks(text, name)]
