"""A block divided into pieces that fit: by sentences or lines, then at spaces, at last anywhere."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from typing import NamedTuple

from abi.documents._document import Block
from abi.documents._sentences import Span, after_spaces, before_spaces, items, lines, sentences

__all__ = ["Count", "Piece", "estimate", "parts", "pieces"]

Count = Callable[[str], int]

_LONGEST = 64  # characters for each token that a text may have; a longer one is divided uncounted
_TOKEN = re.compile(r"[A-Za-z]{1,7}|[0-9]{1,3}|[!-/:-@\[-`{-~]{1,3}|[^\x00-\x7f\s]{1,2}")


class Piece(NamedTuple):
    """Part of a block that is in a chunk as a whole."""

    block: Block
    start: int
    end: int
    row: int  # line ends before it in the block
    cost: int  # what it counts by itself
    path: tuple[tuple[int, str], ...] = ()  # the headings above it, with their places
    repeated: bool = False  # of the chunk before

    @property
    def text(self) -> str:
        return self.block.text[self.start : self.end]

    @property
    def is_heading(self) -> bool:
        return self.block.kind == "heading"


def estimate(text: str) -> int:
    """About how many tokens a text has, as a cheap count.

    Seven letters at most, three digits, three signs, or two characters beyond ASCII are one:
    near what tokenisers of language models make of prose.

    Examples
    --------
    >>> estimate("Tokenisers divide words."), estimate("東京")
    (5, 1)
    """
    return len(_TOKEN.findall(text))


def pieces(whole: Piece, room: int, count: Count) -> Iterator[Piece]:
    """The pieces of a piece, none of which counts more than `room` if it has two characters.

    Parameters
    ----------
    whole : Piece
        Its cost is not looked at.
    """
    at, row = whole.start, whole.row
    for start, end, cost in _divide(whole, room, count):
        row += whole.block.text.count("\n", at, start)
        yield whole._replace(start=start, end=end, row=row, cost=cost)
        at = start


def parts(whole: Piece, count: Count) -> list[Piece]:
    """The sentences, lines or items of a piece."""
    found = []
    at, row = whole.start, whole.row
    for start, end in _natural(whole):
        row += whole.block.text.count("\n", at, start)
        cost = count(whole.block.text[start:end])
        found.append(whole._replace(start=start, end=end, row=row, cost=cost))
        at = start
    return found


def _natural(whole: Piece) -> Iterator[Span]:
    by_kind = {"code": lines, "table": lines, "list": items}
    return by_kind.get(whole.block.kind, sentences)(whole.block.text, whole.start, whole.end)


def _divide(whole: Piece, room: int, count: Count) -> Iterator[tuple[int, int, int]]:
    text = whole.block.text
    if (cost := _fits(text, whole.start, whole.end, room, count)) is not None:
        yield whole.start, whole.end, cost
        return
    for start, end in _natural(whole):
        if (cost := _fits(text, start, end, room, count)) is not None:
            yield start, end, cost
        elif whole.block.kind in ("list", "table"):
            for a, b in sentences(text, start, end):
                if (cost := _fits(text, a, b, room, count)) is not None:
                    yield a, b, cost
                else:
                    yield from _cut(text, a, b, room, count)
        else:
            yield from _cut(text, start, end, room, count)


def _fits(text: str, start: int, end: int, room: int, count: Count) -> int | None:
    """What a part counts, if that is within `room`."""
    if end - start > room * _LONGEST:
        return None
    cost = count(text[start:end])
    return cost if cost <= room else None


def _cut(text: str, at: int, end: int, room: int, count: Count) -> Iterator[tuple[int, int, int]]:
    """Divide at spaces where there are any: as long parts as a guess of their length hits."""
    width = room * 4
    at = after_spaces(text, at, end)
    while at < end:
        stop = _boundary(text, at, min(end, at + width), end)
        cost = count(text[at:stop])
        while cost > room and stop - at > 1:
            width = max(1, min(stop - at - 1, (stop - at) * room * 9 // (cost * 10)))
            stop = _boundary(text, at, at + width, end)
            cost = count(text[at:stop])
        yield at, before_spaces(text, at, stop), cost
        if cost * 10 < room * 8:
            width = min(width * 5 // 4 + 1, room * _LONGEST)
        at = after_spaces(text, stop, end)


def _boundary(text: str, at: int, stop: int, end: int) -> int:
    """The last place up to `stop` where a text may be divided."""
    if stop >= end or text[stop].isspace():
        return stop
    space = max(text.rfind(mark, at + 1, stop) for mark in " \n\t")
    if space > at:
        return space
    back = stop
    while back > at + 1 and stop - back < 20 and unicodedata.combining(text[back]):
        back -= 1
    return back
