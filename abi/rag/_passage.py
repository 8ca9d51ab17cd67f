"""What a search of documents finds."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from abi.documents import Run, line_at
from abi.store import Hit

__all__ = ["Passage", "packed", "unpacked"]

_KINDS = {kind[0]: kind for kind in ("heading", "paragraph", "code", "list", "table", "quote")}
_RUN = re.compile(r"(\d{1,9})([a-z])(\d{0,9})")


@dataclass(frozen=True)
class Passage:
    """A piece of a document.

    Parameters
    ----------
    id : str
    text : str
    score : float
        Larger is better; of what it is, see `Library.search`.
    path : str
        The file.
    title : str or None
        Of the document.
    headings : tuple of str
        What it stands under, outermost first.
    line, end_line, page : int or None
        Where in the file, from 1.
    runs : tuple of Run
        Which lines of the file those of the text are, and of what kind.
    """

    id: str
    text: str
    score: float
    path: str
    title: str | None = None
    headings: tuple[str, ...] = ()
    line: int | None = None
    end_line: int | None = None
    page: int | None = None
    runs: tuple[Run, ...] = ()

    @classmethod
    def of(cls, hit: Hit, score: float | None = None) -> Passage:
        """From a hit of the collection."""
        payload: Mapping[str, Any] = hit.payload or {}
        return cls(
            str(hit.id),
            hit.text or "",
            hit.score if score is None else score,
            f"{payload.get('tree', '')}{payload.get('name', '')}",
            payload.get("title"),
            tuple(payload.get("headings", ())),
            payload.get("line"),
            payload.get("end_line"),
            payload.get("page"),
            unpacked(str(payload.get("runs", ""))),
        )

    def line_at(self, offset: int) -> int | None:
        """The line of the file that a character of the text is from, as it was indexed."""
        return line_at(self.text, self.runs, offset) if self.runs else self.line

    @property
    def place(self) -> str:
        """Where it is, as one cites it: `guide.md:12` or `book.pdf, page 3`."""
        if self.page is not None:
            return f"{self.path}, page {self.page}"
        return self.path if self.line is None else f"{self.path}:{self.line}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        runs = [run._asdict() for run in self.runs]
        return {**vars(self), "headings": list(self.headings), "runs": runs, "place": self.place}


def packed(runs: Sequence[Run]) -> str:
    """Runs as a short text.

    >>> packed([Run(0, 7, "heading"), Run(2, 9, "paragraph")])
    '0h7 2p9'
    """
    return " ".join(f"{r.row}{r.kind[0]}{'' if r.line is None else r.line}" for r in runs)


def unpacked(text: str) -> tuple[Run, ...]:
    """What `packed` made the text of.

    >>> unpacked("0h7 2p")
    (Run(row=0, line=7, kind='heading'), Run(row=2, line=None, kind='paragraph'))
    """
    return tuple(
        Run(int(row), int(line) if line else None, _KINDS.get(kind, "paragraph"))
        for row, kind, line in _RUN.findall(text)
    )
