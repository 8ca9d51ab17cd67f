"""A pack: named arrays and a little JSON in one run of bytes, read in place.

    arrays       each at a multiple of 64 bytes, little endian, in C order
    directory    JSON: {"meta": {...}, "arrays": {name: [type, shape, offset, [checksums]]}}
    trailer      32 bytes: b"ABI-pack", version u32, directory length u32, CRC-32 of the
                 directory u32, zero u32, length of everything u64

Segments, indexes and log records are packs. The directory has a CRC-32 for every 4 MiB of an
array (a record has none: it is checked as a whole). Opening reads the directory alone.
"""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from abi._nesting import check_json
from abi.errors import FormatError
from abi.store._lazy import Lazy
from abi.store.files import Appender, Bytes, octets

__all__ = ["BLOCK", "Array", "Pack", "PackWriter", "pack"]

Array = npt.NDArray[Any]

BLOCK = 4 << 20  # bytes under one checksum

_MAGIC = b"ABI-pack"
_VERSION = 1
_TRAILER = struct.Struct("<8sIIIIQ")
_ALIGN = 64
_ENOUGH = 1 << 18  # bytes that are worth a write
_TYPES = {f"{kind}{size}" for kind in "iu" for size in (1, 2, 4, 8)} | {"f2", "f4", "f8"}
_MAX_DIMS = 3
_TOO_MANY = 1 << 48


def pack(meta: Mapping[str, Any], arrays: Mapping[str, Array]) -> list[Bytes]:
    """Parts of a small pack, to be written one after another; without checksums of its own."""
    parts: list[Bytes] = []
    directory: dict[str, list[Any]] = {}
    at = 0
    for name, array in arrays.items():
        directory[name] = [array.dtype.str[1:], array.shape, at, []]
        if array.nbytes:
            parts += [np.ascontiguousarray(array), _padding(array.nbytes)]
        at += array.nbytes + len(_padding(array.nbytes))
    parts.append(_end(meta, directory, at))
    return parts


class PackWriter:
    """Writes a pack to a file, one array after another.

    Parameters
    ----------
    file : Appender
        Empty; it is neither synced nor closed here.
    """

    def __init__(self, file: Appender) -> None:
        self._file = file
        self._directory: dict[str, list[Any]] = {}
        self._waiting: list[Bytes] = []  # small parts are written together
        self._at = self._written = 0

    def add(self, name: str, array: Array) -> None:
        """Write a whole array."""
        self.add_parts(name, array.dtype, array.shape, (array,))

    def add_parts(
        self, name: str, dtype: npt.DTypeLike, shape: tuple[int, ...], parts: Iterable[Array]
    ) -> None:
        """Write an array that is made part by part, along its first axis."""
        kind = np.dtype(dtype)
        assert kind.str[1:] in _TYPES and name not in self._directory, name
        start, checksums = self._at, _Checksums()
        for part in parts:
            assert part.dtype == kind
            if part.nbytes:
                data = octets(np.ascontiguousarray(part))
                self._append(data)
                checksums.add(data)
        n_bytes = self._at - start
        assert n_bytes == int(np.prod(shape, dtype=np.int64)) * kind.itemsize, name
        self._append(_padding(n_bytes))
        self._directory[name] = [kind.str[1:], shape, start, checksums.done()]

    def finish(self, meta: Mapping[str, Any]) -> None:
        """Write the directory; the pack is complete with it."""
        self._append(_end(meta, self._directory, self._at))
        self._flush()

    def _append(self, part: bytes | memoryview) -> None:
        self._waiting.append(part)
        self._at += len(part)
        if self._at - self._written >= _ENOUGH:
            self._flush()

    def _flush(self) -> None:
        self._file.append(*self._waiting)
        self._waiting, self._written = [], self._at


class Pack:
    """A pack that is read in place.

    Parameters
    ----------
    data : memoryview
        All of it.
    source : str
        Name for messages.

    Raises
    ------
    FormatError
        If it is cut, of another format, or its directory is damaged.
    """

    def __init__(self, data: memoryview, source: str) -> None:
        self._data, self.source = data, source
        self._checked: set[str] = set()
        directory = self._read_directory()
        self.meta: dict[str, Any] = directory["meta"]
        self._entries = {name: self._entry(name, e) for name, e in directory["arrays"].items()}

    def __contains__(self, name: str) -> bool:
        return name in self._entries

    def __iter__(self) -> Iterator[str]:
        return iter(self._entries)

    @property
    def size(self) -> int:
        """Bytes of all of it."""
        return len(self._data)

    def shape(self, name: str) -> tuple[int, ...]:
        """The shape of an array, of which nothing is read."""
        return self._entries[name][1]

    def array(self, name: str, *, check: bool = True) -> Array:
        """An array, read-only and in place.

        Parameters
        ----------
        name : str
        check : bool
            Compare its checksums when it is first asked for, which reads all of it.

        Raises
        ------
        FormatError
            If there is none of this name, or a checksum differs.
        """
        if name not in self._entries:
            raise FormatError("missing", field=name, source=self.source)
        if check:
            self.check(name)
        dtype, shape, start, n_bytes, _ = self._entries[name]
        if not n_bytes:
            return np.empty(shape, dtype)
        return np.frombuffer(self._data[start : start + n_bytes], dtype).reshape(shape)

    def group(self, prefix: str, *, check: bool = True) -> dict[str, Array]:
        """The arrays whose names begin with a prefix, by the rest of their names."""
        names = (name for name in self._entries if name.startswith(prefix))
        return {name[len(prefix) :]: self.array(name, check=check) for name in names}

    def lazy(self, prefix: str) -> Mapping[str, Array]:
        """As `group`, but each array is read, and its checksums compared, when it is taken."""
        names = (name for name in self._entries if name.startswith(prefix))
        return Lazy(self.array, {name[len(prefix) :]: name for name in names})

    def check(self, name: str) -> None:
        """Compare the checksums of an array, once.

        Raises
        ------
        FormatError
            If one differs; it has the offset of the block.
        """
        if name in self._checked:
            return
        _, _, start, n_bytes, checksums = self._entries[name]
        for block, expected in enumerate(checksums):
            at = start + block * BLOCK
            got = zlib.crc32(self._data[at : min(at + BLOCK, start + n_bytes)])
            if got != expected:
                message = f"damaged: checksum {got:08x}, expected {expected:08x}"
                raise FormatError(message, field=name, offset=at, source=self.source)
        self._checked.add(name)

    def check_all(self, besides: Callable[[str], bool] = lambda name: False) -> None:
        """Compare every checksum, but of arrays of some names; FormatError at the first that
        differs.
        """
        for name in self._entries:
            if not besides(name):
                self.check(name)

    def _read_directory(self) -> dict[str, Any]:
        size = len(self._data)
        if size < _TRAILER.size:
            raise self._error(f"{size} bytes are no pack; expected {_TRAILER.size} or more")
        magic, version, length, checksum, _, total = _TRAILER.unpack(self._data[-_TRAILER.size :])
        if magic != _MAGIC:
            raise self._error(f"ends in {magic!r}, expected {_MAGIC!r}: cut, or no file of abi's")
        if version != _VERSION:
            cure = "open it with a newer abi" if version > _VERSION else "it is damaged"
            raise self._error(f"format {version}, expected {_VERSION}; {cure}")
        if total != size or length > size - _TRAILER.size:
            raise self._error(f"{size} bytes long, expected {total}")
        text = bytes(self._data[size - _TRAILER.size - length : size - _TRAILER.size])
        if zlib.crc32(text) != checksum:
            raise self._error("its directory is damaged (checksum)")
        self._end = size - _TRAILER.size - length
        try:
            check_json(text)
            found = json.loads(text)
            if isinstance(found["meta"], dict) and isinstance(found["arrays"], dict):
                return dict(found)
        except (ValueError, KeyError, TypeError, RecursionError):
            pass
        raise self._error("its directory is no JSON of the expected form")

    def _entry(
        self, name: str, entry: object
    ) -> tuple[np.dtype[Any], tuple[int, ...], int, int, list[int]]:
        match entry:
            case [str(kind), [*lengths], int(start), [*sums]] if kind in _TYPES:
                shape, checksums = _naturals(lengths), _naturals(sums)
                if shape is not None and checksums is not None and len(shape) <= _MAX_DIMS:
                    dtype = np.dtype(f"<{kind}")
                    n_bytes = dtype.itemsize
                    for n in shape:
                        n_bytes *= n
                    fits = start >= 0 and start % _ALIGN == 0 and start + n_bytes <= self._end
                    if fits and len(checksums) in (0, -(-n_bytes // BLOCK)):
                        return dtype, tuple(shape), start, n_bytes, checksums
        raise FormatError("an entry that cannot be", field=name, source=self.source)

    def _error(self, message: str) -> FormatError:
        return FormatError(message, source=self.source)


def _naturals(values: list[Any]) -> list[int] | None:
    """The values, if they are what lengths and checksums can be."""
    return values if all(type(n) is int and 0 <= n < _TOO_MANY for n in values) else None


class _Checksums:
    """CRC-32 of each block of bytes that arrive in parts."""

    def __init__(self) -> None:
        self._finished: list[int] = []
        self._current, self._filled = 0, 0

    def add(self, data: memoryview) -> None:
        while data:
            piece = data[: BLOCK - self._filled]
            self._current = zlib.crc32(piece, self._current)
            self._filled += len(piece)
            data = data[len(piece) :]
            if self._filled == BLOCK:
                self._finished.append(self._current)
                self._current, self._filled = 0, 0

    def done(self) -> list[int]:
        return [*self._finished, self._current] if self._filled else self._finished


def _padding(n_bytes: int) -> bytes:
    return bytes(-n_bytes % _ALIGN)


def _end(meta: Mapping[str, Any], directory: dict[str, list[Any]], start: int) -> bytes:
    """The directory and the trailer of a pack whose arrays end at `start`."""
    content = {"meta": meta, "arrays": directory}
    text = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    total = start + len(text) + _TRAILER.size
    return text + _TRAILER.pack(_MAGIC, _VERSION, len(text), zlib.crc32(text), 0, total)
