"""Front matter: what stands between `---` (YAML) or `+++` (TOML) at the top of a text.

Of YAML a safe subset is read: keys with scalars, block scalars (`|`, `>`), lists in brackets or
of `- ` lines. What else it has, anchors and nested mappings among it, is left out.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections.abc import Sequence
from typing import Any

from abi.documents._document import Line

__all__ = ["front_matter", "json_value", "yaml_subset"]

_MOST_LINES = 1000
_MOST_CHARACTERS = 1 << 16
_KEY = re.compile(r"([\w.$ -]{1,99}?|\"[^\"]{1,99}\"|'[^']{1,99}')\s{0,9}:(?:\s+(.*)|$)", re.S)
_NUMBER = re.compile(r"[+-]?\d{1,15}$|[+-]?\d{1,15}\.\d{0,15}(?:[eE][+-]?\d{1,3})?$")
_ITEM = re.compile(r"""\s*("(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^,\[\]{}]*)\s*(?:,|$)""", re.S)
_WORDS = {"true": True, "false": False, "null": None, "~": None, "": None}
_DEEPEST = 8


def front_matter(lines: Sequence[Line]) -> tuple[dict[str, Any], int]:
    """What the front matter says, and how many lines it takes: none if there is none."""
    fence = lines[0][1].rstrip() if lines else ""
    if fence not in ("---", "+++"):
        return {}, 0
    size = 0
    for i, (_, text) in enumerate(lines[1:_MOST_LINES], 1):
        size += len(text)
        if size > _MOST_CHARACTERS:
            break
        if text.rstrip() == fence or (fence == "---" and text.rstrip() == "..."):
            inside = [text for _, text in lines[1:i]]
            if fence == "+++":
                return _toml("\n".join(inside)), i + 1
            found = yaml_subset(inside)
            return (found, i + 1) if found or i == 1 else ({}, 0)  # else a line across the page
    return {}, 0


def _toml(text: str) -> dict[str, Any]:
    try:
        found = json_value(tomllib.loads(text))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError, OverflowError):
        return {}
    return found if isinstance(found, dict) else {}


def json_value(value: Any, depth: int = 0) -> Any:
    """A value as plain JSON has it; what is deeply nested is left out."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return value
    if isinstance(value, int):
        return value if value.bit_length() <= 64 else None
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if depth >= _DEEPEST:
        return None
    if isinstance(value, dict):
        return {str(key): json_value(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list):
        return [json_value(one, depth + 1) for one in value]
    return str(value)  # dates and times


def yaml_subset(lines: Sequence[str]) -> dict[str, Any]:
    """Keys and values of lines of YAML, as far as the subset goes."""
    found: dict[str, Any] = {}
    i = 0
    while i < len(lines):
        match = _KEY.match(lines[i])
        i += 1
        if not match or lines[i - 1][:1].isspace():
            continue
        start = i
        while i < len(lines) and (not lines[i].strip() or lines[i][0] in " \t-"):
            i += 1
        key, value = match[1].strip("\"'").strip(), (match[2] or "").strip()
        found[key] = _value(value, lines[start:i])
    return found


def _value(first: str, rest: Sequence[str]) -> Any:
    """A value that begins behind its key and may go on in indented lines."""
    if first[:1] in ("|", ">") and len(first) <= 3:
        return ("\n" if first[0] == "|" else " ").join(line.strip() for line in rest).strip()
    first = _without_comment(first)
    if first:
        more = " ".join(line.strip() for line in rest if line.strip())
        return _scalar(f"{first} {more}".strip())
    items = [line.strip() for line in rest if line.strip() and not line.strip().startswith("#")]
    if items and all(item == "-" or item.startswith("- ") for item in items):
        return [_scalar(_without_comment(item[1:].strip())) for item in items]
    return None


def _scalar(text: str) -> Any:
    if text[:1] == "[" and text[-1:] == "]":
        return _flow(text[1:-1])
    if len(text) > 1 and text[0] == text[-1] == "'":
        return text[1:-1].replace("''", "'")
    if len(text) > 1 and text[0] == text[-1] == '"':
        return re.sub(r"\\([\"\\/])", r"\1", text[1:-1])
    if text[:1] in ("&", "*", "!", "{"):
        return None  # anchors, tags, mappings
    if text.lower() in _WORDS:
        return _WORDS[text.lower()]
    if _NUMBER.match(text):
        return float(text) if "." in text else int(text)
    return text


def _flow(text: str) -> list[Any]:
    """The items of a list in brackets; lists in it end it."""
    items: list[Any] = []
    at = 0
    while at < len(text) and (match := _ITEM.match(text, at)) and match.end() > at:
        items.append(_scalar(match[1].strip()))
        at = match.end()
    return items


def _without_comment(text: str) -> str:
    if text[:1] in "\"'":
        return text
    return text.partition(" #")[0].rstrip() if not text.startswith("#") else ""
