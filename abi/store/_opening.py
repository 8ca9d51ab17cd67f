"""Opening a database by its path."""

from __future__ import annotations

import os
from typing import Any

from abi.errors import InputError
from abi.store._database import Database
from abi.store._engine import DURABILITIES
from abi.store._manifest import manifest_files
from abi.store._moment import Moment
from abi.store.files import Files, MemoryFiles, OSFiles

__all__ = ["open"]

_MODES = ("w", "r")
_LEFT = ("lock", "manifest-0000000001.part")  # of a process that ended while it made a database


def open(
    path: str | os.PathLike[str],
    mode: str = "w",
    *,
    durability: str = "always",
    history: float = 7 * 86400,
    at: Any = None,
) -> Database:
    """Open a database, making it where there is none.

    Parameters
    ----------
    path : path
        A folder, or ":memory:".
    mode : {"w", "r"}
        "w" reads and writes, as the only one who does; "r" reads the database as it is now,
        whoever writes to it meanwhile.
    durability : {"always", "interval", "none"}
        When a change is on the disk: before the call returns (changes of several threads
        share a sync); within a second, as long as changes go on; or when the operating system
        writes it. A process that is killed loses nothing under any of them.
    history : float
        Seconds for which past states can be recovered; costs what was replaced or deleted.
    at : str, int, datetime or Moment, optional
        Read the database as it was then: a time ("2026-11-23T10:00:00Z") or a sequence number.
        Needs mode "r", which it implies.

    Raises
    ------
    InputError
        If an argument cannot be, there is no database to read, or it cannot go back that far.
    LockedError
        If another has it open to write; it names the process.
    FormatError
        If it is of a newer format, or its manifests are damaged.
    OSError
        If files cannot be read or written.

    Examples
    --------
    >>> db = open(":memory:")
    >>> notes = db.create_collection("notes", dim=2)
    >>> _ = notes.upsert(ids=[1, 2], vectors=[[1.0, 0.0], [0.0, 1.0]])
    >>> [hit.id for hit in notes.search(vector=[0.9, 0.1], k=1)]
    [1]
    """
    if mode not in _MODES:
        raise InputError(f'mode={mode!r}: expected "w" to write or "r" to read')
    if durability not in DURABILITIES:
        raise InputError(f"durability={durability!r}: expected one of {', '.join(DURABILITIES)}")
    if type(history) not in (int, float) or not history >= 0:
        raise InputError(f"history={history!r}: expected seconds, 0 or more")
    moment = None if at is None else at if isinstance(at, Moment) else Moment.of(at)
    write = mode == "w" and moment is None
    return Database(_files(path, write), write, durability, history, moment)


def _files(path: str | os.PathLike[str], write: bool) -> Files:
    if path == ":memory:":
        return MemoryFiles()
    try:
        files = OSFiles(path, create=write)
    except (FileNotFoundError, FileExistsError, NotADirectoryError):
        problem = "a file" if os.path.isfile(path) else "no such folder"
        raise InputError(
            f"{os.fspath(path)}: {problem}; expected the folder of a database"
        ) from None
    names = files.list()
    if not manifest_files(names):
        if not write:
            raise InputError(f"{files.name}: no database in this folder")
        if others := [name for name in os.listdir(files.folder) if name not in _LEFT]:
            raise InputError(
                f"{files.name}: no database, and not empty ({others[0]}); name an empty folder"
            )
    return files
