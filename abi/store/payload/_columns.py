"""Columns of the payloads of n rows, for every path that leads to scalars; none is declared.

Arrays: `index`, JSON as bytes, lists the paths and what each has; the arrays of path i begin
with `<i>/`: a `Column` each of `str`, `int`, `float` and `bool`, and rows, ascending:

    null     a value is null           present  the path leads somewhere
    lists    a value is a list         odd      what is there no column has: it is looked at itself

Odd are lists within lists, strings of more than 256 bytes, integers beyond 64 bits. Of more than
256 paths, those that came last have no columns; `left` has the rows that have some of these.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from abi._nesting import check_json
from abi.errors import FormatError
from abi.store._blobs import narrow
from abi.store.payload._column import Column
from abi.store.payload._gather import KINDS, MAX_PATHS, ROWS, gather
from abi.store.payload._merge import merge
from abi.store.payload._path_columns import PathColumns, checked_rows, mask_of
from abi.store.payload._values import is_index

__all__ = ["Columns"]

Array = npt.NDArray[Any]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


class Columns:
    """Columns of n payloads.

    Parameters
    ----------
    n : int
    paths : dict of str to PathColumns
    left : (m,) unsigned, optional
        Rows with a path that has no columns; None where any may have one.
    """

    def __init__(self, n: int, paths: Mapping[str, PathColumns], left: Array | None) -> None:
        self.n, self.paths, self._left = n, paths, left

    @classmethod
    def build(cls, payloads: Sequence[Mapping[str, Any]]) -> Columns:
        """Of payloads, one a row.

        Examples
        --------
        >>> columns = Columns.build([{"a": 1}, {}, {"a": [2, 3]}])
        >>> columns.paths["a"].column("int").having(slice(1, 3)).tolist()
        [False, False, True]
        """
        n = len(payloads)
        entries, left = gather(payloads)
        paths = {}
        for path, found in entries.items():
            columns = {kind: Column.build(kind, *found.values[kind], n) for kind in found.values}
            rows = {name: _distinct_rows(found.rows[name], n) for name in found.rows}
            paths[path] = PathColumns(n, columns, rows)
        return cls(n, paths, _distinct_rows(left, n))

    @classmethod
    def merge(cls, parts: Sequence[Columns], rows: Sequence[I64], n: int) -> Columns | None:
        """Of several, joined without a look at the payloads.

        Parameters
        ----------
        parts : sequence of Columns
        rows : sequence of (part's n,) int64
            The new row of each row of a part, or -1 for none; no two rows become one.
        n : int
            Rows of the whole.

        Returns
        -------
        Columns or None
            None where only the payloads can tell: some path has no columns, or there are more
            than 256 in all.

        Examples
        --------
        >>> old = Columns.build([{"a": 1}, {"a": 2}])
        >>> new = Columns.merge([old, old], [np.array([-1, 0]), np.array([2, 1])], 3)
        >>> new.paths["a"].column("int").codes.tolist()  # of the words 1 and 2
        [1, 1, 0]
        """
        names = list(dict.fromkeys(path for part in parts for path in part.paths))
        if len(names) > MAX_PATHS or not all(part.complete for part in parts):
            return None
        paths = {}
        for name in names:
            having = [i for i, part in enumerate(parts) if name in part.paths]
            merged = merge([parts[i].paths[name] for i in having], [rows[i] for i in having], n)
            if merged is not None:
                paths[name] = merged
        return cls(n, paths, np.zeros(0, np.uint8))

    def arrays(self) -> dict[str, Array]:
        """As they are saved."""
        found: dict[str, Array] = {}
        index = []
        for number, (path, columns) in enumerate(self.paths.items()):
            index.append([path, columns.kinds, columns.row_names])
            found.update((f"{number}/{name}", a) for name, a in columns.arrays().items())
        if not self.complete and self._left is not None:
            found["left"] = self._left
        text = json.dumps({"complete": self.complete, "paths": index})
        return {"index": np.frombuffer(text.encode(), np.uint8), **found}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], n: int) -> Columns:
        """As they were saved; none at all for rows without payloads. Only `index` is read.

        Raises
        ------
        FormatError
            If they are no columns of n rows; or later, of what is only then looked at.
        """
        nothing = np.zeros(0, np.uint8)
        if not arrays:
            return cls(n, {}, nothing)
        try:
            text = arrays["index"].tobytes()
            check_json(text)
            index = json.loads(text)
            complete, listed = index["complete"], index["paths"]
            if type(complete) is not bool or len(listed) > MAX_PATHS:
                raise ValueError("no index")
            paths = {}
            for number, (path, kinds, rows) in enumerate(listed):
                known = set(kinds) <= set(KINDS) and set(rows) <= set(ROWS)
                if type(path) is not str or path in paths or not known:
                    raise ValueError("unknown kinds")
                paths[path] = PathColumns.saved(n, kinds, rows, arrays, f"{number}/")
            return cls(n, paths, nothing if complete else arrays.get("left"))
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise FormatError(f"no columns: {error!r}", field="column") from None

    @cached_property
    def complete(self) -> bool:
        """Whether a path without columns leads nowhere in any row."""
        return self._left is not None and not len(checked_rows(self._left, self.n, "column/left"))

    def find(self, path: tuple[str, ...]) -> tuple[PathColumns | None, Bool | None]:
        """The columns of a path, and the rows of which they say nothing certain.

        Those are where the path may be without columns, and where a step that is a number may
        take an element of a list. None where there are none.
        """
        found = self.paths.get(".".join(path))
        unsure = None
        if found is None and not self.complete:
            left = np.arange(self.n) if self._left is None else self._left
            unsure = mask_of(left, self.n)
        for i, step in enumerate(path):
            ahead = self.paths.get(".".join(path[:i])) if i and is_index(step) else None
            if ahead is not None and ahead.has("lists"):
                lists = ahead.mask("lists")
                unsure = lists if unsure is None else unsure | lists
        return found, unsure

    def within_lists(self, path: tuple[str, ...]) -> Bool:
        """Rows with a list on the way to a path, before its end, `(n,)`."""
        found = np.zeros(self.n, np.bool_)
        for i in range(1, len(path)):
            ahead = self.paths.get(".".join(path[:i]))
            if ahead is not None and ahead.has("lists"):
                found |= ahead.mask("lists")
        return found


def _distinct_rows(rows: list[int], n: int) -> Array:
    return narrow(np.unique(np.array(rows, np.int64)), max(1, n))
