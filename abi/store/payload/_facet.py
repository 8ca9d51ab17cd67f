"""How many rows have each value of a path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.store.payload._columns import Columns, PathColumns
from abi.store.payload._values import values_at

__all__ = ["Key", "facet", "keys_of"]

Bool = npt.NDArray[np.bool_]
Key = tuple[str, Any]  # the type's name, so that True is not 1, and the value


def keys_of(payload: Mapping[str, Any], path: tuple[str, ...]) -> set[Key]:
    """The distinct scalars that a path leads to, elements of lists among them; no nulls."""
    found: set[Key] = set()
    for value in values_at(payload, path):
        for item in value if type(value) is list else [value]:
            if type(item) in (str, int, float, bool):
                found.add(("bool" if type(item) is bool else _kind(item), item))
    return found


def facet(
    columns: Columns,
    rows: Bool,
    path: tuple[str, ...],
    payload_at: Callable[[int], Mapping[str, Any]],
) -> Counter[Key]:
    """Rows, of those in a mask, that have each value."""
    key = ".".join(path)
    known = columns.paths.get(key)
    if any(step.isdecimal() for step in path) or (known is None and not columns.complete):
        return _counted(np.flatnonzero(rows), path, payload_at)
    if known is None:
        return Counter()
    odd = known.mask("odd") & rows
    found = _counted(np.flatnonzero(odd), path, payload_at)
    plain = rows & ~odd
    for kind in known.kinds:
        column = known.column(kind)
        row = np.arange(columns.n) if column.rows is None else column.rows
        kept = plain[row]
        pairs = np.unique(np.stack([row[kept], column.codes[kept].astype(np.int64)]), axis=1)
        counts = np.bincount(pairs[1].astype(np.intp), minlength=len(column))
        for code in np.flatnonzero(counts).tolist():
            value = column.word(code)
            found[kind if kind in ("bool", "str") else "number", value] += int(counts[code])
    for value, twice in _twice(known, plain):
        found["number", value] -= twice
    return found


def _twice(path: PathColumns, rows: Bool) -> Iterator[tuple[float, int]]:
    """Numbers that rows have both as an integer and as a float, 1 and 1.0, and in how many."""
    integers, floats = path.column("int"), path.column("float")
    places = {integers.word(code): code for code in range(len(integers))} if len(floats) else {}
    for code in range(len(floats)):
        value = floats.word(code)
        if value in places:
            place = places[value]
            both = integers.having(slice(place, place + 1)) & floats.having(slice(code, code + 1))
            yield value, int(np.count_nonzero(both & rows))


def _counted(
    rows: Iterable[int], path: tuple[str, ...], payload_at: Callable[[int], Mapping[str, Any]]
) -> Counter[Key]:
    found: Counter[Key] = Counter()
    for row in rows:
        found.update(keys_of(payload_at(int(row)), path))
    return found


def _kind(value: object) -> str:
    return "str" if type(value) is str else "number"
