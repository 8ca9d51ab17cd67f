"""How many rows have each value of a path."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.store.payload._column import Column
from abi.store.payload._columns import Columns
from abi.store.payload._path_columns import PathColumns, mask_of
from abi.store.payload._values import Key, keys_of, kind_of

__all__ = ["facet"]

Bool = npt.NDArray[np.bool_]
I64 = npt.NDArray[np.int64]


def facet(
    columns: Columns,
    rows: Bool,
    path: tuple[str, ...],
    payload_at: Callable[[int], Mapping[str, Any]],
) -> Counter[Key]:
    """Rows, of those in a mask, that have each value.

    Parameters
    ----------
    columns : Columns
    rows : (n,) bool
    path : tuple of str
    payload_at : callable
        Gives the payload of a row; asked for the rows of which no column tells all.

    Returns
    -------
    Counter of (kind, value)
        A row with a list counts once for each distinct element; nulls, lists and objects are no
        values here.

    Examples
    --------
    >>> columns = Columns.build([{"a": "x"}, {"a": ["x", "y", "x"]}, {}])
    >>> facet(columns, np.ones(3, bool), ("a",), lambda row: {})
    Counter({('str', 'x'): 2, ('str', 'y'): 1})
    """
    known, unsure = columns.find(path)
    look = np.zeros(columns.n, np.bool_) if unsure is None else unsure
    if known is not None:
        look = look | known.mask("odd") | _of_both_numbers(known)
    found: Counter[Key] = Counter()
    for row in np.flatnonzero(look & rows).tolist():
        found.update(keys_of(payload_at(row), path))
    if known is not None:
        for kind in known.kinds:
            column = known.column(kind)
            counts = _counts(column, rows & ~look)
            for code in np.flatnonzero(counts).tolist():
                value = column.word(code)
                found[kind_of(value), value] += int(counts[code])
    return found


def _of_both_numbers(path: PathColumns) -> Bool:
    """Rows with an integer and a float, which may be equal."""
    if not {"int", "float"} <= set(path.kinds):
        return np.zeros(path.n, np.bool_)
    return mask_of(path.column("int").where, path.n) & mask_of(path.column("float").where, path.n)


def _counts(column: Column, rows: Bool) -> I64:
    """How many of the rows have each word, `(v,)`."""
    kept = rows[column.where]
    codes = column.codes[kept].astype(np.int64)
    if not column.single:  # the same word twice in a row counts once
        size = max(1, len(column))
        codes = np.unique(column.where[kept].astype(np.int64) * size + codes) % size
    return np.bincount(codes, minlength=len(column))
