"""Indexes of segments: which should have one, and how it is made while other work goes on."""

from __future__ import annotations

from collections.abc import Callable

from abi.index import HNSW, Vectors
from abi.store._config import VectorConfig
from abi.store._state import CollectionState, LiveSegment

__all__ = ["build_index", "missing_index"]

# Rows times numbers a row from which a walk is faster than comparing everything: see
# docs/explanation/store.md.
_PAYS = 6_000_000
_LEAST = 1000  # rows that a graph is made for even when it is asked for
_STEP = 4096  # rows between looks at whether to stop


def missing_index(state: CollectionState) -> tuple[LiveSegment, str] | None:
    """A segment and a vector of it that should have an index and has none."""
    for live in state.segments:
        for name, settings in state.entry.config.vectors.items():
            rows = live.segment.count(name)
            if name not in live.segment.indexes and _pays(settings, rows):
                return live, name
    return None


def build_index(vectors: Vectors, settings: VectorConfig, stop: Callable[[], bool]) -> HNSW | None:
    """The index of vectors; None if `stop` said to end before it was done."""
    index: HNSW | None = None
    for end in range(_STEP, len(vectors) + _STEP, _STEP):
        some = vectors.first(min(end, len(vectors)))
        if index is None:
            index = HNSW.build(some, M=settings.M, ef_construction=settings.ef_construction)
        else:
            index.add(some)
        if stop():
            return None
    return index


def _pays(settings: VectorConfig, rows: int) -> bool:
    if settings.index == "flat" or rows < _LEAST:
        return False
    return settings.index == "hnsw" or rows * settings.width >= _PAYS
