"""How many rows a filter is likely to let through, by counts of values and without a scan.

Conditions are taken as independent, but for a lower and an upper bound on one field: of those
each row that has the field passes one at least. Of rows that only payloads can tell about, half.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from abi.store.filter._codes import beyond_columns, chosen
from abi.store.payload import Columns
from abi.store.payload._path_columns import PathColumns
from abi.store.payload._values import kind_of

if TYPE_CHECKING:
    from abi.store.filter._nodes import Leaf

__all__ = ["leaf_share", "share_within"]

_UPPER, _LOWER = ("$lt", "$lte"), ("$gt", "$gte")


def leaf_share(leaf: Leaf, columns: Columns) -> float:
    """Expected share of the rows that match one condition."""
    path, unsure = columns.find(leaf.path)
    n = columns.n
    if not n:
        return 0.0
    unknown = 0 if unsure is None else int(np.count_nonzero(unsure))
    sure = float(n * leaf.matches({})) if path is None else _count(leaf, path, n)
    odd = 0 if path is None else _open(leaf, path)
    return min(1.0, (sure * (1 - unknown / n) + (unknown + odd) / 2) / n)


def share_within(leaves: Sequence[Leaf], columns: Columns) -> float:
    """Expected share of the rows that match all of some conditions that order."""
    fields: dict[tuple[tuple[str, ...], str], list[Leaf]] = {}
    for leaf in leaves:
        fields.setdefault((leaf.path, kind_of(leaf.operand)), []).append(leaf)
    found = 1.0
    for (path, _), bounds in fields.items():
        known, _ = columns.find(path)
        having = 1.0 if known is None else _present(known) / max(1, columns.n)
        lower, upper = (
            min((leaf_share(leaf, columns) for leaf in bounds if leaf.op in ops), default=having)
            for ops in (_LOWER, _UPPER)
        )
        found *= max(0.0, min(lower, upper, lower + upper - having))
    return found


def _count(leaf: Leaf, path: PathColumns, n: int) -> float:
    """Rows that match, of those that columns tell about."""
    if leaf.op == "$exists":
        return _present(path) if leaf.operand else n - _present(path)
    found: float = sum(column.count(codes) for column, codes in chosen(leaf, path))
    if "null" in leaf.kinds:
        found += len(path.rows("null")) + (0 if leaf.op == "$contains" else n - _present(path))
    if leaf.op == "$contains" and "str" in leaf.kinds:
        column = path.column("str")
        found = max(found, column.count(column.containing(leaf.operand)))
    return found


def _open(leaf: Leaf, path: PathColumns) -> int:
    """Rows that have to be looked at."""
    found = len(path.rows("odd")) if beyond_columns(leaf) else 0
    if "dict" in leaf.kinds and leaf.op != "$exists":
        return max(found, _present(path))
    return max(found, len(path.rows("lists"))) if "list" in leaf.kinds else found


def _present(path: PathColumns) -> int:
    return len(path.rows("present")) if "present" in path.row_names else path.n
