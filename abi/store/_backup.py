"""Backups: a folder with the files of a database, to which each backup adds what is new.

A backup is opened and restored from like a database. It keeps the manifest of every backup, so
it goes back further than the database itself does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from abi.errors import FormatError, InputError
from abi.store._log import log_files, scan_log
from abi.store._manifest import Manifest, manifest_files
from abi.store._pack import Pack
from abi.store.files import Files, OSFiles

__all__ = ["BackupReport", "backup", "backup_files"]

_TRIES = 5
_CHUNK = 4 << 20
_TRAILER = 32  # bytes at the end of a pack that differ when anything in it does


@dataclass(frozen=True)
class BackupReport:
    """What a backup did.

    Parameters
    ----------
    sequence : int
        The last change that the backup has.
    copied, kept : int
        Files that were copied, and that were there already.
    n_bytes : int
        Bytes that were copied.
    """

    sequence: int
    copied: int
    kept: int
    n_bytes: int


def backup(path: str | os.PathLike[str], into: str | os.PathLike[str]) -> BackupReport:
    """Bring a backup up to date, or make it; the database may be in use meanwhile.

    Parameters
    ----------
    path : path
        The database.
    into : path
        The folder of the backup: of this database, empty, or not there yet.

    Raises
    ------
    InputError
        If there is no database, or the folder holds something else.
    FormatError
        If a file to be copied is damaged; the backup stays as it was.
    OSError
        If files cannot be read or written; the backup stays as it was.
    """
    source = OSFiles(path, create=False)
    target = OSFiles(into)
    if os.path.samefile(path, into):
        raise InputError(f"{source.name}: cannot be its own backup; name another folder")
    return backup_files(source, target)


def backup_files(source: Files, target: Files) -> BackupReport:
    """`backup` of files."""
    for attempt in range(_TRIES):
        try:
            return _Copy(source, target).run()
        except FileNotFoundError:  # the writer has replaced files meanwhile
            if attempt + 1 == _TRIES:
                raise
    raise AssertionError


class _Copy:
    def __init__(self, source: Files, target: Files) -> None:
        self.source, self.target = source, target
        self.copied = self.kept = self.n_bytes = 0

    def run(self) -> BackupReport:
        names = self.source.list()
        newest, logs = manifest_files(names)[:1], log_files(names)
        if not newest:
            raise InputError(f"{self.source.name}: no database in this folder")
        manifest = Manifest.read(self.source, newest[0][1])
        self._check_target(manifest)
        for name in sorted(manifest.files()):
            self._copy_pack(name)
        sequence = manifest.sequence
        for _, name in logs:
            sequence = max(sequence, self._copy_log(name))
        self.target.sync()
        self._write(newest[0][1], self.source.open(newest[0][1]).view())
        self.target.sync()
        self._prune(manifest)
        return BackupReport(sequence, self.copied, self.kept, self.n_bytes)

    def _check_target(self, manifest: Manifest) -> None:
        """Whether what is there is a backup of the same database."""
        there = [name for name in self.target.list() if not name.endswith(".part")]
        known = manifest_files(there)
        if not known and there:
            message = f"holds something else ({there[0]}); name an empty folder"
            raise InputError(f"{self.target.name}: {message}")
        if known and Manifest.read(self.target, known[0][1]).identity != manifest.identity:
            raise InputError(f"{self.target.name}: of another database; name another folder")

    def _copy_pack(self, name: str) -> None:
        view = self.source.open(name).view()
        if name in self.target.list():
            there = self.target.open(name).view()
            if len(there) == len(view) and there[-_TRAILER:] == view[-_TRAILER:]:
                self.kept += 1
                return
            raise InputError(
                f"{self.target.name}: {name} is another than the database's; name another folder"
            )
        Pack(view, f"{self.source.name}/{name}").check_all()
        self._write(name, view)

    def _copy_log(self, name: str) -> int:
        """Copy the whole records of a log; return the last sequence in it."""
        view = self.source.open(name).view()
        scan = scan_log(view, f"{self.source.name}/{name}")
        self._write(name, view)
        return scan.records[-1].sequence if scan.records else 0

    def _write(self, name: str, view: memoryview) -> None:
        self.target.remove(f"{name}.part")
        file = self.target.create(f"{name}.part")
        try:
            for at in range(0, len(view), _CHUNK):
                file.append(view[at : at + _CHUNK])
            file.sync()
        finally:
            file.close()
        self.target.rename(f"{name}.part", name)
        self.copied += 1
        self.n_bytes += len(view)

    def _prune(self, newest: Manifest) -> None:
        """Remove logs that no state needs: the newest manifest reaches back to the one before."""
        names = self.target.list()
        older = [name for number, name in manifest_files(names) if number != newest.number]
        reach = 0
        if older:
            try:
                reach = Manifest.read(self.target, older[0]).sequence
            except FormatError:
                return
        if newest.horizon[0] <= reach or not older:
            source = {name for _, name in log_files(self.source.list())}
            for first, name in log_files(names):
                if first <= newest.sequence and name not in source:
                    self.target.remove(name)
