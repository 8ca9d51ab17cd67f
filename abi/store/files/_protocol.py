"""What the store asks of a file system.

Names are flat (`log-00000000000000000001`), contents are bytes, and nothing is ever written
in the middle of a file. Every operation raises OSError with the file's name when it fails.
What was appended may be lost until `sync` has returned; what was created, renamed or removed
may come back until `Files.sync` has.
"""

from __future__ import annotations

from typing import Any, Protocol

import numpy.typing as npt

__all__ = ["Appender", "Bytes", "Files", "Held", "Reader", "octets"]

Bytes = bytes | bytearray | memoryview | npt.NDArray[Any]  # contiguous


def octets(part: Bytes) -> memoryview:
    """The bytes of a part, one by one."""
    view = memoryview(part)  # type: ignore[arg-type] # arrays are buffers
    return view.cast("B") if view.nbytes else memoryview(b"")


class Reader(Protocol):
    """A file as it was when it was opened."""

    def view(self) -> memoryview:
        """The whole file, read-only; mapped where that works, so that opening reads nothing."""

    def close(self) -> None:
        """Let go of the file. Views that are still in use stay valid."""


class Appender(Protocol):
    """A file that is being written, from front to back."""

    @property
    def size(self) -> int:
        """Bytes written so far."""

    def append(self, *parts: Bytes) -> None:
        """Write parts one after another at the end."""

    def sync(self) -> None:
        """Return when all that was appended outlasts a loss of power."""

    def close(self) -> None:
        """Let go of the file; what was not synced may still be lost."""


class Held(Protocol):
    """A lock that is held."""

    def release(self) -> None:
        """Give it back."""


class Files(Protocol):
    """The files of one database."""

    @property
    def name(self) -> str:
        """Where they are, for messages."""

    def open(self, name: str) -> Reader:
        """A file to read.

        Raises
        ------
        FileNotFoundError
            If there is none of this name.
        """

    def create(self, name: str) -> Appender:
        """A new file to write.

        Raises
        ------
        FileExistsError
            If there is one of this name.
        """

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, in the place of what has that name, in one step."""

    def remove(self, name: str) -> None:
        """Remove a file; one that is not there is no error."""

    def list(self) -> list[str]:
        """Names of all files, sorted."""

    def sync(self) -> None:
        """Return when the names outlast a loss of power."""

    def lock(self, name: str) -> Held:
        """Be the only one, in all processes, who holds this name.

        Raises
        ------
        LockedError
            If another does; it names the holder.
        """
