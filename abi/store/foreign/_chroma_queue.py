"""What is in Chroma's queue and not yet in the tables or the index of a collection."""

from __future__ import annotations

import json
from collections.abc import Container
from typing import Any

import numpy as np
import numpy.typing as npt

from abi._nesting import check_json
from abi.errors import UnsupportedError
from abi.store.foreign._chroma_tables import Row, Tables

__all__ = ["Change", "Queue", "queued_vectors", "replayed"]

_ADD, _UPDATE, _UPSERT, _DELETE = range(4)

Change = tuple[int, dict[str, Any]]  # the operation, metadata to be set; None removes a key


class Queue:
    """Entries of a collection.

    Parameters
    ----------
    tables : Tables
    collection : str
        Its id.
    indexed : int
        The last entry that the index has.
    tabled : int
        The last entry that the tables have.
    labels : container of str
        Points that the index has.

    Attributes
    ----------
    vectors : dict
        By point, the entry with its newest vector, or None where it was deleted since.
    changes : dict
        By point, what the tables do not have, in order.
    """

    def __init__(
        self, tables: Tables, collection: str, indexed: int, tabled: int, labels: Container[str]
    ) -> None:
        self.vectors: dict[str, int | None] = {}
        self.changes: dict[str, list[Change]] = {}
        for row in tables.after("embeddings_queue", "seq_id", min(indexed, tabled)):
            if not row.need("topic", str).endswith(f"/{collection}"):
                continue
            entry, name = row.need("seq_id", int), row.need("id", str)
            operation = row.need("operation", int)
            if operation not in (_ADD, _UPDATE, _UPSERT, _DELETE):
                raise row.error(f"{operation} is no operation", "operation")
            if entry > indexed:
                self._apply(operation, entry, name, row.get("vector", bytes), labels)
            if entry > tabled:
                self.changes.setdefault(name, []).append((operation, _metadata(row)))

    def _apply(
        self, operation: int, entry: int, name: str, vector: bytes | None, labels: Container[str]
    ) -> None:
        last = self.vectors.get(name)
        exists = last is not None or (name not in self.vectors and name in labels)
        if operation == _DELETE:
            self.vectors[name] = None
        elif vector is not None and operation in (_UPSERT, _UPDATE if exists else _ADD):
            self.vectors[name] = entry


def replayed(known: bool, changes: list[Change]) -> tuple[bool, bool, list[dict[str, Any]]]:
    """Whether a point exists after changes; whether it keeps what it had; what is then set."""
    exists, keeps, found = known, known, list[dict[str, Any]]()
    for operation, metadata in changes:
        if operation == _DELETE:
            exists, keeps, found = False, False, []
        elif operation == _UPSERT or exists == (operation == _UPDATE):
            exists = True
            found.append(metadata)
    return exists, keeps, found


def queued_vectors(
    tables: Tables, entries: list[int], dim: int
) -> dict[int, npt.NDArray[np.float32]]:
    """Vectors (dim,) of entries of the queue."""
    found = {}
    for row in tables.rows("embeddings_queue", "seq_id", entries):
        encoding, vector = row.get("encoding", str), row.need("vector", bytes)
        if encoding != "FLOAT32":
            raise UnsupportedError(
                f"{tables.source}: vectors as {encoding}, expected FLOAT32; "
                "export the collection with collection.get"
            )
        if len(vector) != 4 * dim:
            raise row.error(f"{len(vector)} bytes, expected {4 * dim}", "vector")
        found[row.need("seq_id", int)] = np.frombuffer(vector, "<f4").astype(np.float32)
    return found


def _metadata(row: Row) -> dict[str, Any]:
    text = row.get("metadata", str)
    if text is None:
        return {}
    try:
        check_json(text)
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = ...
    if found is None:
        return {}
    if type(found) is not dict:
        raise row.error("no JSON of an object", "metadata")
    return found
