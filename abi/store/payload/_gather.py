"""Collects the values of payloads by path and type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["KINDS", "MAX_PATHS", "ROWS", "Entries", "gather", "is_odd"]

KINDS = ("str", "int", "float", "bool")
ROWS = ("null", "present", "lists", "odd")
MAX_PATHS = 256

_MAX_TEXT = 256  # bytes of a string that has a place in a column
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


class Entries:
    """What one path has: values by kind with their rows, and rows of other kinds."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[list[int], list[Any]]] = {}
        self.rows: dict[str, list[int]] = {"present": []}

    def add(self, row: int, value: Any) -> None:
        """A scalar."""
        kind = type(value).__name__
        if value is None:
            self.mark("null", row)
        elif kind in ("int", "str") and is_odd(value):
            self.mark("odd", row)
        else:
            rows, values = self.values.setdefault(kind, ([], []))
            rows.append(row)
            values.append(value)

    def mark(self, name: str, row: int) -> None:
        self.rows.setdefault(name, []).append(row)


def is_odd(value: str | float) -> bool:
    """Whether a string is too long for a column, or a number equals no integer of 64 bits."""
    if not isinstance(value, str):
        return not _LEAST <= value <= _MOST
    if value.isascii():
        return len(value) > _MAX_TEXT
    try:
        return len(value.encode()) > _MAX_TEXT
    except UnicodeEncodeError:  # a lone surrogate, in a file that others wrote
        return True


def gather(payloads: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Entries], list[int]]:
    """Entries by path, and the rows with a path that has none, there being too many."""
    found: dict[str, Entries] = {}
    left = [row for row, payload in enumerate(payloads) if not _walk(found, row, payload, "")]
    n = len(payloads)
    for entries in found.values():
        if len(set(entries.rows["present"])) == n:
            del entries.rows["present"]  # everywhere
    return found, left


def _walk(found: dict[str, Entries], row: int, value: Mapping[str, Any], prefix: str) -> bool:
    """The fields of an object; False if one has no place among the paths."""
    complete = True
    for key, item in value.items():
        # A key with a dot in it is not what a path with a dot leads to.
        if "." in key:
            continue
        path = f"{prefix}{key}"
        entries = found.get(path)
        if entries is None:
            if len(found) == MAX_PATHS:
                complete = False
                continue
            entries = found[path] = Entries()
        entries.mark("present", row)
        complete &= _value(found, entries, row, item, path)
    return complete


def _value(found: dict[str, Entries], entries: Entries, row: int, value: Any, path: str) -> bool:
    if type(value) is dict:
        return _walk(found, row, value, f"{path}.")
    if type(value) is not list:
        entries.add(row, value)
        return True
    entries.mark("lists", row)
    complete = True
    for item in value:
        if type(item) is dict:
            complete &= _walk(found, row, item, f"{path}.")
        elif type(item) is list:
            entries.mark("odd", row)
        else:
            entries.add(row, item)
    return complete
