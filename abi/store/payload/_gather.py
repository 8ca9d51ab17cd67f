"""Collects the values of payloads by path and type.

Field by field where that can be, which is several times as fast as payload by payload.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["KINDS", "MAX_PATHS", "ROWS", "Entries", "gather", "is_odd"]

I64 = npt.NDArray[np.int64]

KINDS = ("str", "int", "float", "bool")
ROWS = ("null", "present", "lists", "odd")
MAX_PATHS = 256

_MAX_TEXT = 256  # bytes of a string that has a place in a column
_LEAST, _MOST = -(1 << 63), (1 << 63) - 1


class Entries:
    """What one path has: values by kind with their rows, and rows of other kinds."""

    def __init__(self) -> None:
        self.values: dict[str, tuple[Any, list[Any]]] = {}
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
    left: list[int] = []
    n = len(payloads)
    if not _fields(found, np.arange(n), payloads, "", everywhere=True):
        found = {}
        left = [row for row, payload in enumerate(payloads) if not _walk(found, row, payload, "")]
    for entries in found.values():
        present = entries.rows.get("present")
        if present is not None and len(set(present)) == n:
            del entries.rows["present"]  # everywhere
    return found, left


def _fields(
    found: dict[str, Entries],
    rows: I64,
    objects: Sequence[Mapping[str, Any]],
    prefix: str,
    everywhere: bool = False,
) -> bool:
    """The fields of many objects, field by field; False if there are too many paths.

    `everywhere`: these are the objects of all rows.
    """
    keys = [key for key in dict.fromkeys(chain.from_iterable(objects)) if "." not in key]
    if len(found) + len(keys) > MAX_PATHS:
        return False
    for key in keys:
        entries = found[f"{prefix}{key}"] = Entries()
        try:
            where, values = rows, [item[key] for item in objects]
            if everywhere:
                del entries.rows["present"]
        except KeyError:
            has = np.fromiter((key in item for item in objects), np.bool_, len(objects))
            where, values = rows[has], [item[key] for item in objects if key in item]
        if "present" in entries.rows:
            entries.rows["present"] = where.tolist()
        if not _values(found, entries, where, values, f"{prefix}{key}"):
            return False
    return len(found) <= MAX_PATHS


def _values(
    found: dict[str, Entries], entries: Entries, rows: I64, values: list[Any], path: str
) -> bool:
    """What is at one path, of many rows; False if there are too many paths."""
    kinds = set(map(type, values))
    if list in kinds:
        each = zip(rows.tolist(), values, strict=True)
        incomplete = [row for row, value in each if not _value(found, entries, row, value, path)]
        return not incomplete
    for kind in kinds:
        where, some = rows, values
        if len(kinds) > 1:
            where = rows[np.fromiter((type(v) is kind for v in values), np.bool_, len(values))]
            some = [value for value in values if type(value) is kind]
        if kind is dict:
            if not _fields(found, where, some, f"{path}."):
                return False
        elif kind in (bool, float) or _all_even(kind, some):
            entries.values[kind.__name__] = where, some
        else:
            for row, value in zip(where.tolist(), some, strict=True):
                entries.add(row, value)
    return True


def _all_even(kind: type, values: list[Any]) -> bool:
    """Whether all are surely not odd; those that are not surely so are looked at one by one."""
    if kind is int:
        return bool(min(values) >= _LEAST and max(values) <= _MOST)
    if kind is not str:
        return False
    text = "".join(values)
    try:
        most = _MAX_TEXT if text.isascii() or not text.encode() else _MAX_TEXT // 4
    except UnicodeEncodeError:  # as above
        return False
    return max(map(len, values)) <= most


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
