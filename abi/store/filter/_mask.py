"""One operator on one path, judged by columns: comparisons of small integers.

What no column has, odd values and elements that are taken by their number, is left open, and
just for the rows that may have such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from abi.store.filter._codes import SCALARS, beyond_columns, chosen
from abi.store.filter._verdict import Verdict
from abi.store.payload import Columns
from abi.store.payload._path_columns import PathColumns

if TYPE_CHECKING:
    from abi.store.filter._nodes import Leaf

__all__ = ["leaf_verdict"]

Bool = npt.NDArray[np.bool_]


def leaf_verdict(leaf: Leaf, columns: Columns) -> Verdict:
    """What columns say of each row."""
    path, unsure = columns.find(leaf.path)
    if path is None:
        return Verdict.of(np.full(columns.n, leaf.matches({})), unsure)
    if leaf.op == "$exists":
        yes, look = path.present == leaf.operand, None
    elif leaf.op == "$contains":
        yes, look = _contains(leaf, path, columns)
    else:
        yes, look = _scalars(leaf, path), _composites(leaf, path)
    if path.has("odd") and beyond_columns(leaf):
        look = _either(look, path.mask("odd"))
    return Verdict.of(yes, _either(look, unsure))


def _scalars(leaf: Leaf, path: PathColumns) -> Bool:
    """Rows with a scalar that matches; for equality, null where it is asked for."""
    masks = [column.having(codes) for column, codes in chosen(leaf, path)]
    if "null" in leaf.kinds:
        masks.append(path.mask("null"))
        if leaf.op != "$contains":  # what is missing is null, but no element
            masks.append(~path.present)
    found = masks[0] if masks else np.zeros(path.n, np.bool_)
    for mask in masks[1:]:
        found = found | mask
    return found


def _composites(leaf: Leaf, path: PathColumns) -> Bool | None:
    """Rows that may hold a list or an object that is asked for; None for none."""
    if "dict" in leaf.kinds:
        return path.present
    return path.mask("lists") if "list" in leaf.kinds and path.has("lists") else None


def _contains(leaf: Leaf, path: PathColumns, columns: Columns) -> tuple[Bool, Bool | None]:
    """Elements of lists and parts of strings."""
    lists = path.mask("lists")
    found = _scalars(leaf, path) & lists
    look = lists if not leaf.kinds <= {*SCALARS, "null"} else None
    if "str" in leaf.kinds:
        column = path.column("str")
        parts = column.having(column.containing(leaf.operand))
    else:
        parts = np.zeros(path.n, np.bool_)
    # Where a list on the way leads to lists and to other values, the entries do not tell which
    # of them are elements.
    mixed = lists & columns.within_lists(leaf.path)
    if mixed.any():
        look = _either(look, mixed & (found | parts))
    return found | (parts & ~lists), look


def _either(a: Bool | None, b: Bool | None) -> Bool | None:
    return b if a is None else a if b is None else a | b
