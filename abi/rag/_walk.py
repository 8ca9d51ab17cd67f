"""The files of a tree, in the order of their names; what is ignored is left out."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from abi.rag._ignore import IGNORE_FILES, Ignore

__all__ = ["TreeFile", "walk"]

_LEFT_OUT = {"node_modules", "__pycache__", "site-packages"}
_MAX_DEPTH = 64
_MAX_IGNORE = 1 << 20  # bytes of a file of patterns


@dataclass(frozen=True)
class TreeFile:
    """A file of a tree.

    Parameters
    ----------
    path : Path
    name : str
        Relative to the tree, with slashes.
    size : int
        In bytes.
    mtime : int
        When it was changed, in nanoseconds since 1970.
    """

    path: Path
    name: str
    size: int
    mtime: int


def walk(
    root: Path,
    endings: Collection[str],
    problem: Callable[[str, str], None],
    within: str = "",
) -> Iterator[TreeFile]:
    """The files of a folder whose names have one of some endings.

    Hidden ones, virtual environments, `node_modules` and what `.gitignore` and the like name are
    left out. Links are followed, each folder once.

    Parameters
    ----------
    root : Path
    endings : collection of str
        In lower case, such as ".md".
    problem : callable
        Takes the name and the reason of what cannot be read.
    within : str
        A folder of the tree, which alone is walked, as it would be with all of it.
    """
    yield from _Walk(endings, problem, within).folder(root, "", Ignore())


class _Walk:
    """A walk over a tree."""

    def __init__(
        self, endings: Collection[str], problem: Callable[[str, str], None], within: str
    ) -> None:
        self._endings, self._problem, self._within = endings, problem, within
        self._seen: set[tuple[int, int]] = set()

    def folder(self, folder: Path, base: str, ignore: Ignore) -> Iterator[TreeFile]:
        """The files in a folder, whose names begin with `base`."""
        entries = self._entries(folder, base)
        names = {entry.name for entry in entries}
        if "pyvenv.cfg" in names or base.count("/") >= _MAX_DEPTH:
            return
        for name in IGNORE_FILES:
            if name in names:
                ignore = ignore.within(base, _lines(folder / name))
        for entry in entries:
            left_out = entry.name.startswith(".") or entry.name in _LEFT_OUT
            if not left_out and self._leads(f"{base}{entry.name}"):
                try:
                    yield from self._entry(entry, f"{base}{entry.name}", ignore)
                except OSError as error:
                    self._problem(f"{base}{entry.name}", error.strerror or str(error))

    def _leads(self, name: str) -> bool:
        """Whether something is in the folder that is walked alone, or on the way to it."""
        within, own = f"{self._within}/", f"{name}/"
        return not self._within or own.startswith(within) or within.startswith(own)

    def _entries(self, folder: Path, base: str) -> list[os.DirEntry[str]]:
        """What is in a folder, by name; nothing of one that was walked already, through a link."""
        try:
            here = os.stat(folder)
            if (here.st_dev, here.st_ino) in self._seen and here.st_ino:
                return []
            self._seen.add((here.st_dev, here.st_ino))
            with os.scandir(folder) as entries:
                return sorted(entries, key=lambda entry: entry.name)
        except OSError as error:
            self._problem(base or ".", error.strerror or str(error))
            return []

    def _entry(self, entry: os.DirEntry[str], name: str, ignore: Ignore) -> Iterator[TreeFile]:
        if not _is_text(name):
            self._problem(ascii(name), "its name is no text")
            return
        is_folder = entry.is_dir()
        if ignore.ignores(name, is_folder):
            return
        if is_folder:
            yield from self.folder(Path(entry.path), f"{name}/", ignore)
        elif os.path.splitext(entry.name)[1].lower() in self._endings:
            status = entry.stat()
            if stat.S_ISREG(status.st_mode):
                yield TreeFile(Path(entry.path), name, status.st_size, status.st_mtime_ns)


def _is_text(name: str) -> bool:
    try:
        return bool(name.encode())
    except UnicodeEncodeError:  # of bytes that are no UTF-8
        return False


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_IGNORE).decode("utf-8-sig", "replace").splitlines()
    except OSError:
        return []
