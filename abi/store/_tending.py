"""Indexes of segments, tended: made, judged by what is asked, widened, and made anew."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace

from abi.index import Mask
from abi.kernels import select
from abi.store._checkpoint import clean
from abi.store._compaction import living
from abi.store._core import Core
from abi.store._manifest import SegmentEntry
from abi.store._pack import Array
from abi.store._part import View
from abi.store._segment import Segment
from abi.store._segment_writer import write_pack
from abi.store._state import CollectionState, LiveSegment
from abi.store.filter import Filter
from abi.store.indexes import (
    Choice,
    Exam,
    Judgement,
    Layout,
    Opened,
    Query,
    build,
    choose,
    partition,
)

__all__ = ["Tending"]

_TOO_WIDE = 4  # of so many partitions one may be looked into, before they are made anew


Judged = tuple[CollectionState, Segment, str, Opened]


class Tending(Core):
    """The engine's part that knows of indexes."""

    _anew: tuple[Segment, str] | None = None  # an index that is to be made anew

    def _gone(self, state: CollectionState, chosen: Sequence[LiveSegment]) -> bool:
        """Whether there is no use in going on with some segments."""
        there = {id(live.segment) for live in state.segments}
        return self.closing or any(id(live.segment) not in there for live in chosen)

    def _layout(self, state: CollectionState, chosen: Sequence[LiveSegment]) -> Layout | None:
        """Partitions for the rows of segments; None if there is no use in them any more."""
        anew = self._anew is not None and [live.segment for live in chosen] == [self._anew[0]]

        def stop() -> bool:
            return self._gone(state, chosen)

        return partition(living(chosen), state.entry.config, select(), stop, anew=anew)

    def _index(self, state: CollectionState, live: LiveSegment, name: str) -> None:
        """Make an index, beside commits and checkpoints, and let it take effect."""
        segment, settings = live.segment, state.entry.config.vectors[name]
        vectors = segment.vectors(name, select())
        assert vectors is not None
        choice = choose(settings, len(vectors), select())
        before = segment.before.get(name)
        if self._anew == (segment, name):  # with more candidates for a graph's neighbours
            settings = replace(settings, ef_construction=2 * settings.ef_construction)
            before = None

        def stop() -> bool:
            return self._gone(state, [live])

        arrays = build(choice, vectors, settings, segment.partitions(name), stop, before)
        with self._tidying:
            now = self._now(state, segment)
            if arrays is not None and now is not None:
                self._publish_index(state, now, name, choice, arrays)

    def _publish_index(
        self,
        state: CollectionState,
        live: LiveSegment,
        name: str,
        choice: Choice,
        arrays: dict[str, Array],
    ) -> None:
        segment = live.segment
        file = f"c{state.entry.number}-{self.manifest.next_file:08d}-index"
        meta: dict[str, object] = {
            "kind": "index", "segment": segment.name, "vector": name, **asdict(choice),
        }  # fmt: skip
        entry = replace(live.entry, indexes={**segment.indexes, name: file})
        try:
            write_pack(self.files, file, meta, arrays)
            self._replace(live, entry, lambda: segment.add_index(name, file))
            segment.before.pop(name, None)
        except OSError as error:
            self._renumber()
            raise self._storage_error("searches go on without an index", error) from error
        clean(self.files, self.manifest, [])

    def _drop_index(self, live: LiveSegment, vector: str) -> None:
        """Search a vector without its index file; it is made again by and by."""
        left = {name: file for name, file in live.entry.indexes.items() if name != vector}
        entry = replace(live.entry, indexes=left)
        try:
            self._replace(live, entry, lambda: live.segment.drop_index(vector))
        except OSError as error:
            self._renumber()
            raise self._storage_error("searches go on without that index", error) from error

    def _replace(self, live: LiveSegment, entry: SegmentEntry, apply: Callable[[], None]) -> None:
        """Write a manifest with another entry for a segment, and let it take effect."""
        with self._writing:
            manifest = self.manifest.with_segment(entry).write(self.files)
            with self._state:
                self.manifest, live.entry = manifest, entry
                apply()

    def _now(self, state: CollectionState, segment: Segment) -> LiveSegment | None:
        """A segment as it is; None if it is no more, or all is being closed."""
        there = (live for live in state.segments if live.segment is segment)
        return None if self.closing else next(there, None)

    def to_judge(self) -> bool:
        """Whether an index was asked often enough to be judged."""
        return bool(self._lock) and self._next_judged() is not None

    def _next_judged(self) -> Judged | None:
        for state in self.collections.present():
            for live in state.segments:
                for name, opened in live.segment.opened():
                    if opened.asked.due():
                        return state, live.segment, name, opened
        return None

    def _judge(self, state: CollectionState, segment: Segment, name: str, opened: Opened) -> None:
        """Measure what an index finds, and search wider until it is what the settings want.

        Partitions that were mended, and graphs with as many candidates as the settings say, are
        made anew if that is too little: what was made so already is as good as it gets.
        """
        start = time.monotonic()
        settings, vectors = state.entry.config.vectors[name], segment.vectors(name, select())
        assert vectors is not None
        with self._state:
            live = self._now(state, segment)
            if live is None:
                return
            view = live.view()
        queries, before = opened.asked.take(), opened.widths
        masks = _masks(view, name, queries)
        exam = Exam(vectors, queries, masks)
        recall = exam.widen(opened, settings.recall, lambda: self._gone(state, [live]))
        opened.asked.judged(Judgement(recall, len(queries)), time.monotonic() - start)
        widths = opened.widths
        too_wide = _TOO_WIDE * widths.get("nprobe", 0) > opened.nlist > 1
        first = segment.mended(name) or opened.ef_construction == settings.ef_construction
        if first and (recall < settings.recall or too_wide):
            self._anew = segment, name
        if widths != before:
            self._keep_widths(state, segment, name, widths)

    def _keep_widths(
        self, state: CollectionState, segment: Segment, name: str, widths: dict[str, int]
    ) -> None:
        with self._tidying:
            live = self._now(state, segment)
            if live is None:
                return
            entry = replace(live.entry, tuned={**live.entry.tuned, name: widths})
            try:
                self._replace(live, entry, lambda: segment.tune(name, widths))
            except OSError as error:
                self._renumber()
                raise self._storage_error("widths are measured again", error) from error
            clean(self.files, self.manifest, [])


def _masks(view: View, name: str, queries: Sequence[Query]) -> list[Mask | None]:
    """The places of vectors that each query may find."""
    matrix = view.part.matrix(name, view.n)
    assert matrix is not None
    known: dict[Filter | None, Mask | None] = {}
    for query in queries:
        if query.filter not in known:
            mask = view.alive
            if query.filter is not None:
                mask = view.part.matching(query.filter, view.n)
                mask = mask if view.alive is None else mask & view.alive
            places = mask if mask is None or matrix.rows is None else mask[matrix.rows]
            known[query.filter] = places
    return [known[query.filter] for query in queries]
