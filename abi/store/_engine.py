"""The writer's side of a database: commits that are logged, applied, and synced in groups."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from abi.store._commits import Collections
from abi.store._core import DURABILITIES
from abi.store._log import log_files
from abi.store._pack import Array, pack
from abi.store._upkeep import Upkeep
from abi.store.files import Files

__all__ = ["DURABILITIES", "Engine", "Operation"]

_INTERVAL = 1.0  # seconds between syncs under "interval"
_LOG_BYTES = 64 << 20  # of a log, after which a checkpoint follows

Operation = tuple[Mapping[str, Any], Mapping[str, Array]]


class Engine(Upkeep):
    """A database's files and its state in memory; see `Core` for its parameters."""

    def _open(self, write: bool) -> None:
        super()._open(write)
        if write and (self.damaged or _log_bytes(self.files) > _LOG_BYTES):
            self.checkpoint(self.damaged)
        if write and self._next_task():
            self._tidy_later()

    def commit(self, make: Callable[[Collections], Operation | None], apply: Any) -> Any:
        """One commit: prepared, written, applied, and then on the disk as durability has it.

        Parameters
        ----------
        make : callable
            Takes the collections, raises if the commit cannot be, and gives its record; None
            for nothing to do.
        apply : callable
            Takes the collections, sequence and time, and changes memory.

        Returns
        -------
        What `apply` returned; None where there was nothing to do.
        """
        with self._writing:
            self._check_writable()
            operation = make(self.collections)
            if operation is None:
                return None
            sequence = self.sequence + 1
            when = max(time.time_ns() // 1000, self.time + 1)
            try:
                self._log.append(sequence, when, pack(*operation))
            except OSError as error:
                raise self._storage_error("nothing of this was written", error) from error
            with self._state:
                result = apply(self.collections, sequence, when)
                self.sequence, self.time = sequence, when
            large = self._log.size > _LOG_BYTES
        late = self.durability == "interval" and self._log.seconds_since_sync() >= _INTERVAL
        if late or self.durability == "always":
            self._wait(sequence)
        if large:
            self._try_checkpoint()
        return result

    def sync(self) -> None:
        """Return when every commit so far is on the disk."""
        self._check_writable()
        self._wait(self.sequence)

    def close(self) -> None:
        """Write what is in memory, and let go of everything. A second time does nothing."""
        self.closing = True
        with self._tidying, self._writing:
            if self.closed:
                return
            try:
                if self._lock and not self._failed:
                    self._try_checkpoint()
                    self._wait(self.sequence)
            finally:
                self.closed = True
                self._log.close()
                for state in self.collections.by_number.values():
                    for live in state.segments:
                        live.segment.close()
                self._unlock()

    def _wait(self, sequence: int) -> None:
        """Group commit: return when this commit is on the disk."""
        with self._syncing:
            if self._failed:
                raise self._storage_error("this commit may be lost", self._failed)
            if self._log.durable >= sequence:
                return
            try:
                self._log.sync()
            except OSError as error:
                # What the system then still has in memory is unknown: no later sync proves it.
                self._failed = error
                message = "this commit may be lost, and no more are taken"
                raise self._storage_error(message, error) from error


def _log_bytes(files: Files) -> int:
    return sum(len(files.open(name).view()) for _, name in log_files(files.list()))
