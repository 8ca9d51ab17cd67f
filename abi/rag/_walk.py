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
    root: Path, endings: Collection[str], problem: Callable[[str, str], None]
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
    """
    yield from _folder(root, "", Ignore(), endings, problem, set())


def _folder(
    folder: Path,
    base: str,
    ignore: Ignore,
    endings: Collection[str],
    problem: Callable[[str, str], None],
    seen: set[tuple[int, int]],
) -> Iterator[TreeFile]:
    try:
        here = os.stat(folder)
        with os.scandir(folder) as entries:
            found = sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        problem(base or ".", error.strerror or str(error))
        return
    if (here.st_dev, here.st_ino) in seen and here.st_ino:
        return  # a link to a folder that was walked already
    seen.add((here.st_dev, here.st_ino))
    names = {entry.name for entry in found}
    if "pyvenv.cfg" in names or base.count("/") >= _MAX_DEPTH:
        return
    for name in IGNORE_FILES:
        if name in names:
            ignore = ignore.within(base, _lines(folder / name))
    for entry in found:
        name = f"{base}{entry.name}"
        if entry.name.startswith(".") or entry.name in _LEFT_OUT:
            continue
        try:
            is_folder = entry.is_dir()
            if ignore.ignores(name, is_folder):
                continue
            if is_folder:
                inner = folder / entry.name
                yield from _folder(inner, f"{name}/", ignore, endings, problem, seen)
            elif os.path.splitext(entry.name)[1].lower() in endings:
                status = entry.stat()
                if stat.S_ISREG(status.st_mode):
                    yield TreeFile(folder / entry.name, name, status.st_size, status.st_mtime_ns)
        except OSError as error:
            problem(name, error.strerror or str(error))


def _lines(path: Path) -> list[str]:
    try:
        with path.open("rb") as file:
            return file.read(_MAX_IGNORE).decode("utf-8", "replace").splitlines()
    except OSError:
        return []
