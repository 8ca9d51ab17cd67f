"""Where sentences end, in several scripts; not after abbreviations, initials or in decimals."""

from __future__ import annotations

import re
from collections.abc import Iterator

__all__ = ["Span", "after_spaces", "before_spaces", "items", "lines", "sentences"]

Span = tuple[int, int]

_ABBREVIATIONS = frozenset(
    str.split(
        "mr mrs ms dr prof sr jr st messrs mme mlle rev hon gen col capt lt sgt gov pres e.g i.e "
        "cf vs viz al ed eds approx ca inc ltd co corp "
        "dept est z.b bzw bspw nr ggf u.a d.h usw hr fr abb p.ex tel resp jan feb mar apr jun "
        "jul aug sep sept oct nov dec т.е т.д т.п г гг стр рис см им ул"
    )
)
_NUMBERED = frozenset(str.split("fig figs eq eqs sec ch vol vols no nos pp p art nr"))
_END = re.compile(
    r"(?<![.!?…])[.!?…]{1,20}['\")\]’”»]{0,4}(?=\s)"
    r"|[。！？｡]{1,20}[」』）”’]{0,4}"
    r"|[؟۔।॥]{1,20}['\")\]’”»]{0,4}"
    r"|\n[ \t]*\n"
)
_ITEM = re.compile(r"[ \t]*(?:[-+*•‣⁃]|\(?(?:[0-9]{1,9}|[A-Za-z#])[.)])\s")
_NEXT = re.compile(r"\s*[\"'“‘«(\[]{0,3}(\S?)")


def sentences(text: str, start: int = 0, end: int | None = None) -> Iterator[Span]:
    """The sentences of a part of a text, without the spaces around them.

    Examples
    --------
    >>> text = "Dr. Wu paid $3.50. Why? 好。是！"
    >>> [text[a:b] for a, b in sentences(text)]
    ['Dr. Wu paid $3.50.', 'Why?', '好。', '是！']
    """
    end = len(text) if end is None else end
    at = after_spaces(text, start, end)
    for match in _END.finditer(text, start, end):
        if match.start() > at and _ends(text, at, match):
            yield at, before_spaces(text, at, match.end())
            at = after_spaces(text, match.end(), end)
    if at < end:
        yield at, before_spaces(text, at, end)


def lines(text: str, start: int, end: int) -> Iterator[Span]:
    """The lines of a part of a text that are not blank, with their indent."""
    for match in re.finditer(r"[^\n]+", text[start:end]):
        if not match.group().isspace():
            yield start + match.start(), start + match.end()


def items(text: str, start: int, end: int) -> Iterator[Span]:
    """The items of a part of a list, each with the lines that follow it."""
    held: Span | None = None
    for first, last in lines(text, start, end):
        if held and _ITEM.match(text, first, last):
            yield held
            held = None
        held = (held[0] if held else first, last)
    if held:
        yield held


def _ends(text: str, start: int, match: re.Match[str]) -> bool:
    """Whether a sentence that begins at `start` ends with a mark."""
    if match.group()[0] not in ".!?…":
        return True
    following = _NEXT.match(text, match.end(), match.end() + 50)
    if following and following[1].islower():
        return False
    if match.group() != ".":
        return True
    words = text[max(start, match.start() - 20) : match.start()].split()
    word = words[-1].lstrip("([\"'“‘«") if words else ""
    initial = len(word) == 1 and word.isalpha() and word != "I" and word.isupper()
    numbers = len(words) == 1 and word.isdigit() and match.start() - start <= 4
    if following and following[1].isdigit() and word.lower() in _NUMBERED:
        return False
    return not (initial or numbers or word.lower() in _ABBREVIATIONS)


def after_spaces(text: str, at: int, end: int) -> int:
    while at < end and text[at].isspace():
        at += 1
    return at


def before_spaces(text: str, start: int, end: int) -> int:
    while end > start and text[end - 1].isspace():
        end -= 1
    return end
