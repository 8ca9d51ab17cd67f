"""What a line of Markdown is, looked at by itself."""

from __future__ import annotations

import re
from collections.abc import Sequence

from abi.documents._document import Line

__all__ = [
    "CLOSES",
    "FENCE",
    "ITEM",
    "cells",
    "closes_fence",
    "dedent",
    "delimits",
    "end_of_html",
    "heading_of",
    "indent_of",
    "interrupts",
    "is_rule",
    "same_list",
    "starts_html",
    "untabbed",
]

FENCE = re.compile(r" {0,3}(?:(`{3,})[^`]*|(~{3,}).*)$")
ITEM = re.compile(r"( {0,3})([-+*]|[0-9]{1,9}[.)])(?:[ \t]+(?=\S)|$)(.?)")
_DELIMITER = re.compile(r"\|?(?:\s*:?-+:?\s*\|)*\s*(?::?-+:?)?$")

_BLOCK_TAGS = str.split(
    "address article aside base basefont blockquote body caption center col colgroup dd details "
    "dialog dir div dl dt fieldset figcaption figure footer form frame frameset h1 h2 h3 h4 h5 h6 "
    "head header hr html iframe legend li link main menu menuitem nav noframes ol optgroup option "
    "p param search section summary table tbody td tfoot th thead title tr track ul"
)
_RAW = re.compile(r"<(pre|script|style|textarea)(?=[\s>]|$)", re.I)
_BLOCK = re.compile(rf"</?(?:{'|'.join(_BLOCK_TAGS)})(?=[\s/>]|$)", re.I)
_ALONE = re.compile(r"</?[A-Za-z][\w-]*(?:\s[^<>]*)?/?>\s*$")
CLOSES = "-->"


def indent_of(text: str) -> int:
    return len(text) - len(text.lstrip(" "))


def untabbed(text: str) -> str:
    """A line with spaces for the tabs that it is indented by."""
    if "\t" not in text:
        return text
    rest = text.lstrip(" \t")
    return text[: len(text) - len(rest)].expandtabs(4) + rest


def dedent(lines: Sequence[Line], width: int) -> list[Line]:
    """Lines without their first spaces, at most `width` of them."""
    return [(number, text[min(width, indent_of(text)) :]) for number, text in lines]


def heading_of(text: str) -> tuple[int, str] | None:
    """The level and text of an ATX heading."""
    bare = text.strip()
    rest = bare.lstrip("#")
    level = len(bare) - len(rest)
    if not 1 <= level <= 6 or (rest and rest[0] not in " \t"):
        return None
    rest = rest.strip()
    without = rest.rstrip("#")
    return level, without.rstrip() if not without or without[-1] in " \t" else rest


def is_rule(text: str) -> bool:
    """Whether a line is a thematic break."""
    marks = text.replace(" ", "").replace("\t", "")
    return len(marks) >= 3 and marks[0] in "*-_" and marks.count(marks[0]) == len(marks)


def closes_fence(fence: re.Match[str], text: str) -> bool:
    """Whether a line closes the block that a fence opened."""
    mark = fence[1] or fence[2]
    bare = text.strip()
    return len(bare) >= len(mark) and bare.count(mark[0]) == len(bare) and indent_of(text) <= 3


def same_list(marker: str, text: str) -> bool:
    """Whether a line is another item of a list with that marker."""
    match = ITEM.match(text)
    return match is not None and match[2][-1] == marker[-1]


def interrupts(text: str, lazy: bool = False) -> bool:
    """Whether a line ends a paragraph before it, or a list or quote that lazily goes on."""
    if indent_of(text) >= 4:
        return False
    bare = text.strip()
    item = ITEM.match(text)
    return bool(
        FENCE.match(text)
        or heading_of(text)
        or (bare[:1] in "*-_" and is_rule(bare))
        or bare.startswith(">")
        or (item and (lazy or (item[3] and item[2] in ("-", "+", "*", "1.", "1)"))))
        or starts_html(text, True)
    )


def starts_html(text: str, in_paragraph: bool) -> str | None:
    """What ends the HTML block that begins at a line: a text, or "" for a blank line."""
    bare = text.lstrip()
    if raw := _RAW.match(bare):
        return f"</{raw[1].lower()}>"
    for start, end in (("<!--", CLOSES), ("<?", "?>"), ("<![CDATA[", "]]>")):
        if bare.startswith(start):
            return end
    if _BLOCK.match(bare) or (not in_paragraph and _ALONE.match(bare)):
        return ""
    return None


def end_of_html(kind: str, lines: Sequence[Line], at: int) -> int | None:
    """The line after an HTML block; None if what closes it does not come."""
    for end in range(at, len(lines)):
        text = lines[end][1]
        if kind and kind in (text.lower() if kind[:2] == "</" else text):
            return end + 1
        if not kind and not text.strip():
            return end
    return None if kind else len(lines)


def delimits(text: str) -> int:
    """How many columns the delimiter row of a table has; 0 if the line is none."""
    if "-" not in text or not ("|" in text or ":" in text) or not _DELIMITER.match(text.strip()):
        return 0
    return len(cells(text))


def cells(text: str) -> list[str]:
    """The cells of a row of a table."""
    bare = text.strip().removeprefix("|")
    if bare.endswith("|") and not bare.endswith("\\|"):
        bare = bare[:-1]
    parts = re.split(r"(?<!\\)\|", bare)
    return [part.replace("\\|", "|").strip() for part in parts]
