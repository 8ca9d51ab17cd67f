"""CSV and TSV: a block for each row, `column: value` on its lines.

The delimiter is the one that divides the first lines into the most columns of the same number.
The first row is of names if it has no number, no empty cell and none twice.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence

from abi.documents._document import Block, Blocks, Document
from abi.documents._encoding import text_of

__all__ = ["read_csv"]

_DELIMITERS = ",;\t|"
_SAMPLED = 50
_LONGEST_NAME = 80
_NUMBER = re.compile(r"\s*[-+]?[\d.,]{1,40}%?\s*$")

Row = tuple[int, list[str]]  # the line that it begins on, and its cells


def read_csv(data: bytes, name: str) -> Document:
    """Rows with their lines; the names of the columns are in the metadata."""
    text, encoding = text_of(data, name)
    lines = text.split("\n")
    delimiter = "\t" if name.lower().endswith((".tsv", ".tab")) else _delimiter(lines[:_SAMPLED])
    blocks, columns = Blocks(), list[str]()
    rows = _rows(lines, delimiter)
    first = next(rows, None)
    if first and _is_header(first[1]):
        columns = [" ".join(cell.split())[:_LONGEST_NAME] for cell in first[1]]
    elif first:
        blocks.add(_block(first, columns))
    for row in rows:
        blocks.add(_block(row, columns))
    if first and not blocks and columns:
        blocks.add(Block(" | ".join(columns), "table", line=first[0]))
    meta = {"format": "csv", "encoding": encoding, "delimiter": delimiter, "columns": columns[:200]}
    return Document(None, blocks, meta)


def _delimiter(lines: Sequence[str]) -> str:
    sampled = [re.sub('"[^"]*"', "", line[:10_000]) for line in lines if line.strip()]
    scores = []
    for mark in _DELIMITERS:
        counts = [line.count(mark) for line in sampled]
        most = max(set(counts), key=counts.count, default=0)
        scores.append((counts.count(most) if most else 0, most, mark))
    best = max(scores, key=lambda one: (one[0], one[1]))
    return best[2] if best[0] else ","


def _is_header(row: Sequence[str]) -> bool:
    bare = [cell.strip() for cell in row]
    return all(bare) and len(set(bare)) == len(bare) and not any(map(_NUMBER.match, bare))


def _rows(lines: Sequence[str], delimiter: str) -> Iterator[Row]:
    """The rows of the lines; where the reader gives up, a line is a row."""
    reader = csv.reader((line + "\n" for line in lines), delimiter=delimiter)
    done = 0
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield done + 1, row
            done = reader.line_num
    except csv.Error:
        for i, line in enumerate(lines[done:], done + 1):
            if line.strip():
                yield i, line.split(delimiter)


def _block(row: Row, columns: Sequence[str]) -> Block:
    line, cells = row
    shown = []
    for i, cell in enumerate(cells):
        if value := cell.strip():
            name = columns[i] if i < len(columns) else f"column {i + 1}"
            shown.append(f"{name}: {value}")
    text = "\n".join(shown)
    return Block(text, "table", line=line, lines=(line,) * (text.count("\n") + 1))
