"""What the parts of a database's engine share: files, locks, and the state in memory.

Locks, always taken in this order: `_tidying` by whoever writes segments, `_writing` by whoever
commits, `_state` only for the moment in which memory changes, so that readers never wait for a
disk. Those who wait for a sync hold none of them: one sync serves all whose records were
written before it began.
"""

from __future__ import annotations

import contextlib
import os
import re
import time
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from weakref import WeakSet

from abi._platform import Lock
from abi.errors import DamageWarning, InputError, StorageError
from abi.store._commits import Collections
from abi.store._log import LogWriter
from abi.store._manifest import Manifest, manifest_files
from abi.store._moment import Moment
from abi.store._recovery import recover
from abi.store._segment import Segment
from abi.store.files import Files, Held

__all__ = ["DURABILITIES", "Core"]

DURABILITIES = ("always", "interval", "none")
_NUMBERED = re.compile(r"c\d+-(\d+)-[a-z]+")


class Core:
    """A database's files and its state in memory.

    Parameters
    ----------
    files : Files
    write : bool
        Be the writer. Otherwise nothing is written, and what is read is the database as it
        was when it was opened.
    durability : {"always", "interval", "none"}
        When a commit is on the disk: before it returns; within a second of further commits;
        when the system likes.
    history : float
        Seconds for which states of the past can be recovered.
    at : Moment, optional
        Read the database as it was then.
    """

    def __init__(
        self,
        files: Files,
        *,
        write: bool,
        durability: str = "always",
        history: float = 7 * 86400,
        at: Moment | None = None,
    ) -> None:
        self.files, self.durability, self.history, self.at = files, durability, history, at
        self._tidying, self._writing, self._state, self._syncing = Lock(), Lock(), Lock(), Lock()
        self._lock: Held | None = files.lock("lock") if write else None
        self._failed: OSError | None = None
        self.closed = self.closing = False
        self._damaged: WeakSet[Segment] = WeakSet()  # that cannot be merged
        try:
            self._open(write)
        except BaseException:
            self._unlock()
            raise

    def _open(self, write: bool) -> None:
        found = recover(self.files, self.at, shared=not write)
        self.manifest, self.collections = found.manifest, found.collections
        self.sequence, self.time = found.sequence, found.time
        self.problems = tuple(found.problems)
        if write and not self.manifest.number:
            self.manifest = Manifest(os.urandom(8).hex()).write(self.files)
        self._log = LogWriter(self.files, self.sequence)
        if self.problems:
            warnings.warn("; ".join(self.problems), DamageWarning, stacklevel=5)
        self.damaged = found.damaged

    def read(self, take: Callable[[Collections], Any]) -> Any:
        """What `take` gives of a state that does not change meanwhile; it must be fast."""
        self.check_open()
        with self._state:
            return take(self.collections)

    def check_open(self) -> None:
        """InputError once it is closed."""
        if self.closed:
            raise InputError(f"{self.files.name}: the database is closed; open it again")

    def _check_writable(self) -> None:
        self.check_open()
        if not self._lock:
            what = f"as it was at {self.at}" if self.at else 'to read, mode="r"'
            raise InputError(f"{self.files.name}: opened {what}; nothing can be written to it")
        if self._failed:
            raise self._storage_error("close it, and open it again", self._failed)

    def _keep(self) -> int:
        """The time before which rows that died are given up."""
        return time.time_ns() // 1000 - int(self.history * 1e6)

    def _renumber(self) -> None:
        """Use no file name again that something failed under: a manifest may refer to it that
        was written, although that is not known for sure.
        """
        with contextlib.suppress(OSError):
            names = self.files.list()
            numbers = (int(m[1]) for name in names if (m := _NUMBERED.fullmatch(name)))
            newest = max((number for number, _ in manifest_files(names)), default=0)
            self.manifest = replace(
                self.manifest,
                number=max(self.manifest.number, newest),
                next_file=max(self.manifest.next_file, *numbers, 0) + 1,
            )

    def _storage_error(self, state: str, error: OSError) -> StorageError:
        reason = error.strerror or str(error)
        name = f" {error.filename}" if error.filename else ""
        return StorageError(f"{self.files.name}: cannot write{name}: {reason}; {state}")

    def _unlock(self) -> None:
        if self._lock:
            self._lock.release()
            self._lock = None
