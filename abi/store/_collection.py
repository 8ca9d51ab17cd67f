"""A collection: points with ids, vectors, payloads and texts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from abi.errors import InputError
from abi.store._batch import Batch, ids_to_log
from abi.store._commits import Collections
from abi.store._config import CollectionConfig
from abi.store._engine import Engine, Operation
from abi.store._ids import Id, check_ids
from abi.store._more_reads import MoreReads
from abi.store._part import View
from abi.store._state import CollectionState

__all__ = ["Collection", "Snapshot"]


class Snapshot(MoreReads):
    """A collection as it was when the snapshot was taken, whatever is written afterwards."""

    def __init__(self, config: CollectionConfig, views: tuple[View, ...]) -> None:
        self._config, self._views = config, views

    def _state(self) -> tuple[CollectionConfig, tuple[View, ...]]:
        return self._config, self._views

    def _frozen(self) -> Snapshot:
        return self


class Collection(MoreReads):
    """A collection of a database; `Database.collection` gives it."""

    def __init__(self, engine: Engine, number: int) -> None:
        self._engine, self._number = engine, number

    @property
    def name(self) -> str:
        """Its name."""
        state: CollectionState = self._engine.read(self._there)
        return state.entry.name

    def snapshot(self) -> Snapshot:
        """What is there now, to read from as long as one likes."""
        return Snapshot(*self._state())

    def _frozen(self) -> Snapshot:
        return self.snapshot()

    def upsert(
        self,
        ids: Sequence[Id],
        vectors: Any = None,
        payloads: Sequence[Mapping[str, Any] | None] | None = None,
        texts: Sequence[str | None] | None = None,
    ) -> int:
        """Write points, in the place of those that have the same ids; all of them or none.

        Parameters
        ----------
        ids : sequence of k str or int
            Strings, or integers from 0 to 2**64 - 1; each once.
        vectors : (k, dim) array, or dict of str to such, optional
            By name where the collection has several; None for a point that lacks one.
        payloads : sequence of k dicts, optional
            JSON; None for a point without.
        texts : sequence of k str, optional
            For lexical search.

        Returns
        -------
        int
            The sequence number of the change, for `abi.open(path, at=...)` and `abi.restore`.

        Raises
        ------
        InputError
            If anything cannot be kept as given; nothing was written then.
        StorageError
            If it cannot be written.
        """
        batch = Batch.of(self.config, ids, vectors, payloads, texts)

        def make(collections: Collections) -> Operation | None:
            self._there(collections)
            meta, arrays = batch.to_log()
            return ({"op": "upsert", "c": self._number, **meta}, arrays) if batch.ids else None

        def apply(collections: Collections, sequence: int, when: int) -> int:
            self._there(collections).upsert(batch, sequence, when)
            return sequence

        written: int | None = self._engine.commit(make, apply)
        return self._engine.sequence if written is None else written

    def delete(
        self, ids: Sequence[Id] | None = None, *, filter: Mapping[str, Any] | None = None
    ) -> int:
        """Delete points by their ids, or all that match a filter; all of them or none.

        Parameters
        ----------
        ids : sequence of str or int, optional
            Those that are not there are passed over.
        filter : dict, optional

        Returns
        -------
        int
            How many were there.

        Raises
        ------
        InputError
            If neither or both are given, or one cannot be.
        StorageError
            If it cannot be written.
        """
        if (ids is None) == (filter is None):
            raise InputError("delete: give ids= or filter=, one of both")
        given = None if ids is None else check_ids(ids)
        gone: list[Id] = []

        def make(collections: Collections) -> Operation | None:
            state = self._there(collections)
            gone.extend(self._matching(state, filter) if given is None else state.existing(given))
            if not gone:
                return None
            meta, arrays = ids_to_log(gone)
            return {"op": "delete", "c": self._number, **meta}, arrays

        def apply(collections: Collections, sequence: int, when: int) -> int:
            return self._there(collections).delete(gone, sequence, when)

        return int(self._engine.commit(make, apply) or 0)

    def _searched(self) -> None:
        self._engine.searched()

    def _matching(self, state: CollectionState, filter: Mapping[str, Any] | None) -> list[Id]:
        now = Snapshot(state.entry.config, state.views())
        return [point.id for point in now.points(filter)]

    def _state(self) -> tuple[CollectionConfig, tuple[View, ...]]:
        def take(collections: Collections) -> tuple[CollectionConfig, tuple[View, ...]]:
            state = self._there(collections)
            return state.entry.config, state.views()

        found: tuple[CollectionConfig, tuple[View, ...]] = self._engine.read(take)
        return found

    def _there(self, collections: Collections) -> CollectionState:
        state = collections.by_number.get(self._number)
        if state is None or state.entry.dropped is not None:
            raise InputError("this collection was dropped; create it again, or take another")
        return state
