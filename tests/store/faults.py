"""Files that fail: a process killed, or power lost, at any operation; and errors of a disk."""

from __future__ import annotations

import errno
import os
import random
from collections.abc import Callable

from abi.store.files import Bytes, MemoryFiles, Reader


class Crash(BaseException):
    """The process ends here."""


class _File:
    def __init__(self) -> None:
        self.data, self.synced = bytearray(), 0


class CrashingFiles:
    """Files in memory that end the process at operation number `at`.

    What was written is known, and so is what of it was synced. The operation at which the
    process ends happened in part, whole or not at all.
    """

    name = "crashing"

    def __init__(self, at: int, seed: int = 0) -> None:
        self.at, self.done = at, 0
        self._random = random.Random(seed)
        self._files: dict[str, _File] = {}
        self._synced: dict[str, _File] = {}  # names that outlast a loss of power

    def after(self, *, power: bool) -> MemoryFiles:
        """What is found afterwards: all that was written, or after a loss of power less."""
        left = MemoryFiles()
        for name in {*self._files, *self._synced}:
            choices = {id(f): f for f in (self._files.get(name), self._synced.get(name))}
            file = self._random.choice(list(choices.values())) if power else self._files.get(name)
            if file is not None:
                left.contents[name] = bytearray(self._content(file, power))
        return left

    def _content(self, file: _File, power: bool) -> bytes:
        if not power:
            return bytes(file.data)
        kept = self._random.randint(file.synced, len(file.data))
        rest = bytes(self._random.choice((0, len(file.data) - kept)))  # zeros that never were
        return bytes(file.data[:kept]) + rest

    def step(self, whole: Callable[[], None], part: Callable[[], None] | None = None) -> None:
        """One operation; the one at which the process ends may have happened."""
        self.done += 1
        if self.done == self.at:
            self._random.choice([whole, part or whole, lambda: None])()
            raise Crash
        if self.done > self.at:
            raise Crash
        whole()

    def open(self, name: str) -> Reader:
        found = MemoryFiles()
        if name in self._files:
            found.contents[name] = bytearray(self._files[name].data)
        return found.open(name)

    def create(self, name: str) -> _Appender:
        if name in self._files:
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), name)
        file = _File()
        self.step(lambda: self._files.update({name: file}))
        return _Appender(self, file)

    def rename(self, old: str, new: str) -> None:
        self.step(lambda: self._files.update({new: self._files.pop(old)}))

    def remove(self, name: str) -> None:
        if name in self._files:
            self.step(lambda: self._files.pop(name) and None)

    def list(self) -> list[str]:
        return sorted(self._files)

    def sync(self) -> None:
        def whole() -> None:
            self._synced = dict(self._files)

        self.step(whole)

    def lock(self, name: str) -> _Lock:
        return _Lock()

    def cut(self, n: int) -> int:
        return self._random.randint(0, n)


class _Lock:
    def release(self) -> None:
        pass


class _Appender:
    def __init__(self, files: CrashingFiles, file: _File) -> None:
        self._files, self._file = files, file

    @property
    def size(self) -> int:
        return len(self._file.data)

    def append(self, *parts: Bytes) -> None:
        data = b"".join(memoryview(part).cast("B") for part in parts)

        def whole() -> None:
            self._file.data += data

        def part() -> None:
            self._file.data += data[: self._files.cut(len(data))]

        self._files.step(whole, part)

    def sync(self) -> None:
        def whole() -> None:
            self._file.synced = len(self._file.data)

        self._files.step(whole)

    def close(self) -> None:
        pass


class FailingFiles(MemoryFiles):
    """Files in memory whose operations of some kind fail while `failing` names it."""

    def __init__(self, contents: dict[str, bytearray] | None = None) -> None:
        super().__init__()
        self.contents.update(contents or {})
        self.failing: dict[str, int] = {}  # operation to error number
        self.partial = 0  # bytes of an append that are written before it fails
        self.left: int | None = None  # operations until all fail

    def check(self, operation: str, name: str = "") -> None:
        if self.left is not None:
            self.left -= 1
            if self.left < 0:
                raise OSError(errno.EIO, os.strerror(errno.EIO), name)
        number = self.failing.get(operation)
        if number is not None:
            raise OSError(number, os.strerror(number), name)

    def create(self, name: str) -> _FailingAppender:  # type: ignore[override]
        self.check("create", name)
        return _FailingAppender(self, super().create(name), name)

    def rename(self, old: str, new: str) -> None:
        self.check("rename", old)
        super().rename(old, new)

    def remove(self, name: str) -> None:
        self.check("remove", name)
        super().remove(name)

    def sync(self) -> None:
        self.check("sync folder")


class _FailingAppender:
    def __init__(self, files: FailingFiles, inner: object, name: str) -> None:
        self._files, self._inner, self._name = files, inner, name

    @property
    def size(self) -> int:
        return self._inner.size  # type: ignore[attr-defined,no-any-return]

    def append(self, *parts: Bytes) -> None:
        if "append" in self._files.failing:
            data = b"".join(memoryview(part).cast("B") for part in parts)
            self._inner.append(data[: self._files.partial])  # type: ignore[attr-defined]
        self._files.check("append", self._name)
        self._inner.append(*parts)  # type: ignore[attr-defined]

    def sync(self) -> None:
        self._files.check("sync", self._name)

    def close(self) -> None:
        self._inner.close()  # type: ignore[attr-defined]
