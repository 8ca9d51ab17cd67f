"""Tables of reStructuredText, drawn as a grid or with columns of `=`, as rows of cells."""

from __future__ import annotations

import re
from collections.abc import Sequence

from abi.documents._document import Line

__all__ = ["table_rows"]

_SIMPLE = re.compile(r"=+(?: +=+)*$")
_COLUMN = re.compile("=+")


def table_rows(lines: Sequence[Line], at: int) -> tuple[list[Line], int] | None:
    """The rows of the table that begins at a line, and the line after it; None if it is none."""
    return _grid(lines, at) if lines[at][1][0] == "+" else _simple(lines, at)


def _grid(lines: Sequence[Line], at: int) -> tuple[list[Line], int] | None:
    """Rows between rules; the lines of a cell are joined."""
    rows: list[Line] = []
    held: list[list[str]] = []
    number = 0
    start = at
    while at < len(lines) and lines[at][1][:1] in ("+", "|"):
        text = lines[at][1].rstrip()
        if text[0] == "+":
            if held:
                rows.append((number, _joined(held)))
            held, number = [], 0
        else:
            held.append(text.strip("|").split("|"))
            number = number or lines[at][0]
        at += 1
    if held:
        rows.append((number, _joined(held)))
    return (rows, at) if rows and at - start > 2 else None


def _joined(held: list[list[str]]) -> str:
    """One row of the lines of its cells."""
    width = max(map(len, held))
    columns = [[one[i].strip() for one in held if i < len(one)] for i in range(width)]
    return " | ".join(" ".join(part for part in column if part) for column in columns)


def _simple(lines: Sequence[Line], at: int) -> tuple[list[Line], int] | None:
    """Rows whose columns are where the rule's are; a row may go on with an empty first cell."""
    starts = [match.start() for match in _COLUMN.finditer(lines[at][1])]
    rows: list[tuple[int, list[list[str]]]] = []
    rules, end = 1, at + 1
    while end < len(lines):
        number, text = lines[end]
        end += 1
        if _SIMPLE.match(text) and len(text) > 1:
            rules += 1
            if rules > 2 and (end >= len(lines) or not lines[end][1]):
                break
            if rules == 2 and (end >= len(lines) or (not lines[end][1] and len(rows) > 1)):
                break
        elif text and not _is_span(text):
            cells = [text[a:b].strip() for a, b in zip(starts, [*starts[1:], None], strict=True)]
            if rows and not cells[0]:
                rows[-1][1].append(cells)
            else:
                rows.append((number, [cells]))
    if not rows or rules < 2:
        return None
    return [(number, _joined(held)) for number, held in rows], end


def _is_span(text: str) -> bool:
    """Whether a line only says which columns a heading goes over."""
    return set(text) <= {"-", " "} and "--" in text
