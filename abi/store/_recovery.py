"""Opens a database: the newest manifest, its segments, and what the log has after it.

Nothing here writes. What cannot be read is told in `Recovered.problems`, with what is lost by
it, and left out; what can be read is there.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from abi.errors import FormatError, InputError
from abi.store._commits import Collections, apply_record
from abi.store._log import log_files, scan_log
from abi.store._manifest import CollectionEntry, Manifest, manifest_files
from abi.store._moment import Moment
from abi.store._past import go_back
from abi.store._state import CollectionState, open_segment
from abi.store.files import Files

__all__ = ["Recovered", "recover"]

_TRIES = 5  # a writer may replace files between reading the manifest and opening them


@dataclass
class Recovered:
    """What was found.

    Parameters
    ----------
    manifest : Manifest
    collections : Collections
    sequence, time : int
        The last commit that was applied; time in microseconds since 1970.
    problems : list of str
        What could not be read, and what is lost.
    damaged : list of str
        Log files that have damage; to be kept for inspection.
    """

    manifest: Manifest
    collections: Collections = field(default_factory=Collections)
    sequence: int = 0
    time: int = 0
    problems: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)


def recover(files: Files, until: Moment | None = None, *, shared: bool = False) -> Recovered:
    """Read a database.

    Parameters
    ----------
    files : Files
    until : Moment, optional
        Apply no commit of the log after it.
    shared : bool
        A writer may be at work: the end of the newest log file may be half written.

    Raises
    ------
    FormatError
        If there are manifests and none can be read, or the database is of a newer format.
    OSError
        If files cannot be read.
    InputError
        If the database cannot go back to that moment, or has not come to it.
    """
    for attempt in range(_TRIES):
        found = _read_manifest(files, until)
        missing = _open_collections(files, found)
        if not missing or attempt + 1 == _TRIES:
            break
    if until and not until.covers(found.sequence, found.time):
        past = go_back(files, found.manifest, found.collections, until)
        found.sequence, found.time = past
    else:
        _replay(files, found, until, shared)
    if until and until.sequence is not None and until.sequence > found.sequence:
        raise InputError(f"{files.name}: ends with sequence {found.sequence}; got {until.sequence}")
    return found


def _read_manifest(files: Files, until: Moment | None) -> Recovered:
    """The newest manifest; of a backup, which has several, the newest that goes back so far."""
    problems: list[str] = []
    newest = manifest_files(files.list())
    for _, name in newest:
        try:
            manifest = Manifest.read(files, name)
        except (FormatError, FileNotFoundError) as error:
            problems.append(f"{error}; went on with what is older")
            last = error
            continue
        if until and not until.covers(*manifest.horizon) and name != newest[-1][1]:
            continue
        return Recovered(manifest, Collections(), manifest.sequence, manifest.time, problems)
    if newest:
        raise last
    return Recovered(Manifest())


def _open_collections(files: Files, found: Recovered) -> bool:
    """Open all segments; return whether a file was not there."""
    found.collections.next_number = found.manifest.next_collection
    missing = False
    for entry in found.manifest.collections:
        state = CollectionState(entry)
        found.collections.by_number[entry.number] = state
        for segment in entry.segments:
            if segment.died is not None:
                state.history.append(segment)
                continue
            try:
                state.segments.append(open_segment(files, segment, entry))
            except (OSError, FormatError) as error:
                missing |= isinstance(error, FileNotFoundError)
                state.unreadable.append(segment)
                found.problems.append(_lost_segment(entry, segment.rows, error))
    return missing


def _lost_segment(entry: CollectionEntry, rows: int, error: Exception) -> str:
    return f"collection {entry.name!r}: {rows} points cannot be read: {error}"


def _replay(files: Files, found: Recovered, until: Moment | None, shared: bool) -> None:
    """Apply what the log has after the manifest."""
    logs = log_files(files.list())
    for i, (_, name) in enumerate(logs):
        try:
            view = files.open(name).view()
        except FileNotFoundError:
            continue  # a writer has removed it: a newer manifest has what it held
        source = f"{files.name}/{name}"
        scan = scan_log(view, source)
        last = i + 1 == len(logs)
        if scan.damage and not (shared and last):
            found.damaged.append(name)
        for record in scan.records:
            if record.sequence <= found.sequence:
                continue
            if until and not until.covers(record.sequence, record.time):
                return
            if record.sequence != found.sequence + 1:
                found.problems.append(_lost_commits(source, found.sequence, record.sequence))
            try:
                apply_record(found.collections, record, source)
            except (FormatError, InputError) as error:
                found.problems.append(f"commit {record.sequence} is lost: {error}")
            found.sequence, found.time = record.sequence, record.time
        if scan.damage and not (shared and last):
            ends = len(view) if last else -1
            found.problems += [_damage(source, part, found, ends) for part in scan.damage]


def _lost_commits(source: str, before: int, after: int) -> str:
    lost = (
        f"commits {before + 1} to {after - 1} are"
        if after - before > 2
        else f"commit {before + 1} is"
    )
    return f"{source}: {lost} lost"


def _damage(source: str, part: tuple[int, int], found: Recovered, ends: int) -> str:
    start, stop = part
    lost = f"; commits after {found.sequence} may be lost" if stop == ends else ""
    return f"{source}: bytes {start} to {stop} are damaged{lost}"
