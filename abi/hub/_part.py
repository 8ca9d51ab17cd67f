"""A file while it is fetched: its bytes so far, their hash, and the journal beside them."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from time import sleep, time

from abi import _platform
from abi.errors import DownloadError, FormatError
from abi.gguf import read
from abi.hub._files import part_names
from abi.hub._http import Http
from abi.hub._record import Record, Spot, write_record

__all__ = ["Part", "header_problem", "locked"]

_MAGIC = b"GGUF"
_BLOCK = 1 << 20
_POLL = 0.5  # seconds between looks at another process's lock


class Part:
    """Opens what is there of a file and takes the rest; leaves it resumable unless finished.

    Writing is unbuffered, so whatever ends the process, the bytes that came are kept.
    """

    def __init__(self, spot: Spot, record: Record) -> None:
        self.spot, self.record = spot, record
        spot.path.parent.mkdir(parents=True, exist_ok=True)
        self._file = open(spot.part, "ab+", buffering=0)  # noqa: SIM115 - closed by __exit__
        self._hash = _hasher(record)
        self.restarts = 0
        self.offset = os.fstat(self._file.fileno()).st_size
        before = spot.partial()
        known = before is not None and before.same_content(record)
        if not known or (record.size is not None and self.offset > record.size):
            self.restart(record)
        self._file.seek(0)
        while block := self._file.read(_BLOCK):
            self._hash.update(block)

    def __enter__(self) -> Part:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()
        if not self.offset:  # nothing to go on from
            self.discard()

    @property
    def is_complete(self) -> bool:
        return self.record.size is not None and self.offset == self.record.size

    def restart(self, record: Record) -> None:
        """Forget the bytes; the journal names the content that is to come."""
        self._file.truncate(0)
        self.restarts += self.offset > 0
        self.record, self.offset, self._hash = record, 0, _hasher(record)
        write_record(record, self.spot.journal)

    def append(self, block: bytes) -> None:
        """Take bytes that follow.

        Raises
        ------
        DownloadError
            If there are more than the file has, or the disk takes no more.
        FormatError
            If the file turns out to be no GGUF; it is not kept.
        """
        size = self.record.size
        if size is not None and self.offset + len(block) > size:
            self.discard()
            raise DownloadError(f"{self.record.name}: more than the {size} bytes that it has")
        try:
            written = 0
            while written < len(block):
                written += self._file.write(block[written:])
        except OSError as error:
            raise DownloadError(f"{self.spot.part}: {error.strerror or error}") from None
        self._hash.update(block)
        checked = self.offset >= len(_MAGIC)
        self.offset += len(block)
        if not checked and self.offset >= len(_MAGIC):
            self._check_magic()

    def finish(self) -> Path:
        """Check what came and give it its final name.

        Raises
        ------
        DownloadError
            If the checksum is another than the hub's; the file is not kept.
        FormatError
            If it is no whole GGUF file; it is not kept.
        """
        kind = self.record.checksum.partition(":")[0] or "sha256"
        found = f"{kind}:{self._hash.hexdigest()}"
        if self.record.checksum and found != self.record.checksum:
            self.discard()
            message = f"checksum {found}, expected {self.record.checksum}; removed, pull it again"
            raise DownloadError(f"{self.record.name}: {message}")
        if self.offset < len(_MAGIC) or not (self.record.checksum or self._is_split()):
            self._check_header()
        os.fsync(self._file.fileno())
        self._file.close()
        record = replace(self.record, size=self.offset, checksum=found, time=time())
        write_record(record, self.spot.journal)
        os.replace(self.spot.part, self.spot.path)
        os.replace(self.spot.journal, self.spot.record)
        _platform.sync_folder(self.spot.path.parent)
        return self.spot.path

    def discard(self) -> None:
        """Leave nothing behind."""
        self._file.close()
        self.spot.journal.unlink(missing_ok=True)
        self.spot.part.unlink(missing_ok=True)

    def _is_split(self) -> bool:
        return len(part_names(self.spot.path.name)) > 1

    def _check_magic(self) -> None:
        self._file.seek(0)
        start = self._file.read(len(_MAGIC))
        if start != _MAGIC:
            self.discard()
            message = f"starts with {start!r}, expected {_MAGIC!r}; a web page, a log-in perhaps?"
            raise FormatError(f"not a GGUF file: {message}", source=self.record.name)

    def _check_header(self) -> None:
        problem = header_problem(self.spot.part)
        if problem is not None:
            self.discard()
            raise FormatError(
                f"{problem.message}; removed",
                field=problem.field, offset=problem.offset, source=self.record.name,
            )  # fmt: skip


def header_problem(path: Path) -> FormatError | None:
    """Why a file cannot be read; returned, so that no traceback keeps the file mapped."""
    try:
        read(path)
    except FormatError as error:
        return error.with_traceback(None)
    return None


@contextlib.contextmanager
def locked(spot: Spot, http: Http | None) -> Iterator[bool]:
    """Hold the file against other processes; without `http`, False instead of waiting."""
    told = False
    spot.path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with open(spot.lock, "ab") as file:
            if _platform.try_lock(file):
                if not _is_there(spot.lock, file.fileno()):
                    continue  # its last owner removed it in the meantime
                try:
                    yield True
                finally:
                    with contextlib.suppress(OSError):  # Windows removes no open file
                        spot.lock.unlink()
                return
        if http is None:
            yield False
            return
        if not told:
            http.notify(f"{spot.path.name}: another process is pulling it; waiting")
            told = True
        sleep(_POLL)


def _is_there(path: Path, number: int) -> bool:
    try:
        return os.path.samestat(os.stat(path), os.fstat(number))
    except OSError:
        return False


def _hasher(record: Record) -> hashlib._Hash:
    if record.checksum.startswith("git:"):
        digest = hashlib.sha1(usedforsecurity=False)
        digest.update(b"blob %d\0" % (record.size or 0))
        return digest
    return hashlib.sha256()
