"""What the lines of a chunk's text are: where in the file they stand, and of which kind.

A run is as many lines of the text as follow each other in the file and are of one kind; blank
lines between blocks belong to the run before them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from abi.documents._pieces import Piece

__all__ = ["Run", "gap", "line_at", "run_at", "runs"]

_LONGEST_GAP = 100  # spaces between pieces that are kept


class Run(NamedTuple):
    """Lines of a text that follow each other in the file.

    Parameters
    ----------
    row : int
        Which line of the text it begins at, from 0.
    line : int or None
        Where that line is in the file, from 1; None where the format has no lines.
    kind : str
        Of the block: see `Block`.
    """

    row: int
    line: int | None
    kind: str


def run_at(found: Sequence[Run], row: int) -> Run | None:
    """The run that a line of the text is in."""
    i = bisect_right(found, row, key=lambda run: run.row)
    return found[i - 1] if i else None


def line_at(text: str, found: Sequence[Run], offset: int) -> int | None:
    """The line of the file that a character of a text is from."""
    row = text.count("\n", 0, offset)
    run = run_at(found, row)
    return None if run is None or run.line is None else run.line + row - run.row


def gap(before: Piece, piece: Piece) -> str:
    """The spaces between two pieces, as they stand in their block."""
    if piece.block is not before.block:
        return "\n\n"
    found = piece.block.text[before.end : piece.start]
    return found if len(found) <= _LONGEST_GAP else "\n\n"


def runs(held: Sequence[Piece]) -> tuple[Run, ...]:
    """The runs of the text that pieces make."""
    found: list[Run] = []
    row = 0
    before: Piece | None = None
    for piece in held:
        row += 0 if before is None else gap(before, piece).count("\n")
        ends = piece.block.text.count("\n", piece.start, piece.end)
        for run in _of_piece(piece, row, ends):
            if not found or not _goes_on(found[-1], run):
                found.append(run)
        row += ends
        before = piece
    return tuple(found)


def _of_piece(piece: Piece, row: int, ends: int) -> Iterator[Run]:
    """A run for each line that may not follow the one before it."""
    block = piece.block
    for i in range(ends + 1) if block.lines else (0,):
        yield Run(row + i, block.line_of(piece.row + i), block.kind)


def _goes_on(last: Run, run: Run) -> bool:
    if last.kind != run.kind or last.line is None or run.line is None:
        return last.kind == run.kind and last.line is run.line
    return run.line - last.line == run.row - last.row
