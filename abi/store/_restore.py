"""Point-in-time recovery: a past state, written out as a database of its own."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import Any

from abi.errors import InputError
from abi.store._manifest import CollectionEntry, Manifest, SegmentEntry
from abi.store._moment import Moment
from abi.store._recovery import Recovered, recover
from abi.store._segment_writer import write_segment
from abi.store._selection import Selection
from abi.store._state import CollectionState
from abi.store.files import Files, OSFiles

__all__ = ["restore", "restore_files"]


def restore(path: str | os.PathLike[str], to: Any, into: str | os.PathLike[str]) -> tuple[int, int]:
    """Write the state that a database or a backup had at a moment as a new database.

    Parameters
    ----------
    path : path
        The database, which may be in use, or a backup of it. It is only read.
    to : str, int or datetime
        A time ("2026-11-23T10:00:00Z"; without a zone: UTC) or a sequence number.
    into : path
        A folder that does not exist or is empty.

    Returns
    -------
    sequence, time : int
        The last change that the new database has; time in microseconds since 1970.

    Raises
    ------
    InputError
        If there is no database, the state can no longer be recovered or is not reached yet, or
        `into` is not empty.
    FormatError
        If what is needed is damaged; nothing is restored in part.
    OSError
        If files cannot be read or written.
    """
    source = OSFiles(path, create=False)
    if os.path.isdir(into) and os.listdir(into):
        raise InputError(f"{os.fspath(into)}: not empty; name a folder that does not exist yet")
    found = recover(source, Moment.of(to), shared=True)
    if found.problems:
        raise InputError(
            f"{source.name}: damaged, so that nothing is restored: {found.problems[0]}; "
            'open it with mode="r" to read what is left'
        )
    return restore_files(found, OSFiles(into))


def restore_files(found: Recovered, files: Files) -> tuple[int, int]:
    """Write collections as they were found into empty files; the manifest comes last."""
    manifest = Manifest(
        os.urandom(8).hex(),
        sequence=found.sequence,
        time=found.time,
        next_collection=found.collections.next_number,
        horizon=(found.sequence, found.time),
    )
    entries = []
    for state in found.collections.present():
        written = _write(files, state, manifest.next_file)
        manifest = replace(manifest, next_file=manifest.next_file + len(written.segments))
        entries.append(written)
    replace(manifest, collections=tuple(entries)).write(files)
    return found.sequence, found.time


def _write(files: Files, state: CollectionState, number: int) -> CollectionEntry:
    entry = state.entry
    rows = Selection.of([(view.part, view.living()) for view in state.views()])
    segments: tuple[SegmentEntry, ...] = ()
    if len(rows):
        name = f"c{entry.number}-{number:08d}-segment"
        write_segment(files, name, rows, entry.config, entry.number)
        segments = (SegmentEntry(name, len(rows)),)
    return replace(entry, segments=segments, dropped=None)
