"""One operator on one path, judged by columns: comparisons of small integers.

What no column has, odd values and paths with a number among their steps, is judged by the
payloads themselves, of just the rows that have something there.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from abi.store.filter._compare import ORDER, Moment, instant, kind_of
from abi.store.payload import Columns

if TYPE_CHECKING:
    from abi.store.filter._nodes import Leaf
    from abi.store.payload._column import Column
    from abi.store.payload._columns import PathColumns

__all__ = ["leaf_mask"]

Bool = npt.NDArray[np.bool_]
PayloadAt = Callable[[int], Mapping[str, Any]]

_KINDS = {"number": ("int", "float"), "str": ("str",), "bool": ("bool",), "moment": ("str",)}


def leaf_mask(leaf: Leaf, columns: Columns, payload_at: PayloadAt) -> Bool:
    """Which rows match, `(n,)`."""
    if any(step.isdecimal() for step in leaf.path) or not all(leaf.path):
        return _judged(leaf, np.ones(columns.n, np.bool_), columns.n, payload_at)
    path = columns.paths.get(".".join(leaf.path))
    if path is None:
        if not columns.complete:
            return _judged(leaf, np.ones(columns.n, np.bool_), columns.n, payload_at)
        return np.full(columns.n, leaf.matches({}))
    found, look = _by_columns(leaf, path)
    look = look | path.mask("odd")
    return np.where(look, _judged(leaf, look, columns.n, payload_at), found)


def _judged(leaf: Leaf, rows: Bool, n: int, payload_at: PayloadAt) -> Bool:
    found = np.zeros(n, np.bool_)
    for row in np.flatnonzero(rows).tolist():
        found[row] = leaf.matches(payload_at(row))
    return found


def _by_columns(leaf: Leaf, path: PathColumns) -> tuple[Bool, Bool]:
    """Rows that match, and rows that have to be looked at."""
    nothing = np.zeros(path.n, np.bool_)
    if leaf.op == "$exists":
        return (path.present if leaf.operand else ~path.present), nothing
    if leaf.op == "$contains":
        return _contains(leaf, path)
    if leaf.op == "$in":
        found, look = nothing.copy(), nothing
        for kind, operands in _by_kind(leaf.operand).items():
            more, closer = _equal(path, kind, operands)
            found, look = found | more, look | closer
        return found, look
    if leaf.op == "$eq":
        return _equal(path, kind_of(leaf.operand), [leaf.operand])
    found = nothing
    for kind in _KINDS[kind_of(leaf.operand)]:
        column = path.column(kind)
        found = found | column.having(_ordered(column, leaf.op, leaf.operand))
    return found, nothing


def _by_kind(operands: list[Any]) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {}
    for operand in operands:
        found.setdefault(kind_of(operand), []).append(operand)
    return found


def _equal(path: PathColumns, kind: str, operands: list[Any]) -> tuple[Bool, Bool]:
    """Rows with a value equal to one of some, all of one kind."""
    nothing = np.zeros(path.n, np.bool_)
    if kind == "null":
        return path.mask("null") | ~path.present, nothing
    if kind not in _KINDS:  # whole lists and objects
        return nothing, path.present
    found = nothing
    for name in _KINDS[kind]:
        column = path.column(name)
        ranges = [r for operand in operands for r in _places(column, operand)]
        found = found | column.having(_joined(ranges, len(column)))
    return found, nothing


def _joined(ranges: list[slice], size: int) -> slice | Bool:
    if len(ranges) == 1:
        return ranges[0]
    chosen = np.zeros(size, np.bool_)
    for some in ranges:
        chosen[some] = True
    return chosen


def _places(column: Column, operand: Any) -> Iterator[slice]:
    """Codes of the values equal to an operand."""
    if isinstance(operand, Moment):
        wanted = instant(operand)
        same = [
            i for i, when in enumerate(_instants(column)) if when is not None and when == wanted
        ]
        yield from (slice(i, i + 1) for i in same)
        return
    numbers = range(len(column))
    start = bisect_left(numbers, operand, key=column.word)
    yield slice(start, bisect_right(numbers, operand, lo=start, key=column.word))


def _ordered(column: Column, op: str, operand: Any) -> slice | Bool:
    """Codes of the values above or below an operand."""
    numbers = range(len(column))
    if isinstance(operand, Moment):
        wanted, order = instant(operand), ORDER[op]
        moments = (when is not None and order(when, wanted) for when in _instants(column))
        return np.fromiter(moments, np.bool_, len(column))
    if op in ("$gt", "$lte"):
        place = bisect_right(numbers, operand, key=column.word)
    else:
        place = bisect_left(numbers, operand, key=column.word)
    return slice(place, None) if op in ("$gt", "$gte") else slice(0, place)


def _instants(column: Column) -> list[int | None]:
    return [instant(column.word(code)) for code in range(len(column))]


def _contains(leaf: Leaf, path: PathColumns) -> tuple[Bool, Bool]:
    """Elements of lists and parts of strings; which of both a value is, is looked at."""
    lists = path.mask("lists")
    found, look = _equal(path, kind_of(leaf.operand), [leaf.operand])
    if leaf.operand is None:  # not what is missing
        found = found & path.present
    found, look = np.zeros(path.n, np.bool_), (found | look) & lists
    if type(leaf.operand) is str:
        column = path.column("str")
        words = (leaf.operand in column.word(code) for code in range(len(column)))
        parts = column.having(np.fromiter(words, np.bool_, len(column)))
        look = look | (parts & lists)  # an element that has the part is no match by itself
        found = parts & ~lists
    return found, look
