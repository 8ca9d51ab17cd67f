"""The write-ahead log: what was committed, in order, before it is anywhere else.

A file is named after the first sequence number that it may hold and begins with

    b"ABI-log\\0", version u32, zero u32, first sequence u64, CRC-32 of these u32, zero u32

Records follow, each at a multiple of 8 bytes:

    b"rec\\n", payload length u32, sequence u64, commit time u64 (microseconds since 1970),
    highest sequence known to be on the disk when this was written u64, CRC-32 of the payload
    u32, CRC-32 of all before it u32; payload; zeros

Files are never cut or continued: a writer that starts, or that failed to write, begins a new one.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from abi.errors import FormatError
from abi.store.files import Appender, Bytes, Files, octets

__all__ = ["LogWriter", "Record", "Scan", "log_files", "log_name", "scan_log"]

_PREFIX = "log-"
_MAGIC, _MARK, _VERSION = b"ABI-log\0", b"rec\n", 1
_FILE = struct.Struct("<8sIIQII")
_HEAD = struct.Struct("<4sIQQQII")
_ALIGN = 8
MAX_PAYLOAD = (1 << 32) - 64


@dataclass(frozen=True)
class Record:
    """One commit.

    `time` is in microseconds since 1970; `durable` is the highest sequence that was known to be
    on the disk when this was written; `offset` is where it begins.
    """

    sequence: int
    time: int
    durable: int
    payload: memoryview
    offset: int


@dataclass(frozen=True)
class Scan:
    """What a log file holds, and where it could not be read.

    Parameters
    ----------
    records : list of Record
    damage : list of (int, int)
        Byte ranges that hold no valid record although something was written there.
    torn : bool
        It ends in the beginning of a record, as a write that was interrupted leaves it.
    """

    first: int
    records: list[Record]
    damage: list[tuple[int, int]]
    torn: bool


class LogWriter:
    """Appends records to the newest log file.

    Parameters
    ----------
    files : Files
    sequence : int
        The last sequence that was used.
    """

    def __init__(self, files: Files, sequence: int) -> None:
        self._files = files
        self._file: Appender | None = None
        self._unsynced: list[Appender] = []
        self._synced_at = time.monotonic()
        self.appended = self.durable = sequence

    def append(self, sequence: int, when: int, parts: Sequence[Bytes]) -> None:
        """Write a record; it outlasts a loss of power once `sync` has returned.

        Raises
        ------
        OSError
            If it cannot be written; the log then holds no such record.
        """
        length, checksum = 0, 0
        for part in parts:
            data = octets(part)
            length, checksum = length + len(data), zlib.crc32(data, checksum)
        head = _HEAD.pack(_MARK, length, sequence, when, self.durable, checksum, 0)[:-4]
        head += struct.pack("<I", zlib.crc32(head))
        try:
            file = self._file or self._begin(sequence)
            file.append(head, *parts, bytes(-length % _ALIGN))
        except BaseException:
            self.rotate()  # what is half written stays behind, as the torn end of its file
            raise
        self.appended = sequence

    def seconds_since_sync(self) -> float:
        """How long ago what was appended then was brought to the disk."""
        return time.monotonic() - self._synced_at

    def sync(self) -> None:
        """Return when all that was appended outlasts a loss of power."""
        target, pending = self.appended, list(self._unsynced)
        if self.durable >= target:
            return
        for file in pending:
            file.sync()
            if file is not self._file:
                file.close()
                self._unsynced.remove(file)
        self.durable, self._synced_at = target, time.monotonic()

    def rotate(self) -> None:
        """Let the next record begin a new file."""
        self._file = None

    def forget(self, sequence: int) -> None:
        """Take commits up to a sequence as kept elsewhere: their files need no sync any more."""
        if self.appended <= sequence:
            self.close()
            self.durable = self.appended

    def close(self) -> None:
        """Let go of the files; what was not synced may be lost."""
        for file in self._unsynced:
            file.close()
        self._unsynced.clear()
        self._file = None

    @property
    def size(self) -> int:
        """Bytes in the current file."""
        return self._file.size if self._file else 0

    def _begin(self, sequence: int) -> Appender:
        name = log_name(sequence)
        self._files.remove(name)  # without a record: else the sequence would be used
        self._file = self._files.create(name)
        head = _FILE.pack(_MAGIC, _VERSION, 0, sequence, 0, 0)[:-8]
        self._file.append(head, struct.pack("<II", zlib.crc32(head), 0))
        self._unsynced.append(self._file)
        self._files.sync()
        return self._file


def log_name(first: int) -> str:
    """The name of the log file that begins with a sequence number."""
    return f"{_PREFIX}{first:020d}"


def log_files(names: Sequence[str]) -> list[tuple[int, str]]:
    """First sequence and name of the log files among names, in order."""
    tails = ((name.removeprefix(_PREFIX), name) for name in names if name.startswith(_PREFIX))
    return sorted((int(tail), name) for tail, name in tails if tail.isascii() and tail.isdigit())


def scan_log(view: memoryview, source: str) -> Scan:
    """Read a log file, as far as it is whole, and beyond damage where that is possible.

    Raises
    ------
    FormatError
        If it is another version's, or its head is damaged with records behind it.
    """
    if len(view) < _FILE.size:  # the process ended while it began the file
        return Scan(0, [], [], torn=True)
    magic, version, _, first, checksum, _ = _FILE.unpack(view[: _FILE.size])
    if zlib.crc32(view[: _FILE.size - 8]) != checksum or magic != _MAGIC:
        records = list(_records(view, _FILE.size))
        return Scan(0, records, [(0, records[0].offset if records else len(view))], torn=False)
    if version != _VERSION:
        raise FormatError(
            f"log format {version}, expected {_VERSION}; open it with a newer abi", source=source
        )
    records, damage, end = [], [], _FILE.size
    for record in _records(view, end):
        if record.offset != end:
            damage.append((end, record.offset))
        records.append(record)
        end = _end(record)
    torn = end < len(view) and _begins_record(view[end:])
    if end < len(view) and not torn:
        damage.append((end, len(view)))
    return Scan(first, records, damage, torn)


def _records(view: memoryview, at: int) -> Iterator[Record]:
    """All valid records from an offset on, in order of their sequences."""
    last = -1
    while at + _HEAD.size <= len(view):
        record = _record(view, at)
        if record is None or record.sequence <= last:
            at = _next_mark(view, at + _ALIGN)
            continue
        yield record
        last, at = record.sequence, _end(record)


def _record(view: memoryview, at: int) -> Record | None:
    """The record that begins at an offset, if one does and it is whole."""
    head = _head(view[at : at + _HEAD.size])
    if head is None:
        return None
    length, sequence, when, durable, checksum = head
    start = at + _HEAD.size
    payload = view[start : start + length]
    if len(payload) != length or zlib.crc32(payload) != checksum:
        return None
    return Record(sequence, when, durable, payload, at)


def _head(data: memoryview) -> tuple[int, int, int, int, int] | None:
    mark, length, sequence, when, durable, checksum, own = _HEAD.unpack(data)
    if mark != _MARK or zlib.crc32(data[:-4]) != own:
        return None
    return length, sequence, when, durable, checksum


def _end(record: Record) -> int:
    end = record.offset + _HEAD.size + len(record.payload)
    return end + -end % _ALIGN


def _next_mark(view: memoryview, at: int) -> int:
    """The next multiple of 8 where a record may begin."""
    while at < len(view):
        piece = bytes(view[at : at + (1 << 20)])
        found = piece.find(_MARK)
        while found >= 0:
            if not (at + found) % _ALIGN:
                return at + found
            found = piece.find(_MARK, found + 1)
        at += 1 << 20
    return at


def _begins_record(rest: memoryview) -> bool:
    """Whether this is what an interrupted write of one record leaves: its first bytes."""
    if len(rest) < _HEAD.size:
        return rest[: len(_MARK)] == _MARK[: len(rest)]
    head = _head(rest[: _HEAD.size])
    return head is not None and len(rest) < _HEAD.size + head[0] + -head[0] % _ALIGN
