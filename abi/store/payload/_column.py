"""One column: the values of one type at one path, as numbers of a sorted dictionary.

Rows with several values, elements of a list, have several entries; rows without one have none.
A number of the dictionary is called a code; those that an operator chooses are a range of codes
or a mask of them.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.store._blobs import narrow
from abi.store.payload._moments import instant

__all__ = ["NO_INSTANT", "Chosen", "Column"]

Array = npt.NDArray[Any]
I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]
Chosen = slice | Bool  # codes

NO_INSTANT = np.iinfo(np.int64).min

_DTYPES = {"int": np.int64, "float": np.float64, "bool": np.uint8, "str": np.uint8}


@dataclass(frozen=True, eq=False)
class Column:
    """Values of a path.

    Parameters
    ----------
    kind : {"str", "int", "float", "bool"}
    words : (v,) array, or (bytes,) uint8 for "str"
        The distinct values, ascending; strings by code points.
    offsets : (v + 1,) unsigned, or None
        For "str": where each string begins, and the end.
    codes : (m,) unsigned
        Which of the values each entry is.
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
        words, codes = _distinct(values)
        return cls.of_words(kind, words, codes, np.array(rows, np.uint32), n)

    @classmethod
    def of_words(cls, kind: str, words: Sequence[Any], codes: Array, rows: Array, n: int) -> Column:
        """From a sorted dictionary and entries in the order of their rows."""
        dense = len(rows) == n and bool(np.array_equal(rows, np.arange(n)))
        where = None if dense else rows
        narrowed = narrow(codes, max(0, len(words) - 1))
        if kind != "str":
            return cls(kind, np.array(words, _DTYPES[kind]), None, narrowed, where, n)
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
        try:
            words, codes = arrays["words"], arrays["codes"]
            offsets = arrays["offsets"] if kind == "str" else None
        except KeyError as error:
            raise FormatError(f"no {error}", field=where) from None
        if words.dtype != _DTYPES[kind] or words.ndim != 1:
            raise FormatError(f"words {words.dtype} {words.shape}", field=where)
        if offsets is not None:
            size = _checked_offsets(offsets, len(words), where)
        else:
            size = len(words)
            if not np.all(words[1:] > words[:-1]):
                raise FormatError("words that do not ascend", field=where)
        if codes.dtype.kind != "u" or codes.ndim != 1 or (len(codes) and codes.max() >= size):
            raise FormatError("codes of words that are not", field=where)
        rows = arrays.get("rows")
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

    @cached_property
    def where(self) -> Array:
        """The row of each entry, `(m,)`."""
        return np.arange(self.n) if self.rows is None else self.rows

    @cached_property
    def single(self) -> bool:
        """Whether no row has two entries."""
        return self.rows is None or bool(np.all(self.rows[1:] > self.rows[:-1]))

    @cached_property
    def instants(self) -> I64:
        """Microseconds since 1970 of each string, `(v,)`; `NO_INSTANT` where it is no date."""
        found = map(instant, map(self.word, range(len(self))))
        return np.fromiter((NO_INSTANT if i is None else i for i in found), np.int64, len(self))

    def containing(self, part: str) -> Bool:
        """Which strings have a part, `(v,)`: one search in all of them, joined."""
        assert self.offsets is not None
        found = np.zeros(len(self), np.bool_)
        if not part:
            return ~found
        wanted = part.encode("utf-8", "surrogatepass")
        text, ends = self.words.tobytes(), self.offsets.tolist()
        at = text.find(wanted)
        while at >= 0:
            code = bisect_right(ends, at) - 1
            found[code] = at + len(wanted) <= ends[code + 1]
            # If this hit leads out of the string, all further ones that begin in it do.
            at = text.find(wanted, ends[code + 1])
        return found

    def having(self, chosen: Chosen) -> Bool:
        """Rows with a value among those chosen, `(n,)`."""
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

    def count(self, chosen: Chosen) -> int:
        """Entries with a value among those chosen; no row is looked at but the first time."""
        if not isinstance(chosen, slice):
            return int(np.diff(self._ends)[chosen].sum())
        start, stop, _ = chosen.indices(len(self))
        return int(self._ends[stop] - self._ends[start]) if start < stop else 0

    @cached_property
    def _ends(self) -> I64:
        """Entries with a value below each, `(v + 1,)`."""
        counts = np.bincount(self.codes, minlength=len(self))
        return np.concatenate(([0], np.cumsum(counts, dtype=np.int64)))

    def _between(self, start: int, stop: int) -> Bool:
        if start == 0:
            return np.asarray(self.codes < stop)
        if stop == len(self):
            return np.asarray(self.codes >= start)
        return np.asarray((self.codes >= start) & (self.codes < stop))


def _checked_offsets(offsets: Array, length: int, where: str) -> int:
    """How many strings there are."""
    if offsets.ndim != 1 or offsets.dtype.kind != "u" or not len(offsets):
        raise FormatError(f"offsets {offsets.dtype} {offsets.shape}", field=where)
    if offsets[0] or offsets[-1] != length or np.any(offsets[1:] < offsets[:-1]):
        raise FormatError("offsets that do not ascend to the end", field=where)
    return len(offsets) - 1


def _distinct(values: Sequence[Any]) -> tuple[list[Any], I64]:
    """Distinct values in order, and the number of each value."""
    words = sorted(set(values))
    place = {word: code for code, word in enumerate(words)}
    return words, np.fromiter(map(place.__getitem__, values), np.int64, len(values))
