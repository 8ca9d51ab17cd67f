"""The state of a collection in memory: its segments, and the rows that are in none yet.

Everything that changes it is a commit, applied in the same way when it happens and when the
log is read again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from abi.store._batch import Batch
from abi.store._deaths import Deaths
from abi.store._ids import Id
from abi.store._manifest import CollectionEntry, SegmentEntry
from abi.store._memtable import Memtable
from abi.store._pack import Pack
from abi.store._part import View
from abi.store._segment import Segment
from abi.store.files import Files

__all__ = ["CollectionState", "LiveSegment", "open_segment"]

I64 = npt.NDArray[np.int64]


@dataclass
class LiveSegment:
    """A segment, and which of its rows were deleted since it was written."""

    entry: SegmentEntry
    segment: Segment
    deaths: Deaths
    written: int = 0  # deletions that its deaths file has

    def view(self) -> View:
        """Its rows as they are now."""
        n = len(self.segment)
        return View(self.segment, n, self.deaths.alive(n))


@dataclass
class CollectionState:
    """One collection.

    `entry` is its entry in the manifest, but for the segments: those of the present are
    `segments`, those kept for point-in-time recovery `history`, and those whose files cannot be
    read `unreadable`.
    """

    entry: CollectionEntry
    segments: list[LiveSegment] = field(default_factory=list)
    history: list[SegmentEntry] = field(default_factory=list)
    unreadable: list[SegmentEntry] = field(default_factory=list)
    memtable: Memtable = field(init=False)
    fixed: tuple[View, ...] | None = None  # of a past state, which nothing changes

    def __post_init__(self) -> None:
        self.memtable = Memtable(self.entry.config)

    def views(self) -> tuple[View, ...]:
        """All rows as they are now, the newest part last."""
        if self.fixed is not None:
            return self.fixed
        found = [live.view() for live in self.segments]
        n = len(self.memtable)
        if n:
            found.append(View(self.memtable, n, self.memtable.deaths.alive(n)))
        return tuple(found)

    def forget_memtable(self) -> None:
        """Begin with no rows in memory; readers keep what they hold."""
        self.memtable = Memtable(self.entry.config)

    def upsert(self, batch: Batch, sequence: int, when: int) -> None:
        """Apply a commit of points."""
        self._kill_in_segments(batch.ids, sequence, when)
        self.memtable.append(batch, sequence, when)

    def delete(self, ids: Sequence[Id], sequence: int, when: int) -> int:
        """Apply a commit of deletions; return how many were there."""
        rows = self.memtable.find(ids)
        self.memtable.kill(rows, sequence, when)
        return int((rows >= 0).sum()) + self._kill_in_segments(ids, sequence, when)

    def existing(self, ids: Sequence[Id]) -> list[Id]:
        """Those of the ids that are there."""
        there = self.memtable.find(ids) >= 0
        for live in self.segments:
            there |= live.segment.find(ids, live.view()) >= 0
        return [i for i, found in zip(ids, there.tolist(), strict=True) if found]

    def _kill_in_segments(self, ids: Sequence[Id], sequence: int, when: int) -> int:
        killed = 0
        for live in self.segments:
            rows = live.segment.find(ids)
            rows = rows[rows >= 0]
            if live.deaths.count:
                alive = [live.deaths.is_alive(row) for row in rows.tolist()]
                rows = rows[np.array(alive, np.bool_)]
            live.deaths.kill(rows, sequence, when, len(live.segment))
            killed += len(rows)
        return killed


def open_segment(files: Files, entry: SegmentEntry, collection: CollectionEntry) -> LiveSegment:
    """Open a segment and its deletions.

    Raises
    ------
    OSError, FormatError
        If a file is missing or damaged.
    """
    segment = Segment(files, entry.name, collection.config, entry.indexes, entry.tuned)
    deaths = Deaths()
    if entry.deaths:
        reader = files.open(entry.deaths)
        pack = Pack(reader.view(), f"{files.name}/{entry.deaths}")
        deaths = Deaths.from_arrays(pack.group(""), len(segment), pack.source)
        reader.close()
    return LiveSegment(entry, segment, deaths, deaths.count)
