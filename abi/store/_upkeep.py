"""Upkeep of a database: checkpoints, compaction, checks; beside what goes on where possible."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from typing import Any

from abi._platform import IN_PYODIDE, Worker
from abi.errors import AbiError, DamageWarning, FormatError, StorageError
from abi.kernels import select
from abi.store._check import check_files, check_state
from abi.store._checkpoint import Checkpoint, clean, write_checkpoint
from abi.store._commits import Collections
from abi.store._compaction import choose, in_order, merge
from abi.store._derived import derived_problems, index_problem
from abi.store._info import collection_info, sizes
from abi.store._moment import show_time
from abi.store._state import CollectionState, LiveSegment
from abi.store._tending import Tending
from abi.store.indexes import Layout, missing
from abi.store.indexes import choose as choose_index

__all__ = ["Upkeep"]

_QUIET = 0.3  # seconds without a commit after which indexes are made
_PATIENCE = 60  # seconds after which they are made all the same

Task = tuple[CollectionState, list[LiveSegment], str | None]


class Upkeep(Tending):
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

    def repair(self) -> list[str]:
        """Make again what is damaged and follows from data that are whole; tell what that was.

        Raises
        ------
        StorageError
            If a file cannot be written; everything is as it was then.
        """
        done = []
        with self._tidying:
            self.checkpoint()
            for state in list(self.collections.by_number.values()):
                for live in list(state.segments):
                    found = self._repair(state, live)
                    done += [f"collection {state.entry.name!r}: {one}" for one in found]
        self.tidy()
        return done

    def _repair(self, state: CollectionState, live: LiveSegment) -> list[str]:
        if found := list(derived_problems(live.segment, state.entry.config)):
            try:
                self._merge(state, [live], None, data_only=True)
            except FormatError:
                return []  # the data are damaged themselves: that stays, and `check` says it
            return [f"{problem}; made again from the data" for problem in found]
        done = []
        for vector, file in live.entry.indexes.items():
            if problem := index_problem(live.segment, vector, file):
                self._drop_index(live, vector)
                done.append(f"{problem}; made again from the vectors")
        return done

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
                    chosen = in_order(state.segments)
                    self._merge(state, chosen, self._layout(state, chosen))
        self.tidy()

    def tidy(self, *, patient: bool = False) -> None:
        """Merge segments and make indexes until all is as it should be, or it is closed.

        Parameters
        ----------
        patient : bool
            Make indexes when nothing was written for a moment: they would be of segments that
            are merged soon, and take processors from who writes.
        """
        while not self.closing:
            if judged := self._next_judged():
                self._judge(*judged)
            with self._tidying:
                task = self._next_task()
            if task is None:
                self._anew = None  # what it was of is no more
                return
            state, chosen, name = task
            if patient and len(chosen) == 1 and self._wait_for_quiet():
                continue
            if name is None:
                self._try_merge(state, chosen)
            else:
                self._index(state, chosen[0], name)
            if self._anew and chosen[0].segment is self._anew[0]:
                self._anew = None

    def _try_merge(self, state: CollectionState, chosen: list[LiveSegment]) -> None:
        """Merge segments; those that are damaged are left as they are, and not tried again."""
        try:
            layout = self._layout(state, chosen)
            with self._tidying:
                if layout is not None and not self._gone(state, chosen):
                    self._merge(state, chosen, layout)
        except FormatError as error:
            self._damaged.update(live.segment for live in chosen)
            warnings.warn(f"{error}; it is not merged", DamageWarning, stacklevel=3)

    def _next_task(self) -> Task | None:
        """Segments to be merged, or one and the vector that lacks an index."""
        for state in self.collections.present():
            if chosen := choose(state, self._damaged):
                return state, chosen, None
        for state in self.collections.present():
            for live in state.segments:
                if live.segment in self._damaged:
                    continue
                for name, settings in state.entry.config.vectors.items():
                    segment, anew = live.segment, (live.segment, name) == self._anew
                    wanted = missing(segment, name, settings, select())
                    if anew and wanted is None:
                        wanted = choose_index(settings, segment.count(name), select())
                    if wanted is not None:
                        order = wanted.index == "ivf" and (anew or segment.partitions(name) is None)
                        return state, [live], None if order else name
        return None

    def _wait_for_quiet(self) -> bool:
        """Whether it had to wait until nothing was written any more."""
        waited, until = False, time.monotonic() + _PATIENCE
        while not (IN_PYODIDE or self.closing) and time.monotonic() < until:
            if time.time() - self.time / 1e6 > _QUIET:
                break
            waited = True
            time.sleep(_QUIET / 4)
        return waited

    def _merge(
        self,
        state: CollectionState,
        chosen: list[LiveSegment],
        layout: Layout | None,
        *,
        data_only: bool = False,
    ) -> None:
        keep = self._keep()
        try:
            merged = merge(
                self.files, self.manifest, state, chosen, keep, layout, data_only=data_only
            )
            with self._writing:
                manifest = merged.manifest.write(self.files)
                with self._state:
                    self.manifest = manifest
                    merged.apply()
        except OSError as error:
            self._renumber()
            raise self._storage_error("segments stay as they were", error) from error
        clean(self.files, manifest, [])

    def searched(self) -> None:
        """Judge indexes that were asked often enough, beside what goes on."""
        if self.to_judge():
            self._tidy_later()

    def _tidy_later(self) -> None:
        """`tidy` beside what goes on, where the platform can."""
        if self._worker is None or not self._worker.busy():
            self._worker = Worker(self._try_tidy)

    def _try_tidy(self) -> None:
        try:
            self.tidy(patient=True)
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
