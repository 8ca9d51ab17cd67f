"""Checkpoints: what is in memory goes into segments, and the log before it is done with.

The order is what makes it safe: new files are written and synced, then the manifest that
refers to them appears by a rename, and only then goes what it no longer needs. A checkpoint
that fails before the rename leaves files behind that the next one removes.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from abi.store._commits import Collections
from abi.store._log import log_files
from abi.store._manifest import CollectionEntry, Manifest, SegmentEntry, manifest_files
from abi.store._pack import Array
from abi.store._segment_writer import write_pack, write_segment
from abi.store._selection import Selection
from abi.store._state import CollectionState, LiveSegment, open_segment
from abi.store.files import Files

__all__ = ["Checkpoint", "clean", "write_checkpoint"]


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint was given and does not change.

    Parameters
    ----------
    files : Files
    sequence, time : int
        The last commit that it has.
    keep : int
        Rows that died before this time, in microseconds since 1970, are given up.
    """

    files: Files
    sequence: int
    time: int
    keep: int


def write_checkpoint(
    plan: Checkpoint, before: Manifest, collections: Collections
) -> tuple[Manifest, Callable[[], None]]:
    """Write all that is in memory only.

    Returns
    -------
    Manifest
        The new one, written.
    callable
        Brings memory in accord with it; fast.

    Raises
    ------
    OSError
        If a file cannot be written; memory and the log are as they were then.
    """
    numbers = _Numbers(before.next_file)
    horizon = before.horizon
    entries: list[CollectionEntry] = []
    swaps: list[Callable[[], None]] = []
    for state in list(collections.by_number.values()):
        if state.entry.dropped and state.entry.dropped[1] < plan.keep:
            horizon = max(horizon, state.entry.dropped)
            swaps.append(_forget(collections, state.entry.number))
            continue
        written = _write_collection(plan, state, numbers)
        horizon = max(horizon, written.lost)
        entries.append(replace(state.entry, segments=tuple(written.entries())))
        swaps.append(written.take_over)
    manifest = replace(
        before,
        sequence=plan.sequence,
        time=plan.time,
        next_file=numbers.next,
        next_collection=collections.next_number,
        horizon=horizon,
        collections=tuple(entries),
    ).write(plan.files)

    def take_over() -> None:
        for swap in swaps:
            swap()

    return manifest, take_over


def clean(files: Files, manifest: Manifest, damaged: list[str]) -> None:
    """Remove files that a manifest, once written, needs no more; what is damaged is set aside.

    A file that cannot be removed stays for the next time.
    """
    names = files.list()
    for name in damaged:
        with contextlib.suppress(OSError):
            files.rename(name, f"damaged-{name}")
    needed = manifest.files()
    old = [name for number, name in manifest_files(names) if number != manifest.number]
    logs = [name for first, name in log_files(names) if first <= manifest.sequence]
    packs = [name for name in names if name.startswith("c") and name not in needed]
    parts = [name for name in names if name.endswith(".part")]
    for name in {*old, *logs, *packs, *parts}.difference(damaged):
        with contextlib.suppress(OSError):
            files.remove(name)


class _Numbers:
    """Numbers for new files."""

    def __init__(self, first: int) -> None:
        self.next = first

    def name(self, collection: int, kind: str) -> str:
        self.next += 1
        return f"c{collection}-{self.next - 1:08d}-{kind}"


@dataclass
class _Written:
    """The files of one collection after a checkpoint."""

    state: CollectionState
    live: list[LiveSegment]  # as they are to be
    history: list[SegmentEntry]
    deaths: dict[int, int]  # how many of each live segment's are written
    lost: tuple[int, int]  # the last commit whose state before it cannot be recovered any more

    def entries(self) -> list[SegmentEntry]:
        return [*(s.entry for s in self.live), *self.history, *self.state.unreadable]

    def take_over(self) -> None:
        self.state.segments, self.state.history = self.live, self.history
        for number, live in enumerate(self.live):
            live.written = self.deaths.get(number, live.written)
        self.state.forget_memtable()


def _write_collection(plan: Checkpoint, state: CollectionState, numbers: _Numbers) -> _Written:
    number = state.entry.number
    kept, lost = _kept_history(plan, state)
    live, deaths = _write_deaths(plan, state, numbers)
    table = state.memtable
    views = [view for view in state.views() if view.part is table]
    if views:
        (view,) = views
        rows = Selection.of([(table, view.living())])
        if len(rows):
            name = numbers.name(number, "segment")
            write_segment(plan.files, name, rows, state.entry.config, number)
            live.append(open_segment(plan.files, SegmentEntry(name, len(rows)), state.entry))
        dead, gone = _write_history(plan, state, numbers)
        kept, lost = kept + dead, max(lost, gone)
    return _Written(state, live, kept, deaths, lost)


def _kept_history(
    plan: Checkpoint, state: CollectionState
) -> tuple[list[SegmentEntry], tuple[int, int]]:
    """History that is young enough, and the last commit of what is not."""
    kept, lost = [], (0, 0)
    for segment in state.history:
        assert segment.died is not None
        if segment.died[1] >= plan.keep:
            kept.append(segment)
        else:
            lost = max(lost, segment.died)
    return kept, lost


def _write_deaths(
    plan: Checkpoint, state: CollectionState, numbers: _Numbers
) -> tuple[list[LiveSegment], dict[int, int]]:
    """Deletions in segments that are not written yet; segments as they are to be."""
    live, written = [], {}
    for i, segment in enumerate(state.segments):
        if segment.deaths.count != segment.written:
            name = numbers.name(state.entry.number, "deaths")
            meta: dict[str, object] = {"kind": "deaths", "segment": segment.entry.name}
            write_pack(plan.files, name, meta, segment.deaths.arrays())
            entry = replace(segment.entry, deaths=name)
            segment = LiveSegment(entry, segment.segment, segment.deaths, segment.written)
            written[i] = segment.deaths.count
        live.append(segment)
    return live, written


def _write_history(
    plan: Checkpoint, state: CollectionState, numbers: _Numbers
) -> tuple[list[SegmentEntry], tuple[int, int]]:
    """Rows of the memtable that died: a segment of history, and the last that is given up."""
    rows, sequences, times = state.memtable.deaths.log()
    young = times >= np.uint64(max(0, plan.keep))
    old = np.flatnonzero(~young)
    lost = (int(sequences[old[-1]]), int(times[old[-1]])) if len(old) else (0, 0)
    if not young.any():
        return [], lost
    number = state.entry.number
    name, deaths = numbers.name(number, "history"), numbers.name(number, "deaths")
    chosen = Selection.of([(state.memtable, rows[young])])
    write_segment(plan.files, name, chosen, state.entry.config, number)
    arrays: dict[str, Array] = {
        "rows": np.arange(len(chosen), dtype=np.uint32),
        "sequences": sequences[young],
        "times": times[young],
    }
    write_pack(plan.files, deaths, {"kind": "deaths", "segment": name}, arrays)
    died = int(sequences[young][-1]), int(times[young][-1])
    return [SegmentEntry(name, len(chosen), deaths, died=died)], lost


def _forget(collections: Collections, number: int) -> Callable[[], None]:
    def forget() -> None:
        del collections.by_number[number]

    return forget
