"""Documents in chunks: texts of a size, divided where the structure divides them.

A section (a heading and what is under it) begins a chunk, unless it and its neighbours under one
heading are small enough to be one together, or it directly follows the heading that it is under.
Paragraphs are whole where they fit; a longer one is divided by sentences, code, lists and tables
by lines, what is longer than a chunk at spaces. A chunk that goes on in its section repeats the
last sentences of the one before.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import reduce
from itertools import pairwise

from abi.documents._document import Block, Document
from abi.documents._pieces import Count, Piece, estimate, parts, pieces
from abi.documents._runs import Run, gap, line_at, runs
from abi.errors import InputError

__all__ = ["Chunk", "chunks"]

_DEEPEST = 32  # levels of headings

Path = tuple[tuple[int, str], ...]


@dataclass(frozen=True, slots=True)
class Chunk:
    """A part of a document.

    A heading is in the text where it stands in the document, and among the `headings` of what is
    under it. Of a chunk of several sections, `headings` are those above all of them.
    """

    text: str
    headings: tuple[str, ...]  # that it stands under, outermost first
    line: int | None  # 1-based line of the file that it begins at
    end_line: int | None  # the last one that it has text of
    page: int | None  # that it begins on, in PDF
    section: int | None = None  # the chapter that it begins in, in EPUB
    runs: tuple[Run, ...] = ()  # which lines of the file those of the text are, and of what kind

    def line_at(self, offset: int) -> int | None:
        """The line of the file that a character of the text is from."""
        return line_at(self.text, self.runs, offset)


def chunks(
    document: Document, size: int = 256, overlap: int = 32, count: Count | None = None
) -> list[Chunk]:
    """Divide a document into chunks.

    Every character but spaces is in a chunk, in order, and the same document gives the same.

    Parameters
    ----------
    document : Document
        What `read` gives, or any other.
    size : int
        Tokens that a chunk has at most. Only one character that counts more is a chunk of more.
    overlap : int
        Tokens at most of whole sentences (of code, lists and tables: lines) that are repeated
        from the chunk before in the same section.
    count : callable, optional
        How many tokens a text has, such as `lambda text: len(tokenizer.encode(text))`. By default
        an estimate by words: a word counts one for each seven letters that it begins.

    Raises
    ------
    InputError
        If the size is not positive, or the overlap not smaller.

    Examples
    --------
    >>> from abi.documents import read
    >>> page = read(b"# Tea\\n\\nBoil water. Wait.\\n\\n# Milk\\n\\nCold.", "drinks.md")
    >>> [(chunk.line, chunk.headings, chunk.text) for chunk in chunks(page)]
    [(1, ('Tea',), 'Tea\\n\\nBoil water. Wait.'), (5, ('Milk',), 'Milk\\n\\nCold.')]
    """
    if size < 1 or not 0 <= overlap < size:
        raise InputError(
            f"size={size}, overlap={overlap}: expected 0 <= overlap < size, and size of 1 or more"
        )
    packer = _Packer(size, overlap, count or estimate)
    for path, blocks in _sections(document.blocks):
        packer.section(path, blocks)
    packer.finish()
    return packer.done


def _sections(blocks: Iterable[Block]) -> Iterator[tuple[Path, list[Block]]]:
    """Headings with the blocks that are directly under them."""
    above: list[tuple[int, tuple[int, str]]] = []
    held: list[Block] = []
    for number, block in enumerate(blocks):
        if not block.text.strip():
            continue
        if block.kind == "heading":
            if held:
                yield tuple(one for _, one in above), held
                held = []
            level = min(max(block.level, 1), _DEEPEST)
            while above and above[-1][0] >= level:
                above.pop()
            above.append((level, (number, " ".join(block.text.split()))))
        held.append(block)
    if held:
        yield tuple(one for _, one in above), held


class _Packer:
    """Fills chunks with pieces."""

    def __init__(self, size: int, overlap: int, count: Count) -> None:
        self.size, self.overlap, self.count = size, overlap, count
        self.base = count("")  # what is counted of any text, such as a mark of its beginning
        self.done: list[Chunk] = []
        self.held: list[Piece] = []
        self.cost = self.base  # of what is held
        self.above: Path = ()  # the headings above all of it
        self.whole = True  # whether what is held is whole sections
        self.last: Path = ()  # of the section before
        self.queue: deque[Piece] = deque()

    def measure(self, text: str) -> int:
        """What a text adds to a chunk."""
        return max(0, self.count(text) - self.base)

    def section(self, path: Path, blocks: Sequence[Block]) -> None:
        """Take a section into the chunk that is held, or begin another with it."""
        room = max(1, self.size - self.base)
        found = [
            piece
            for block in blocks
            for piece in pieces(Piece(block, 0, len(block.text), 0, 0, path), room, self.measure)
        ]
        if self.held and not self._joins(path, sum(piece.cost for piece in found)):
            self.finish()
        self.last = path
        self.queue.extend(found)
        while self.queue:
            self._add(self.queue.popleft())

    def _joins(self, path: Path, cost: int) -> bool:
        """Whether a section may go on in the chunk that is held."""
        fits = self.cost + cost <= self.size
        if path[: len(self.last)] == self.last and len(path) > len(self.last) > 0:
            return fits or all(piece.is_heading for piece in self.held)
        return fits and self.whole and bool(_shared(self.above, path))

    def _hold(self, piece: Piece) -> None:
        self.above = _shared(self.above, piece.path) if self.held else piece.path
        self.held.append(piece)
        self.cost += piece.cost

    def _add(self, piece: Piece) -> None:
        if self.cost + piece.cost <= self.size or not self.held:
            self._hold(piece)
            return
        if all(one.repeated for one in self.held):
            self.cost -= self.held.pop(0).cost
            self.queue.appendleft(piece)
            return
        room = self.size - self.cost
        if room > 0 and all(one.is_heading for one in self.held):
            smaller = list(pieces(piece, room, self.measure))
            if len(smaller) > 1:  # a heading is not left alone
                self.queue.extendleft(reversed(smaller))
                return
        self.queue.appendleft(piece)
        self._close(go_on=True)

    def finish(self) -> None:
        """End the chunk that is held, and its section."""
        while self.held or self.queue:
            if self.queue:
                self._add(self.queue.popleft())
            else:
                self._close(go_on=False)
        self.whole = True

    def _close(self, go_on: bool) -> None:
        """Make a chunk of what is held; what does not fit after all comes into the next."""
        held, spilled = self.held, self._spilled()
        go_on = go_on or bool(spilled)
        while go_on and held[-1].is_heading and sum(not one.is_heading for one in held):
            spilled.append(held.pop())
        self.queue.extendleft(spilled)
        self.done.append(_chunk(held))
        self.held, self.cost, self.whole = [], self.base, not go_on
        for piece in self._repeated(held) if go_on else ():
            self._hold(piece)

    def _spilled(self) -> list[Piece]:
        """Take off what is too much, as a text may count more than its pieces; last ones first."""
        held, spilled = self.held, list[Piece]()
        while len(held) > 1 and (over := self.count(_text(held)) - self.size) > 0:
            while over > 0 and len(held) > 1:
                last = held.pop(0 if held[-2].repeated else -1)
                over -= max(1, last.cost)
                if not last.repeated:
                    spilled.append(last)
        return spilled

    def _repeated(self, before: Sequence[Piece]) -> list[Piece]:
        """The last sentences of a chunk, for the next of the same section."""
        path = self.queue[0].path if self.queue else ()
        left = self.overlap
        found: list[Piece] = []
        for piece in reversed(before):
            if piece.is_heading or piece.path != path:
                return found[::-1]
            for part in reversed(parts(piece, self.measure)):
                if part.cost > left or not left:
                    return found[::-1]
                left -= part.cost
                found.append(part._replace(repeated=True))
        return []  # all of it


def _shared(a: Path, b: Path) -> Path:
    """The headings that two paths have in common."""
    size = next((i for i, (x, y) in enumerate(zip(a, b, strict=False)) if x != y), None)
    return min(a, b, key=len) if size is None else a[:size]


def _chunk(held: Sequence[Piece]) -> Chunk:
    first, last = held[0], held[-1]
    end_row = last.row + last.text.count("\n")
    return Chunk(
        _text(held),
        tuple(name for _, name in reduce(_shared, (piece.path for piece in held))),
        first.block.line_of(first.row),
        last.block.line_of(end_row),
        first.block.page,
        first.block.section,
        runs(held),
    )


def _text(held: Sequence[Piece]) -> str:
    """Pieces with the spaces between them as they stand in their block."""
    out = [held[0].text]
    for before, piece in pairwise(held):
        out += [gap(before, piece), piece.text]
    return "".join(out)
