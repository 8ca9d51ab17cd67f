"""Upkeep of a database: checkpoints, compaction, checks; beside what goes on where possible."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from abi._platform import Worker
from abi.errors import AbiError, DamageWarning, StorageError
from abi.index import HNSW
from abi.kernels import select
from abi.store._check import check_files, check_state
from abi.store._checkpoint import Checkpoint, clean, write_checkpoint
from abi.store._commits import Collections
from abi.store._compaction import choose, merge
from abi.store._core import Core
from abi.store._indexing import build_index, missing_index
from abi.store._info import collection_info, sizes
from abi.store._moment import show_time
from abi.store._segment import Segment
from abi.store._segment_writer import write_pack
from abi.store._state import CollectionState, LiveSegment

__all__ = ["Upkeep"]


class Upkeep(Core):
    """The engine's part that writes segments and reads them whole."""

    _worker: Worker | None = None

    def checkpoint(self, damaged: list[str] | None = None) -> None:
        """Write what is in memory into segments.

        Raises
        ------
        StorageError
            If a file cannot be written; everything is kept in the log then.
        """
        with self._tidying, self._writing:
            self._check_writable()
            if self.sequence == self.manifest.sequence and not damaged:
                return
            plan = Checkpoint(self.files, self.sequence, self.time, self._keep())
            try:
                self._log.rotate()
                manifest, take_over = write_checkpoint(plan, self.manifest, self.collections)
            except OSError as error:
                self._renumber()
                raise self._storage_error("all commits are kept in its log", error) from error
            with self._state:
                self.manifest = manifest
                take_over()
            with self._syncing:
                self._log.forget(self.sequence)
            clean(self.files, manifest, damaged or [])

    def check(self, progress: Callable[[int, int], None] | None) -> list[str]:
        """What is wrong with the files and the state; nothing is written meanwhile."""
        self.check_open()
        with self._tidying, self._writing:
            found = [*self.problems, *check_files(self.files, self.manifest, progress)]
            if not found:
                for state in self.collections.by_number.values():
                    found += check_state(self.files, state)
        return found

    def compact(self) -> None:
        """A checkpoint, and then each collection in one segment without dead rows.

        Raises
        ------
        StorageError
            If a file cannot be written; everything is as it was then.
        FormatError
            If a segment is damaged; it is left as it is.
        """
        with self._tidying:
            self.checkpoint()
            for state in list(self.collections.by_number.values()):
                dead = any(live.written for live in state.segments)
                if len(state.segments) > 1 or dead:
                    self._merge(state, state.segments)
        self.tidy()

    def tidy(self) -> None:
        """Merge segments and make indexes until all is as it should be, or it is closed."""
        while not self.closing:
            with self._tidying:
                while not self.closing and (found := self._to_merge()):
                    self._merge(*found)
                missing = self._to_index()
            if missing is None:
                return
            self._index(*missing)

    def _to_merge(self) -> tuple[CollectionState, list[LiveSegment]] | None:
        for state in self.collections.present():
            if chosen := choose(state):
                return state, chosen
        return None

    def _to_index(self) -> tuple[CollectionState, LiveSegment, str] | None:
        for state in self.collections.present():
            if found := missing_index(state):
                return state, *found
        return None

    def _index(self, state: CollectionState, live: LiveSegment, name: str) -> None:
        """Make an index, beside commits and checkpoints, and let it take effect."""
        segment = live.segment
        vectors = segment.vectors(name, select())
        assert vectors is not None

        def stop() -> bool:
            return self.closing or all(live.segment is not segment for live in state.segments)

        index = build_index(vectors, state.entry.config.vectors[name], stop)
        with self._tidying:
            if index is not None and not stop():
                self._publish_index(state, segment, name, index)

    def _publish_index(
        self, state: CollectionState, segment: Segment, name: str, index: HNSW
    ) -> None:
        live = next(live for live in state.segments if live.segment is segment)
        file = f"c{state.entry.number}-{self.manifest.next_file:08d}-index"
        meta: dict[str, object] = {"kind": "index", "segment": segment.name, "vector": name}
        entry = replace(live.entry, indexes={**segment.indexes, name: file})
        try:
            write_pack(self.files, file, meta, index.arrays())
            with self._writing:
                manifest = self.manifest.with_segment(entry).write(self.files)
                with self._state:
                    self.manifest, live.entry = manifest, entry
                    segment.add_index(name, file)
        except OSError as error:
            self._renumber()
            raise self._storage_error("searches go on without an index", error) from error
        clean(self.files, manifest, [])

    def _merge(self, state: CollectionState, chosen: list[LiveSegment]) -> None:
        try:
            merged = merge(self.files, self.manifest, state, chosen, self._keep())
            with self._writing:
                manifest = merged.manifest.write(self.files)
                with self._state:
                    self.manifest = manifest
                    merged.apply()
        except OSError as error:
            self._renumber()
            raise self._storage_error("segments stay as they were", error) from error
        clean(self.files, manifest, [])

    def _tidy_later(self) -> None:
        """`tidy` beside what goes on, where the platform can."""
        if self._worker is None or not self._worker.busy():
            self._worker = Worker(self._try_tidy)

    def _try_tidy(self) -> None:
        try:
            self.tidy()
        except (AbiError, OSError) as error:  # nothing is lost: it stays as it was
            if not self.closing:
                warnings.warn(str(error), DamageWarning, stacklevel=2)

    def _try_checkpoint(self) -> None:
        """A checkpoint that may fail: the log has everything, and it is tried again."""
        if not self._tidying.acquire(blocking=False):
            return  # segments are being merged: the next commit comes back here
        try:
            self.checkpoint()
            if not self.closing:
                self._tidy_later()
        except StorageError as error:
            warnings.warn(str(error), DamageWarning, stacklevel=3)
        finally:
            self._tidying.release()

    def info(self) -> dict[str, Any]:
        """See `Database.info`."""
        n_bytes = sizes(self.files)

        def take(collections: Collections) -> dict[str, Any]:
            return {s.entry.name: collection_info(s, n_bytes) for s in collections.present()}

        sequence, when = self.manifest.horizon
        return {
            "sequence": self.sequence,
            "horizon": (sequence, show_time(when)),
            "n_bytes": sum(n_bytes.values()),
            "problems": list(self.problems),
            "collections": self.read(take),
        }
