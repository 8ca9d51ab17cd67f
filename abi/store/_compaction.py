"""Compaction: several segments become one, and what died in them goes to history.

What is merged is the state of the last checkpoint; deletions that come meanwhile are carried
over when the new segment takes its place, so that neither readers nor writers wait.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from abi.kernels import select
from abi.store._deaths import Deaths
from abi.store._derived import DataOnly, is_derived
from abi.store._manifest import Manifest, SegmentEntry
from abi.store._pack import Array
from abi.store._part import Rows
from abi.store._segment import Segment
from abi.store._segment_writer import write_pack, write_segment
from abi.store._selection import Selection
from abi.store._state import CollectionState, LiveSegment, open_segment
from abi.store.files import Files
from abi.store.indexes import Layout, first_widths

__all__ = ["Merge", "choose", "in_order", "living", "merge"]

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

_FAN = 4  # segments of about the same size that are merged
_SMALLEST = 4096  # rows under which sizes are not told apart
_DEAD = 0.2  # share of dead rows from which a segment is written anew


@dataclass
class _Old:
    """A segment that goes, as the last checkpoint has it."""

    live: LiveSegment
    source: Rows  # what is read of it
    rows: I64  # the living
    dead: I64  # those that history keeps
    ended: U64
    when: U64

    def later(self) -> tuple[I64, U64, U64]:
        """Deletions since that checkpoint."""
        written = self.live.written
        rows, ended, when = self.live.deaths.log()
        return rows[written:], ended[written:], when[written:]


@dataclass
class Merge:
    """A merge whose files are written, and which has not taken effect yet.

    Parameters
    ----------
    manifest : Manifest
        To be written.
    apply : callable
        Brings the state in memory in accord with it; fast.
    """

    manifest: Manifest
    apply: Callable[[], None]


def choose(state: CollectionState, without: Container[Segment] = ()) -> list[LiveSegment]:
    """The segments that should be merged next, without some; none where all is well."""
    by_size: dict[int, list[LiveSegment]] = {}
    for live in state.segments:
        dead = live.written
        if live.segment in without:
            continue
        if dead > _DEAD * len(live.segment) or live.segment.outdated:
            return [live]
        alive = max(len(live.segment) - dead, _SMALLEST)
        by_size.setdefault((alive // _SMALLEST).bit_length() // 2, []).append(live)
    crowded = [group for _, group in sorted(by_size.items()) if len(group) >= _FAN]
    return in_order(crowded[0]) if crowded else []


def in_order(chosen: Sequence[LiveSegment]) -> list[LiveSegment]:
    """Segments as they are to be written one after another: if any has a graph the largest such
    first, for the new graph to go on from.
    """
    return sorted(
        chosen,
        key=lambda live: len(live.segment) if live.segment.graphs() else 0,
        reverse=True,
    )


def merge(
    files: Files,
    manifest: Manifest,
    state: CollectionState,
    chosen: Sequence[LiveSegment],
    keep: int,
    layout: Layout | None = None,
    *,
    data_only: bool = False,
) -> Merge:
    """Write one segment in the place of several.

    Parameters
    ----------
    files : Files
    manifest : Manifest
        Of the last checkpoint; there must be no other one before the merge has taken effect.
    state : CollectionState
    chosen : sequence of LiveSegment
    keep : int
        Rows that died before this time, in microseconds since 1970, are given up.
    layout : mapping of str to Partition, optional
        Partitions of the vectors of the chosen segments' rows.
    data_only : bool
        Make again all that can be made from the data; it may be damaged.

    Raises
    ------
    OSError
        If a file cannot be written; everything is as it was then.
    FormatError
        If a segment is damaged; it is left as it is.
    """
    olds = [_old(live, keep, data_only) for live in chosen]
    for live in chosen:
        # Damage must not be written anew with good checksums; partitions are made again.
        live.segment.pack.check_all(is_derived if data_only else _of_partitions)
    number, file = state.entry.number, manifest.next_file
    name = f"c{number}-{file:08d}-segment"
    rows = Selection.of([(old.source, old.rows) for old in olds])
    fresh: list[LiveSegment] = []
    if len(rows):
        write_segment(files, name, rows, state.entry.config, number, layout)
        fresh.append(_opened(files, SegmentEntry(name, len(rows)), state, layout or {}))
        if not data_only:
            fresh[0].segment.go_on_from(olds[0].live.segment, olds[0].rows)
    history = _write_history(files, state, olds, file + 1)
    gone = {id(live) for live in chosen}

    def apply() -> None:
        for live in fresh:
            _carry_over(live, olds)
        state.segments = [live for live in state.segments if id(live) not in gone] + fresh
        state.history = [*state.history, *history]

    left = [live.entry for live in state.segments if id(live) not in gone]
    entries = [*left, *(live.entry for live in fresh), *state.history, *history, *state.unreadable]
    horizon = max([manifest.horizon, *(_lost(old, keep) for old in olds)])
    after = replace(manifest, next_file=file + 3, horizon=horizon)
    return Merge(_with_segments(after, number, tuple(entries)), apply)


def _opened(
    files: Files, entry: SegmentEntry, state: CollectionState, layout: Layout
) -> LiveSegment:
    """A segment that was written, and how wide its partitions are to be searched."""
    live = open_segment(files, entry, state.entry)
    tuned = {}
    for name in layout:
        index, vectors = live.segment.index(name, select()), live.segment.vectors(name, select())
        if index is not None and vectors is not None:
            tuned[name] = first_widths(index, vectors, state.entry.config.vectors[name])
            live.segment.tune(name, tuned[name])
    return LiveSegment(replace(entry, tuned=tuned), live.segment, live.deaths)


def living(chosen: Sequence[LiveSegment]) -> Selection:
    """The rows that a merge would write, as the last checkpoint has them."""
    return Selection.of([(live.segment, _old(live, 0).rows) for live in chosen])


def _with_segments(manifest: Manifest, number: int, segments: tuple[SegmentEntry, ...]) -> Manifest:
    collections = tuple(
        replace(entry, segments=segments) if entry.number == number else entry
        for entry in manifest.collections
    )
    return replace(manifest, collections=collections)


def _of_partitions(array: str) -> bool:
    return "/ivf/" in array


def _old(live: LiveSegment, keep: int, data_only: bool = False) -> _Old:
    written = live.written
    rows, sequences, times = live.deaths.log()
    dead, ended, when = rows[:written], sequences[:written], times[:written]
    alive = np.ones(len(live.segment), np.bool_)
    alive[dead] = False
    young = when >= np.uint64(max(0, keep))
    source = DataOnly(live.segment) if data_only else live.segment
    return _Old(live, source, np.flatnonzero(alive), dead[young], ended[young], when[young])


def _lost(old: _Old, keep: int) -> tuple[int, int]:
    _, ended, when = (values[: old.live.written] for values in old.live.deaths.log())
    gone = when < np.uint64(max(0, keep))
    return (int(ended[gone].max()), int(when[gone].max())) if gone.any() else (0, 0)


def _write_history(
    files: Files, state: CollectionState, olds: Sequence[_Old], file: int
) -> list[SegmentEntry]:
    """The dead rows of segments that go, as a segment of history."""
    dead = Selection.of([(old.source, old.dead) for old in olds])
    if not len(dead):
        return []
    number = state.entry.number
    name, deaths = f"c{number}-{file:08d}-history", f"c{number}-{file + 1:08d}-deaths"
    write_segment(files, name, dead, state.entry.config, number)
    arrays: dict[str, Array] = {
        "rows": np.arange(len(dead), dtype=np.uint32),
        "sequences": np.concatenate([old.ended for old in olds]),
        "times": np.concatenate([old.when for old in olds]),
    }
    write_pack(files, deaths, {"kind": "deaths", "segment": name}, arrays)
    last = int(arrays["sequences"].argmax())
    died = int(arrays["sequences"][last]), int(arrays["times"][last])
    return [SegmentEntry(name, len(dead), deaths, died=died)]


def _carry_over(fresh: LiveSegment, olds: Sequence[_Old]) -> None:
    """Deletions in the old segments since the checkpoint, in the order of their commits."""
    found: list[tuple[int, int, int]] = []
    start = 0
    for old in olds:
        rows, ended, when = old.later()
        places = start + np.searchsorted(old.rows, rows)
        found += zip(ended.tolist(), when.tolist(), places.tolist(), strict=True)
        start += len(old.rows)
    deaths = Deaths()
    for sequence, time_, place in sorted(found):
        deaths.kill(np.array([place]), sequence, time_, len(fresh.segment))
    fresh.deaths = deaths
