"""Collects the values of payloads by path and type."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["KINDS", "MAX_PATHS", "ROWS", "Entries", "gather"]

KINDS = ("str", "int", "float", "bool")
ROWS = ("null", "present", "lists", "odd")
MAX_PATHS = 256

_MAX_TEXT = 256  # bytes of a string that has a place in a column
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1
_MAX_STEPS = 32


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
        elif (kind == "int" and not _LEAST <= value <= _MOST) or (
            kind == "str" and len(value.encode()) > _MAX_TEXT
        ):
            self.mark("odd", row)
        else:
            rows, values = self.values.setdefault(kind, ([], []))
            rows.append(row)
            values.append(value)

    def mark(self, name: str, row: int) -> None:
        self.rows.setdefault(name, []).append(row)


def gather(payloads: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Entries], bool]:
    """Entries by path, and whether every path has some."""
    found: dict[str, Entries] = {}
    complete = True
    for row, payload in enumerate(payloads):
        complete &= _walk(found, row, payload, "", 0)
    n = len(payloads)
    for entries in found.values():
        if len(set(entries.rows["present"])) == n:
            del entries.rows["present"]  # everywhere
    return found, complete


def _walk(
    found: dict[str, Entries], row: int, value: Mapping[str, Any], prefix: str, depth: int
) -> bool:
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
        complete &= _value(found, entries, row, item, path, depth)
    return complete


def _value(
    found: dict[str, Entries], entries: Entries, row: int, value: Any, path: str, depth: int
) -> bool:
    if type(value) is dict:
        return _walk(found, row, value, f"{path}.", depth + 1)
    if type(value) is not list:
        entries.add(row, value)
        return True
    entries.mark("lists", row)
    complete = True
    for item in value:
        if type(item) is dict:
            complete &= _walk(found, row, item, f"{path}.", depth + 1)
        elif type(item) is list:
            entries.mark("odd", row)
        else:
            entries.add(row, item)
    return complete
