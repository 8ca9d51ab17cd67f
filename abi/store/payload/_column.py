"""One column: the values of one type at one path, as numbers of a sorted dictionary.

Rows with several values, elements of a list, have several entries; rows without one have none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.store._blobs import narrow

__all__ = ["Column"]

Array = npt.NDArray[Any]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Column:
    """Values of a path.

    Parameters
    ----------
    kind : {"str", "int", "float", "bool"}
    words : (v,) array, or (bytes, offsets) for "str"
        The distinct values, ascending; strings by code points.
    codes : (m,) unsigned
        Which of them each entry is.
    rows : (m,) unsigned or None
        The row of each entry, ascending; None when row i has entry i and no other.
    n : int
        Rows.
    """

    kind: str
    words: Array
    offsets: Array | None
    codes: Array
    rows: Array | None
    n: int

    @classmethod
    def build(cls, kind: str, rows: Sequence[int], values: Sequence[Any], n: int) -> Column:
        """From entries in the order of their rows."""
        words, codes = _distinct(kind, values)
        where: Array | None = np.array(rows, np.uint32)
        if len(rows) == n and np.array_equal(np.asarray(where), np.arange(n)):
            where = None
        narrowed = narrow(codes, max(0, len(words) - 1))
        if kind != "str":
            dtype = {"int": np.int64, "float": np.float64, "bool": np.uint8}[kind]
            return cls(kind, np.array(words, dtype), None, narrowed, where, n)
        data = [word.encode() for word in words]
        ends = np.concatenate(([0], np.cumsum([len(word) for word in data], dtype=np.int64)))
        joined = np.frombuffer(b"".join(data), np.uint8)
        return cls(kind, joined, narrow(ends, int(ends[-1])), narrowed, where, n)

    def arrays(self) -> dict[str, Array]:
        """As it is saved."""
        found = {"words": self.words, "codes": self.codes}
        if self.offsets is not None:
            found["offsets"] = self.offsets
        if self.rows is not None:
            found["rows"] = self.rows
        return found

    @classmethod
    def from_arrays(cls, kind: str, arrays: Mapping[str, Array], n: int, where: str) -> Column:
        """As it was saved; FormatError if it cannot be."""
        dtypes = {"int": np.int64, "float": np.float64, "bool": np.uint8, "str": np.uint8}
        try:
            words, codes = arrays["words"], arrays["codes"]
            offsets = arrays["offsets"] if kind == "str" else None
        except KeyError as error:
            raise FormatError(f"no {error}", field=where) from None
        rows = arrays.get("rows")
        if words.dtype != dtypes[kind] or words.ndim != 1 or codes.ndim != 1:
            raise FormatError(f"words {words.dtype} {words.shape}", field=where)
        size = len(words)
        if offsets is not None:
            size = offsets.size - 1
            ascend = offsets.ndim == 1 and size >= 0 and bool(np.all(offsets[1:] >= offsets[:-1]))
            if not ascend or offsets.dtype.kind != "u" or offsets[-1] != len(words) or offsets[0]:
                raise FormatError("offsets that do not ascend to the end", field=where)
        if codes.dtype.kind != "u" or (len(codes) and int(codes.max()) >= size):
            raise FormatError("codes of words that are not", field=where)
        if rows is None and len(codes) != n:
            raise FormatError(f"{len(codes)} codes for {n} rows", field=where)
        if rows is not None:
            fits = rows.dtype.kind == "u" and rows.shape == codes.shape
            if not fits or (len(rows) and (rows[-1] >= n or np.any(rows[1:] < rows[:-1]))):
                raise FormatError("rows that are not", field=where)
        return cls(kind, words, offsets, codes, rows, n)

    def __len__(self) -> int:
        """Distinct values."""
        return len(self.words) if self.offsets is None else len(self.offsets) - 1

    def word(self, code: int) -> Any:
        """A distinct value, as it was given."""
        if self.offsets is None:
            value = self.words[code].item()
            return bool(value) if self.kind == "bool" else value
        start, stop = int(self.offsets[code]), int(self.offsets[code + 1])
        return self.words[start:stop].tobytes().decode("utf-8", "replace")

    def having(self, chosen: slice | Bool) -> Bool:
        """Rows with a value among those chosen, a range of codes or a mask of them: `(n,)`."""
        if isinstance(chosen, slice):
            start, stop, _ = chosen.indices(len(self))
            if start >= stop:
                return np.zeros(self.n, np.bool_)
            hits = self.codes == start if stop == start + 1 else self._between(start, stop)
        else:
            hits = chosen[self.codes]
        if self.rows is None:
            return hits
        found = np.zeros(self.n, np.bool_)
        found[self.rows[hits]] = True
        return found

    def _between(self, start: int, stop: int) -> Bool:
        if start == 0:
            return np.asarray(self.codes < stop)
        if stop == len(self):
            return np.asarray(self.codes >= start)
        return np.asarray((self.codes >= start) & (self.codes < stop))


def _distinct(kind: str, values: Sequence[Any]) -> tuple[list[Any], I64]:
    """Distinct values in order, and the number of each value."""
    seen: dict[Any, int] = {}
    first = np.fromiter((seen.setdefault(v, len(seen)) for v in values), np.int64, len(values))
    words = sorted(seen)
    place = np.empty(len(words), np.int64)
    for i, word in enumerate(words):
        place[seen[word]] = i
    return words, place[first] if len(first) else first
