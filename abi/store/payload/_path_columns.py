"""The columns of one path; of a file, each array is looked at when it is first used."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.store.payload._column import Column

__all__ = ["PathColumns", "checked_rows", "mask_of"]

Array = npt.NDArray[Any]
Bool = npt.NDArray[np.bool_]


class PathColumns:
    """The columns of one path.

    Parameters
    ----------
    n : int
        Rows.
    columns : dict of str to Column
        By kind.
    rows : dict of str to (m,) unsigned
        Rows that are null, present, lists, odd; without `present`, all are.
    """

    def __init__(self, n: int, columns: Mapping[str, Column], rows: Mapping[str, Array]) -> None:
        self.n = n
        self.kinds: tuple[str, ...] = tuple(columns)
        self.row_names: tuple[str, ...] = tuple(rows)
        self._columns, self._rows = dict(columns), dict(rows)
        self._saved: Mapping[str, Array] = {}
        self._prefix = ""

    @classmethod
    def saved(
        cls,
        n: int,
        kinds: Sequence[str],
        row_names: Sequence[str],
        arrays: Mapping[str, Array],
        prefix: str,
    ) -> PathColumns:
        """From the arrays of a file whose names begin with a prefix."""
        found = cls(n, {}, {})
        found.kinds, found.row_names = tuple(kinds), tuple(row_names)
        found._saved, found._prefix = arrays, prefix
        return found

    def arrays(self) -> dict[str, Array]:
        """As they are saved."""
        found = {name: self.rows(name) for name in self.row_names}
        for kind in self.kinds:
            for name, array in self.column(kind).arrays().items():
                found[f"{kind}/{name}"] = array
        return found

    def column(self, kind: str) -> Column:
        """The column of a kind; an empty one where no value is of it.

        Raises
        ------
        FormatError
            If what was saved is no column.
        """
        if kind not in self._columns:
            self._columns[kind] = self._column(kind)
        return self._columns[kind]

    def rows(self, name: str) -> Array:
        """Rows that are null, present, lists or odd, ascending; FormatError as above."""
        if name not in self._rows:
            everywhere = np.arange(self.n if name == "present" else 0)
            self._rows[name] = self._array(name) if name in self.row_names else everywhere
        return self._rows[name]

    def mask(self, name: str) -> Bool:
        """The same as a mask, `(n,)`."""
        return mask_of(self.rows(name), self.n)

    def has(self, name: str) -> bool:
        """Whether there are such rows."""
        return name in self.row_names and bool(len(self.rows(name)))

    @cached_property
    def present(self) -> Bool:
        """Rows where the path leads somewhere."""
        if "present" not in self.row_names:
            return np.ones(self.n, np.bool_)
        return self.mask("present")

    def _column(self, kind: str) -> Column:
        if kind not in self.kinds:
            return Column.build(kind, [], [], self.n)
        names = ("words", "codes", "offsets", "rows")
        full = {name: f"{self._prefix}{kind}/{name}" for name in names}
        own = {name: self._saved[key] for name, key in full.items() if key in self._saved}
        return Column.from_arrays(kind, own, self.n, f"column/{self._prefix}{kind}")

    def _array(self, name: str) -> Array:
        where = f"column/{self._prefix}{name}"
        try:
            return checked_rows(self._saved[f"{self._prefix}{name}"], self.n, where)
        except KeyError:
            raise FormatError("missing", field=where) from None


def checked_rows(rows: Array, n: int, where: str) -> Array:
    """Rows of a file, if they ascend and are among n."""
    fits = rows.ndim == 1 and rows.dtype.kind == "u"
    if not fits or bool(np.any(rows[1:] <= rows[:-1])) or (len(rows) and rows[-1] >= n):
        raise FormatError("rows that are not", field=where)
    return rows


def mask_of(rows: Array, n: int) -> Bool:
    """Rows as a mask, `(n,)`."""
    found = np.zeros(n, np.bool_)
    found[rows] = True
    return found
