"""Columns of the payloads of n rows, for every path that leads to scalars; none is declared.

Arrays: `index`, JSON as bytes, lists the paths and what each has; the arrays of path i begin
with `<i>/`: a `Column` each of `str`, `int`, `float` and `bool`, and rows, ascending:

    null     a value is null           present  the path leads somewhere
    lists    a value is a list         odd      what is there no column has: it is looked at itself

Odd are lists within lists, strings of more than 256 bytes, integers beyond 64 bits.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.store._blobs import narrow
from abi.store.payload._column import Column
from abi.store.payload._gather import KINDS, MAX_PATHS, ROWS, gather

__all__ = ["Columns", "PathColumns"]

Array = npt.NDArray[Any]
Bool = npt.NDArray[np.bool_]


class Columns:
    """Columns of n payloads.

    Parameters
    ----------
    n : int
    paths : dict of str to PathColumns
    complete : bool
        Whether a path without columns leads nowhere in any row.
    """

    def __init__(self, n: int, paths: Mapping[str, PathColumns], complete: bool) -> None:
        self.n, self.paths, self.complete = n, paths, complete

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
        entries, complete = gather(payloads)
        paths = {}
        for path, found in entries.items():
            columns = {kind: Column.build(kind, *found.values[kind], n) for kind in found.values}
            rows = {name: _distinct_rows(found.rows[name], n) for name in found.rows}
            paths[path] = PathColumns(n, columns, rows)
        return cls(n, paths, complete)

    def arrays(self) -> dict[str, Array]:
        """As they are saved."""
        found: dict[str, Array] = {}
        index = []
        for number, (path, columns) in enumerate(self.paths.items()):
            index.append([path, list(columns.kinds), list(columns.rows)])
            for kind in columns.kinds:
                for name, array in columns.column(kind).arrays().items():
                    found[f"{number}/{kind}/{name}"] = array
            for name, array in columns.rows.items():
                found[f"{number}/{name}"] = array
        text = json.dumps({"complete": self.complete, "paths": index}, ensure_ascii=False)
        return {"index": np.frombuffer(text.encode(), np.uint8), **found}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, Array], n: int) -> Columns:
        """As they were saved; none at all for rows without payloads.

        Raises
        ------
        FormatError
            If they are no columns of n rows.
        """
        if not arrays:
            return cls(n, {}, complete=True)
        try:
            index = json.loads(arrays["index"].tobytes())
            paths = {}
            for number, (path, kinds, rows) in enumerate(index["paths"]):
                if (
                    type(path) is not str
                    or not set(kinds) <= set(KINDS)
                    or not set(rows) <= set(ROWS)
                ):
                    raise ValueError("unknown kinds")
                prefix = f"{number}/"
                own = {k[len(prefix) :]: a for k, a in arrays.items() if k.startswith(prefix)}
                paths[path] = PathColumns.saved(n, kinds, {name: own[name] for name in rows}, own)
            if len(paths) > MAX_PATHS or type(index["complete"]) is not bool:
                raise ValueError("no index")
            return cls(n, paths, index["complete"])
        except FormatError:
            raise
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise FormatError(f"no columns: {error!r}", field="column") from None


class PathColumns:
    """The columns of one path.

    Parameters
    ----------
    n : int
        Rows.
    columns : dict of str to Column
        By kind.
    rows : dict of str to (m,) unsigned
        Rows that are null, present, lists, odd.
    """

    def __init__(self, n: int, columns: Mapping[str, Column], rows: Mapping[str, Array]) -> None:
        self.n, self.rows = n, rows
        self._columns = dict(columns)
        self._saved: Mapping[str, Array] = {}
        self.kinds: tuple[str, ...] = tuple(columns)

    @classmethod
    def saved(
        cls, n: int, kinds: Sequence[str], rows: Mapping[str, Array], arrays: Mapping[str, Array]
    ) -> PathColumns:
        """From a file; a column is looked at when it is first used."""
        found = cls(n, {}, rows)
        found.kinds, found._saved = tuple(kinds), arrays
        for name, array in rows.items():
            ascend = (
                array.ndim == 1 and array.dtype.kind == "u" and bool(np.all(array[1:] > array[:-1]))
            )
            if not ascend or (len(array) and array[-1] >= n):
                raise FormatError("rows that are not", field=f"column/{name}")
        return found

    def column(self, kind: str) -> Column:
        """The column of a kind; an empty one where no value is of it."""
        if kind not in self._columns:
            if kind in self.kinds:
                own = {
                    k[len(kind) + 1 :]: a
                    for k, a in self._saved.items()
                    if k.startswith(f"{kind}/")
                }
                self._columns[kind] = Column.from_arrays(kind, own, self.n, f"column/{kind}")
            else:
                self._columns[kind] = Column.build(kind, [], [], self.n)
        return self._columns[kind]

    def mask(self, name: str) -> Bool:
        """Rows that are null, present, lists or odd, as a mask."""
        found = np.zeros(self.n, np.bool_)
        if name in self.rows:
            found[self.rows[name]] = True
        return found

    @cached_property
    def present(self) -> Bool:
        """Rows where the path leads somewhere."""
        if "present" not in self.rows:  # everywhere
            return np.ones(self.n, np.bool_)
        return self.mask("present")


def _distinct_rows(rows: list[int], n: int) -> Array:
    return narrow(np.unique(np.array(rows, np.int64)), max(1, n))
