"""Checks a database: every checksum, and what the parts say of each other."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from abi.errors import FormatError
from abi.store._config import CollectionConfig
from abi.store._derived import derived_problems, index_problem
from abi.store._ids import Id
from abi.store._manifest import Manifest
from abi.store._pack import Pack
from abi.store._state import CollectionState, LiveSegment, open_segment
from abi.store.files import Files

__all__ = ["check_files", "check_state"]

_AT_ONCE = 100_000


def check_files(
    files: Files, manifest: Manifest, progress: Callable[[int, int], None] | None = None
) -> Iterator[str]:
    """What is wrong with the files that a manifest names; each is read whole.

    Parameters
    ----------
    files : Files
    manifest : Manifest
    progress : callable, optional
        Takes the number of files that were read, and of all.
    """
    names = sorted(manifest.files())
    for i, name in enumerate(names):
        try:
            Pack(files.open(name).view(), f"{files.name}/{name}").check_all()
        except (OSError, FormatError) as error:
            yield str(error)
        if progress:
            progress(i + 1, len(names))


def problems_of(live: LiveSegment, config: CollectionConfig) -> Iterator[str]:
    """What of a segment, its data being whole, is damaged or not what the data give."""
    yield from derived_problems(live.segment, config)
    for vector, file in live.entry.indexes.items():
        if problem := index_problem(live.segment, vector, file):
            yield problem


def check_state(files: Files, state: CollectionState) -> Iterator[str]:
    """What is wrong between the parts of a collection, of files whose checksums are right."""
    where = f"collection {state.entry.name!r}"
    owners: dict[Id, str] = {}
    for view in state.views():
        name = getattr(view.part, "name", "memory")
        rows = view.living()
        for start in range(0, len(rows), _AT_ONCE):
            for id_ in view.part.ids(rows[start : start + _AT_ONCE]):
                if id_ in owners:
                    yield f"{where}: {id_!r} is in {owners[id_]} and in {name}"
                owners[id_] = name
    for live in state.segments:
        for problem in problems_of(live, state.entry.config):
            yield f"{where}: {problem}"
    for entry in state.history:
        try:
            live = open_segment(files, entry, state.entry)
        except (OSError, FormatError) as error:
            yield f"{where}: history: {error}"
            continue
        if live.deaths.count != len(live.segment):
            yield f"{where}: {entry.name}: {live.deaths.count} of {len(live.segment)} rows died"
