"""Commits: what the records of the log say, and what each does to the collections.

The meta data of a record's pack hold the operation and the number of its collection:
`create`, `drop`, `upsert` and `delete`.
"""

from __future__ import annotations

from dataclasses import replace

from abi.errors import FormatError
from abi.store._batch import Batch, ids_from_log
from abi.store._config import CollectionConfig
from abi.store._log import Record
from abi.store._manifest import CollectionEntry
from abi.store._pack import Pack
from abi.store._state import CollectionState

__all__ = ["Collections", "apply_record"]


class Collections:
    """The collections of a database, by number; dropped ones too, while they can be restored."""

    def __init__(self) -> None:
        self.by_number: dict[int, CollectionState] = {}
        self.next_number = 1

    def present(self) -> list[CollectionState]:
        """Those that are not dropped, in the order of their creation."""
        return [state for state in self.by_number.values() if state.entry.dropped is None]

    def named(self, name: str) -> CollectionState | None:
        """The collection of a name."""
        return next((state for state in self.present() if state.entry.name == name), None)

    def create(self, name: str, config: CollectionConfig, commit: tuple[int, int]) -> None:
        """Apply a commit that creates a collection."""
        entry = CollectionEntry(self.next_number, name, config, commit)
        self.by_number[entry.number] = CollectionState(entry)
        self.next_number += 1

    def drop(self, number: int, commit: tuple[int, int]) -> None:
        """Apply a commit that drops a collection."""
        state = self.by_number[number]
        state.entry = replace(state.entry, dropped=commit)


def apply_record(collections: Collections, record: Record, source: str) -> None:
    """Apply a record of the log.

    Raises
    ------
    FormatError
        If it cannot be applied, although it passed its checksum.
    """
    where = f"{source}, offset {record.offset}"
    content = Pack(record.payload, where)
    commit = record.sequence, record.time
    there = {state.entry.number for state in collections.present()}
    match content.meta:
        case {"op": "create", "name": str(name), "config": config}:
            collections.create(name, CollectionConfig.from_json(config, where), commit)
        case {"op": "drop", "c": int(number)} if number in there:
            collections.drop(number, commit)
        case {"op": "upsert", "c": int(number)} if number in there:
            state = collections.by_number[number]
            state.upsert(Batch.from_log(state.entry.config, content), *commit)
        case {"op": "delete", "c": int(number)} if number in there:
            collections.by_number[number].delete(ids_from_log(content), *commit)
        case meta:
            shown = {key: meta[key] for key in ("op", "c") if key in meta}
            raise FormatError(f"a record that cannot be applied: {shown}", source=where)
