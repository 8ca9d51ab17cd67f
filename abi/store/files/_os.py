"""The files of a database in a folder of the operating system."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import IO

from abi._platform import map_file, process_name, sync_file, sync_folder, try_lock
from abi.errors import LockedError
from abi.store.files._protocol import Bytes, octets

__all__ = ["OSFiles"]

_NEW = os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0)
_JOIN = 1 << 20  # bytes up to which a copy costs less than further calls


class OSFiles:
    """Files in a folder.

    Parameters
    ----------
    folder : path
    create : bool
        Make the folder, and the folders above it, where it does not exist.

    Raises
    ------
    OSError
        If the folder does not exist, is no folder, or cannot be made.
    """

    def __init__(self, folder: str | os.PathLike[str], *, create: bool = True) -> None:
        self.folder = Path(folder)
        if create and not self.folder.is_dir():
            self.folder.mkdir(parents=True, exist_ok=True)
            sync_folder(self.folder.parent)
        os.listdir(self.folder)  # raises what there is to raise

    @property
    def name(self) -> str:
        return str(self.folder)

    def open(self, name: str) -> _Reader:
        return _Reader(self.folder / name)

    def create(self, name: str) -> _Appender:
        return _Appender(self.folder / name)

    def rename(self, old: str, new: str) -> None:
        os.replace(self.folder / old, self.folder / new)

    def remove(self, name: str) -> None:
        (self.folder / name).unlink(missing_ok=True)

    def list(self) -> list[str]:
        return sorted(entry.name for entry in os.scandir(self.folder) if entry.is_file())

    def sync(self) -> None:
        sync_folder(self.folder)

    def lock(self, name: str) -> _Lock:
        return _Lock(self.folder / name)


class _Reader:
    def __init__(self, path: Path) -> None:
        with open(path, "rb") as file:
            self._view = map_file(file)

    def view(self) -> memoryview:
        return self._view

    def close(self) -> None:
        self._view = memoryview(b"")


class _Appender:
    def __init__(self, path: Path) -> None:
        self._path, self.size = path, 0
        self._file = os.open(path, _NEW, 0o666)

    def append(self, *parts: Bytes) -> None:
        views = [octets(part) for part in parts]
        if len(views) > 1 and sum(map(len, views)) < _JOIN:
            views = [memoryview(b"".join(views))]
        for rest in views:
            while rest:
                try:
                    written = os.write(self._file, rest)
                except OSError as error:
                    raise OSError(error.errno, error.strerror, str(self._path)) from None
                self.size += written
                rest = rest[written:]

    def sync(self) -> None:
        try:
            sync_file(self._file)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self._path)) from None

    def close(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1


class _Lock:
    """A locked file that says who holds it."""

    def __init__(self, path: Path) -> None:
        file = open(path, "a+b")  # noqa: SIM115 - open as long as the lock is held
        if not try_lock(file):
            holder = _read_holder(file)
            file.close()
            raise LockedError(
                f"{path.parent}: open for writing in {holder}; close it there, or open it here "
                'to read: mode="r"'
            )
        self._file: IO[bytes] | None = file
        file.truncate(0)
        file.write(json.dumps(process_name()).encode())
        file.flush()

    def release(self) -> None:
        """The file stays: whoever removed it could remove another's lock."""
        if self._file:
            self._file.truncate(0)
            self._file.close()
            self._file = None


def _read_holder(file: IO[bytes]) -> str:
    try:
        file.seek(0)
        note = json.loads(file.read(1000))
        return f"process {note['pid']} ({note['program']}) on {note['host']}"
    except (OSError, ValueError, KeyError, TypeError):
        return "another process"
