"""Which values of a path's columns an operator chooses: codes of their sorted dictionaries."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from abi.store.filter._compare import ORDER
from abi.store.payload._column import NO_INSTANT, Chosen, Column
from abi.store.payload._gather import is_odd
from abi.store.payload._moments import instant
from abi.store.payload._path_columns import PathColumns
from abi.store.payload._values import kind_of

if TYPE_CHECKING:
    from abi.store.filter._nodes import Leaf

__all__ = ["SCALARS", "beyond_columns", "chosen"]

SCALARS = {"number": ("int", "float"), "str": ("str",), "bool": ("bool",), "moment": ("str",)}


def chosen(leaf: Leaf, path: PathColumns) -> Iterator[tuple[Column, Chosen]]:
    """Columns with the values that match an operator on scalars; `$contains` asks for equals."""
    if leaf.op in ORDER:
        for name in SCALARS[kind_of(leaf.operand)]:
            column = path.column(name)
            if len(column):
                yield column, _ordered(column, leaf.op, leaf.operand)
        return
    by_kind: dict[str, list[Any]] = {}
    for kind, value in leaf.keys:
        by_kind.setdefault(kind, []).append(value)
    for kind, operands in by_kind.items():
        for name in SCALARS.get(kind, ()):
            column = path.column(name)
            if not len(column):
                continue
            if kind == "moment":
                yield column, np.isin(column.instants, np.array(operands, np.int64))
            else:
                yield column, _equal(column, operands)


def beyond_columns(leaf: Leaf) -> bool:
    """Whether an operator may match what no column has, where a value is odd."""
    if leaf.op == "$exists":
        return False
    if leaf.op in ORDER or "moment" in leaf.kinds:
        return True
    if leaf.op == "$contains" and "str" in leaf.kinds:
        return True  # a part of a long string
    return any(
        (kind not in SCALARS and kind != "null") or (kind in ("number", "str") and is_odd(value))
        for kind, value in leaf.keys
    )


def _equal(column: Column, operands: list[Any]) -> Chosen:
    places = [place for operand in operands if (place := _place(column, operand)) is not None]
    if len(places) <= 1:
        return slice(places[0], places[0] + 1) if places else slice(0, 0)
    found = np.zeros(len(column), np.bool_)
    found[places] = True
    return found


def _place(column: Column, operand: Any) -> int | None:
    """The code of a value, None if there is none."""
    place = bisect_left(range(len(column)), operand, key=column.word)
    return place if place < len(column) and column.word(place) == operand else None


def _ordered(column: Column, op: str, operand: Any) -> Chosen:
    """Codes of the values above or below an operand."""
    if kind_of(operand) == "moment":
        fits: npt.NDArray[np.bool_] = ORDER[op](column.instants, instant(operand))
        return fits & np.not_equal(column.instants, NO_INSTANT)
    find = bisect_right if op in ("$gt", "$lte") else bisect_left
    place = find(range(len(column)), operand, key=column.word)
    return slice(place, None) if op in ("$gt", "$gte") else slice(0, place)
