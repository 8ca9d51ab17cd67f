"""Ids of points: strings or unsigned 64-bit integers, found without a table in memory.

Integers are kept as they are. Once one id is a string, all are bytes, found by their CRC-32
in sorted order and then compared.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError, InputError
from abi.store._blobs import Blobs, narrow
from abi.store._pack import Array

__all__ = ["MAX_ID_BYTES", "Id", "IdTable", "check_ids"]

Id = str | int

MAX_ID_BYTES = 1024
_TOP = (1 << 64) - 1
_STRING, _INTEGER = b"s", b"i"  # what the bytes of an id begin with

I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]


def check_ids(ids: Any, where: str = "ids") -> list[Id]:
    """Ids as they are kept.

    Parameters
    ----------
    ids : sequence of str or int, or integer array
    where : str
        Name of the argument, for messages.

    Raises
    ------
    InputError
        If one is neither, out of range, too long, or there twice.
    """
    if isinstance(ids, np.ndarray):
        ids = ids.tolist()
    if isinstance(ids, str | bytes) or not isinstance(ids, Sequence):
        raise InputError(f"{where}: got {type(ids).__name__}; expected a list of ids")
    plain = _all_plain(ids)
    found = list(ids) if plain else [_check(value, where, i) for i, value in enumerate(ids)]
    if len(set(found)) != len(found):
        seen: set[Id] = set()
        twice = next(i for i in found if i in seen or seen.add(i))  # type: ignore[func-returns-value]
        raise InputError(f"{where}: {twice!r} is there twice; give each id once in a batch")
    return found


def _all_plain(ids: Sequence[Any]) -> bool:
    """Whether a look at all of them at once says that each can be kept."""
    kinds = set(map(type, ids))
    if kinds == {int}:
        return bool(min(ids) >= 0 and max(ids) <= _TOP)
    if kinds != {str}:
        return False
    return "".join(ids).isascii() and "" not in ids and max(map(len, ids)) <= MAX_ID_BYTES


def _check(value: object, where: str, i: int) -> Id:
    if type(value) is str:
        try:
            size = len(value.encode())
        except UnicodeEncodeError:
            raise InputError(f"{where}[{i}]: {value!r} has a lone surrogate") from None
        if 0 < size <= MAX_ID_BYTES:
            return value
        raise InputError(f"{where}[{i}]: {size} bytes; expected 1 to {MAX_ID_BYTES}")
    if isinstance(value, np.integer):
        value = int(value)
    if type(value) is int:
        if 0 <= value <= _TOP:
            return value
        raise InputError(f"{where}[{i}]: {value}; expected 0 to 2**64 - 1, or a string")
    kind = type(value).__name__
    raise InputError(f"{where}[{i}]: got {kind}; expected a string or an integer, as str(id)")


class IdTable:
    """The ids of a segment's rows.

    Parameters
    ----------
    arrays : mapping of arrays
        `int` (n,) unsigned; or `data`, `offsets` (see `Blobs`) and `keys` (n,) uint32, sorted.
        `order` (n,) unsigned has the rows in sorted order where that is not their own.
    n : int
        Rows.
    source : str
        Name for messages.

    Raises
    ------
    FormatError
        If the arrays are not such.
    """

    def __init__(self, arrays: Mapping[str, Array], n: int, source: str) -> None:
        self._n, self._source = n, source
        self._order = arrays.get("order")
        if self._order is not None:
            self._check(self._order, "order", below=n)
        self._int = arrays.get("int")
        if self._int is not None:
            self._check(self._int, "int")
            return
        try:
            self._blobs = Blobs.checked(arrays["data"], arrays["offsets"], n, f"{source}, ids")
            self._keys = arrays["keys"]
        except KeyError as error:
            raise FormatError(f"ids without {error}", source=source) from None
        self._check(self._keys, "keys")

    @staticmethod
    def build(ids: Sequence[Id]) -> dict[str, Array]:
        """Arrays of the ids of rows 0, 1, ..."""
        if all(type(i) is int for i in ids):
            values = np.array(ids, np.uint64)
            top = int(values.max()) if len(ids) else 0
            arrays: dict[str, Array] = {"int": narrow(values, top)}
            order = np.argsort(values, kind="stable")
        else:
            data = [_bytes(i) for i in ids]
            blobs = Blobs.of(data)
            keys = np.array([zlib.crc32(item) for item in data], np.uint32)
            order = np.argsort(keys, kind="stable")
            arrays = {"data": blobs.data, "offsets": blobs.offsets, "keys": keys[order]}
        if np.any(order != np.arange(len(ids))):
            arrays["order"] = narrow(order, len(ids))
        return arrays

    def take(self, rows: I64) -> list[Id]:
        """Ids of rows."""
        if self._int is not None:
            found: list[Id] = self._int[rows].tolist()
            return found
        return [self._value(item) for item in self._blobs.take(rows)]

    def find(self, ids: Sequence[Id], alive: Bool | None = None) -> I64:
        """The row of each id, -1 where it is not there: (len(ids),) int64.

        Segments of history have several rows of an id; with `alive`, (n,) bool, the first that
        is alive is found.
        """
        rows = np.full(len(ids), -1, np.int64)
        if not self._n:
            return rows
        if self._int is None:
            self._find_bytes([_bytes(i) for i in ids], rows, alive)
            return rows
        top = np.iinfo(self._int.dtype).max
        fit = np.array([i for i, v in enumerate(ids) if type(v) is int and v <= top], np.int64)
        if len(fit):
            wanted = np.array([ids[i] for i in fit], self._int.dtype)
            rows[fit] = self._find_int(self._int, wanted, alive)
        return rows

    def _find_int(self, values: Array, wanted: Array, alive: Bool | None) -> I64:
        at = self._lower_bound(wanted)
        found = np.full(len(wanted), -1, np.int64)
        left = np.flatnonzero(at < self._n)
        while len(left):
            row = self._row(at[left])
            same = values[row] == wanted[left]
            good = same if alive is None else same & alive[row]
            found[left[good]] = row[good]
            left = left[same & ~good]
            at[left] += 1
            left = left[at[left] < self._n]
        return found

    def _lower_bound(self, wanted: Array) -> I64:
        """Where each integer would go in sorted order, touching few pages."""
        assert self._int is not None
        if self._order is None:
            return np.searchsorted(self._int, wanted)
        low, high = np.zeros(len(wanted), np.int64), np.full(len(wanted), self._n)
        while np.any(low < high):
            middle = (low + high) >> 1
            less = self._int[self._order[np.minimum(middle, self._n - 1)]] < wanted
            open_ = low < high
            low = np.where(open_ & less, middle + 1, low)
            high = np.where(open_ & ~less, middle, high)
        return low

    def _find_bytes(self, wanted: list[bytes], rows: I64, alive: Bool | None) -> None:
        keys = np.array([zlib.crc32(item) for item in wanted], np.uint32)
        low = np.searchsorted(self._keys, keys)
        hit = np.flatnonzero(self._keys[np.minimum(low, self._n - 1)] == keys)
        for i in hit.tolist():
            at = int(low[i])
            while at < self._n and self._keys[at] == keys[i]:
                row = int(self._row(np.array([at]))[0])
                if (alive is None or alive[row]) and self._blobs[row] == wanted[i]:
                    rows[i] = row
                    break
                at += 1

    def _row(self, at: I64) -> I64:
        """Rows at places of the sorted order."""
        return at if self._order is None else self._order[at].astype(np.int64)

    def _value(self, data: bytes) -> Id:
        if data[:1] == _INTEGER and len(data) == 9:
            return int.from_bytes(data[1:], "little")
        try:
            if data[:1] == _STRING:
                return data[1:].decode()
        except UnicodeDecodeError:
            pass
        raise FormatError(f"{data[:20]!r} is no id", field="ids", source=self._source)

    def _check(self, array: Array, name: str, below: int | None = None) -> None:
        if array.shape != (self._n,) or array.dtype.kind != "u":
            got = f"{array.dtype} {array.shape}"
            message = f"got {got}, expected ({self._n},) unsigned"
            raise FormatError(message, field=f"ids/{name}", source=self._source)
        if below is not None and len(array) and int(array.max()) >= below:
            raise FormatError("a row that is not", field=f"ids/{name}", source=self._source)


def _bytes(value: Id) -> bytes:
    if type(value) is int:
        return _INTEGER + value.to_bytes(8, "little")
    assert isinstance(value, str)
    return _STRING + value.encode()
