"""What a search of documents finds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from abi.store import Hit

__all__ = ["Passage"]


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
        )

    @property
    def place(self) -> str:
        """Where it is, as one cites it: `guide.md:12` or `book.pdf, page 3`."""
        if self.page is not None:
            return f"{self.path}, page {self.page}"
        return self.path if self.line is None else f"{self.path}:{self.line}"

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {**vars(self), "headings": list(self.headings), "place": self.place}
