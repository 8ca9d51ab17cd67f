"""What of a passage may be quoted: whole sentences before rows of tables, and those before code.

A sentence that begins with a word that points back ("It", "This") is quoted with the one before
it. Items of lists, and rows of tables, stand alone. In code, lines of comments and documentation
that read as prose are sentences too. Headings are not quoted.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from abi.documents import Run, run_at, sentences

__all__ = ["Candidate", "candidates"]

_LONGEST = 400  # characters of a quote
_SHORTEST = 12  # letters and digits of one
_FEWEST = 4  # words of a line of prose in code
_BRIEF = 8  # words below which a sentence says little
_PART = re.compile(r"(?:^[^\S\n]*\S[^\n]*(?:\n|\Z))+", re.M)  # lines between blank ones
_MARKER = re.compile(r"\s*(?:[-*\u2022]|\d{1,3}[.)])\s+")
_ROW = re.compile(r"\S \| ")
_RULE = re.compile(r"[\W_]*")  # under a heading, of a table, or brackets that are closed
_CODE = re.compile(
    r"\s*(?:>>> |\.\.\. |\$ |def \w+\(|class \w+[:(]|from [\w.]+ import |import [\w.]+$)"
)
_STATEMENT = re.compile(r"\s*(?:return|yield|raise|del|pass|break|continue|assert|import)\b")
_WHOLE = re.compile(r"[.!?。！？…؟।][\"'”’»)\]」』）]{0,3}$")
_TYPED = re.compile(r"[*\w]+(?:, [*\w]+){0,9} ?: ")
_OPENS = re.compile(r"[ \t]*(?:#+|//+|/\*+|\*+|--|;+|%+)?[ \t]*(?:[rRuUbBfF]?(?:\"\"\"|\'\'\'))?")
_INNER = re.compile(r"\n[ \t]*(?:#+|//+|\*+|--|;+|%+)[ \t]")  # marks of comments on further lines
_POINTING = re.compile(
    r"(?:It|Its|This|That|These|Those|They|Their|He|She|Such|Both|Otherwise|Then|But|So|Also"
    r"|However|Therefore|Hence|Thus|Instead)\b"
)

# What a sentence is worth as a quote, of 1.
_OF_KIND = {"code": 0.3, "table": 0.75, "comment": 0.9}
_JOINED = 0.95  # two together
_COLON = 0.6  # one that only introduces what follows it
_DEFINED = 0.7  # a name with its type
_PARTIAL = 0.9  # one that does not end, or not begin, as sentences do
_LITTLE = 0.7  # one of no words; one of half of `_BRIEF` is worth half way to 1
_CALLS = re.compile(r" [-+|&]?= |\w[(\[]|[;{}]$")
_PROSE = 0.08  # share of characters of a line of prose in code that are signs, at most
_LINE = 40  # characters of a shorter one, for that
_SIGNS = 0.25  # share of characters that are no letters, digits or spaces, beyond which it is code


class Candidate(NamedTuple):
    """A text that may be quoted, where in the passage it begins, and what it is worth."""

    text: str
    offset: int
    worth: float


def candidates(text: str, runs: Sequence[Run]) -> Iterator[Candidate]:
    """Those of a passage, in order.

    >>> for one in candidates("Boil water. It is hot. Tea follows it.", ()):
    ...     print(one.text)
    Boil water.
    Boil water. It is hot.
    Tea follows it.
    """
    row, at = 0, 0
    for part in _PART.finditer(text):
        row += text.count("\n", at, part.start())
        at = part.start()
        run = run_at(runs, row)
        kind = "paragraph" if run is None else run.kind
        for start, end, worth in _spans(text, part.start(), part.end(), kind):
            plain = " ".join(_INNER.sub("\n", text[start:end]).split())
            plain = plain.removesuffix('"""').strip(" |")
            if sum(c.isalnum() for c in plain) >= _SHORTEST:
                yield Candidate(_cut(plain), start, worth * _completeness(plain))


def _spans(text: str, start: int, end: int, kind: str) -> Iterator[tuple[int, int, float]]:
    """Where in a part what may be quoted is, and what its kind is worth."""
    if kind == "heading":
        return
    for a, b, of in _pieces(text, start, end, kind):
        if of == "code":
            yield a, b, _OF_KIND[of]
            continue
        before: int | None = None
        for first, last in sentences(text, a, b):
            value = _OF_KIND.get(of, 1.0)
            if before is not None and last - before <= _LONGEST and _POINTING.match(text, first):
                yield before, last, _JOINED * value
            else:
                yield first, last, value
            before = first


def _pieces(text: str, start: int, end: int, kind: str) -> list[tuple[int, int, str]]:
    """A paragraph whole, and so code; the items of a list and the rows of a table alone."""
    found: list[tuple[int, int, str]] = []
    at, last = start, ""
    while at < end:
        line_end = text.find("\n", at, end)
        line_end = end if line_end < 0 else line_end
        of, skipped = _line(text[at:line_end], kind, last == "comment")
        marked = skipped > 0 if of != "comment" else bool(_TYPED.match(text, at + skipped))
        if of and (of != last or marked or of == "table"):
            found.append((at + skipped, line_end, of))
        elif of:
            found[-1] = (found[-1][0], line_end, of)
        at, last = line_end + 1, of
    return found


def _line(line: str, kind: str, goes_on: bool) -> tuple[str, int]:
    """What a line of a part is, "" if a mere rule, and how many characters are its marker."""
    if _RULE.fullmatch(line):
        return "", 0
    if kind == "table" or _ROW.search(line):
        return "table", 0
    if kind == "code":
        opens = _OPENS.match(line)
        skipped = opens.end() if opens else 0
        starts = not goes_on and not line[:skipped].strip()
        return ("comment", skipped) if _is_prose(line[skipped:], starts) else ("code", 0)
    if _CODE.match(line):
        return "code", 0
    marker = _MARKER.match(line)
    return kind, marker.end() if marker else 0


def _is_prose(text: str, starts: bool) -> bool:
    """Whether a line of code reads as words; one that starts with no mark must have a few."""
    if _TYPED.match(text):
        return True
    if _CODE.match(text) or _CALLS.search(text) or (starts and _STATEMENT.match(text)):
        return False
    signs = sum(not (c.isalnum() or c.isspace()) for c in text)
    few = starts and len(text.split()) < _FEWEST
    return bool(text.strip()) and not few and signs <= _PROSE * max(len(text), _LINE)


def _cut(plain: str) -> str:
    return plain if len(plain) <= _LONGEST else f"{plain[:_LONGEST].rsplit(' ', 1)[0]} ..."


def _completeness(plain: str) -> float:
    """Less for what is no sentence by itself."""
    whole = bool(_WHOLE.search(plain))
    worth = _COLON if plain.endswith(":") else 1.0
    if not whole or plain[0].islower():
        worth = min(worth, _PARTIAL)
    if _TYPED.match(plain):
        worth *= _DEFINED
    if plain.isascii():  # others may have no spaces
        worth *= min(1.0, _LITTLE + (1 - _LITTLE) * (plain.count(" ") + 1) / _BRIEF)
    signs = sum(not (c.isalnum() or c.isspace()) for c in plain)
    if signs > _SIGNS * len(plain) or (not whole and _CALLS.search(plain)):
        worth *= _OF_KIND["code"]
    return worth
