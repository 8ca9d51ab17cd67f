"""The files of a database in memory: for `:memory:`, and to build one that is then written out."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable

from abi.errors import LockedError
from abi.store.files._protocol import Bytes, octets

__all__ = ["MemoryFiles"]


class MemoryFiles:
    """Files that live as long as this object."""

    name = ":memory:"

    def __init__(self) -> None:
        self.contents: dict[str, bytearray] = {}
        self._written: set[str] = set()  # complete: nothing is appended any more
        self._locks: set[str] = set()

    def open(self, name: str) -> _Reader:
        if name not in self.contents:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        content = self.contents[name]
        # A view forbids a bytearray to grow, so what is still written is copied.
        return _Reader(content if name in self._written else bytes(content))

    def create(self, name: str) -> _Appender:
        if name in self.contents:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        self.contents[name] = bytearray()
        self._written.discard(name)
        return _Appender(self.contents[name], lambda: self._written.add(name))

    def rename(self, old: str, new: str) -> None:
        self.contents[new] = self.contents.pop(old)
        self._written.add(new)

    def remove(self, name: str) -> None:
        self.contents.pop(name, None)

    def list(self) -> list[str]:
        return sorted(self.contents)

    def sync(self) -> None:
        pass

    def lock(self, name: str) -> _Lock:
        if name in self._locks:
            raise LockedError(f"{self.name}: open for writing already; close it there")
        self._locks.add(name)
        return _Lock(self._locks, name)


class _Reader:
    def __init__(self, content: bytes | bytearray) -> None:
        self._view = memoryview(content).toreadonly()

    def view(self) -> memoryview:
        return self._view

    def close(self) -> None:
        self._view = memoryview(b"")


class _Appender:
    def __init__(self, content: bytearray, written: Callable[[], None]) -> None:
        self._content, self._complete = content, written

    @property
    def size(self) -> int:
        return len(self._content)

    def append(self, *parts: Bytes) -> None:
        for part in parts:
            self._content += octets(part)

    def sync(self) -> None:
        pass

    def close(self) -> None:
        self._complete()


class _Lock:
    def __init__(self, locks: set[str], name: str) -> None:
        self._locks, self._name = locks, name

    def release(self) -> None:
        self._locks.discard(self._name)
