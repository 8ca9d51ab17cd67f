"""Folders of `chromadb.PersistentClient`, as versions 0.4 to 1.5 write them.

    chroma.sqlite3      collections, segments, points with their metadata and documents, and
                        the queue of what is not yet everywhere
    <vector segment>/   the index of a collection, see `_chroma_index`

The tables say which points there are; a vector is the newest one in the queue, or else the one
in the index. Full-text indexes, embedding functions and the graph are left out.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt

from abi._nesting import check_json
from abi.errors import FormatError, InputError, UnsupportedError
from abi.store.foreign._chroma_index import Index
from abi.store.foreign._chroma_metadata import Point, metadata, points
from abi.store.foreign._chroma_queue import Queue, queued_vectors
from abi.store.foreign._chroma_tables import Row, Tables
from abi.store.foreign._points import Foreign, check_size

__all__ = ["read_chroma"]

_FILE = "chroma.sqlite3"
_DOCUMENT = "chroma:document"
_VECTORS = "urn:chroma:segment/vector/hnsw-local-persisted"
_METADATA = "urn:chroma:segment/metadata/sqlite"
_METRICS = ("l2", "cosine", "ip")
_LAST = (1 << 63) - 1


@dataclass(frozen=True)
class _Collection:
    """What it takes to read the points of one collection."""

    path: Path
    dim: int
    segment: str
    index: Index
    queue: Queue

    def batches(self, size: int) -> Iterator[dict[str, Any]]:
        check_size(size)
        return self._batches(size)

    def _batches(self, size: int) -> Iterator[dict[str, Any]]:
        with Tables(self.path) as tables:
            found = points(tables, self.segment, self.queue.changes)
            while batch := list(islice(found, size)):
                yield self._batch(tables, batch)

    def _batch(self, tables: Tables, batch: list[Point]) -> dict[str, Any]:
        ids = [name for name, _, _ in batch]
        made: dict[str, Any] = {"ids": ids, "vectors": self._vectors(tables, ids)}
        payloads = metadata(tables, batch)
        texts = [payload.pop(_DOCUMENT, None) for payload in payloads]
        if any(type(text) not in (str, type(None)) for text in texts):
            raise FormatError("a document that is no text", field=_DOCUMENT, source=tables.source)
        if any(payloads):
            made["payloads"] = [payload or None for payload in payloads]
        if any(text is not None for text in texts):
            made["texts"] = texts
        return made

    def _vectors(self, tables: Tables, ids: list[str]) -> npt.NDArray[np.float32]:
        entries = {name: self.queue.vectors.get(name) for name in ids}
        queued = queued_vectors(tables, [e for e in entries.values() if e is not None], self.dim)
        indexed = [
            name for name in ids if name in self.index.labels and name not in self.queue.vectors
        ]
        rows: dict[str, npt.NDArray[np.float32]] = {}
        if indexed:
            rows.update(zip(indexed, self.index.vectors(indexed), strict=True))
        rows.update((name, queued[e]) for name, e in entries.items() if e in queued)
        missing = next((name for name in ids if name not in rows), None)
        if missing is not None:
            message = f"{missing!r:.100} has no vector, neither in the index nor in the queue"
            raise FormatError(message, source=tables.source)
        return np.stack([rows[name] for name in ids])


def read_chroma(path: str | os.PathLike[str], collection: str | None = None) -> Foreign:
    """Points of a collection of Chroma.

    Parameters
    ----------
    path : path
        The folder that was given to `chromadb.PersistentClient`; nothing may write to it
        meanwhile.
    collection : str, optional
        Its name, or its id where several databases have one of that name; needed where there
        are several collections.

    Raises
    ------
    InputError
        If there is no such collection, or it is empty; the message lists the names.
    FormatError
        If the files are damaged, or do not belong together.
    UnsupportedError
        If the collection is kept in another way; the message has the cure.
    LockedError
        If another process is writing.
    """
    folder = Path(path).parent if Path(path).is_file() else Path(path)
    with Tables(folder / _FILE) as tables:
        row = _chosen(tables, collection)
        name, number = row.need("name", str), row.need("id", str)
        dim = row.get("dimension", int)
        if dim is None:
            raise InputError(f"{folder}: {name!r} is empty; name a collection that has points")
        if dim < 1:
            raise row.error(f"{dim}, expected 1 or more", "dimension")
        metric = _metric(tables, row, number)
        vectors, tabled = _segments(tables, number)
        index = Index(folder / str(vectors), dim, cosine=metric == "cosine")
        last = _last(tables, str(vectors))
        if last is None:
            last = index.max_seq_id
        ends = [-1 if end is None else min(end, _LAST) for end in (last, _last(tables, tabled))]
        queue = Queue(tables, number, ends[0], ends[1], index.labels)
        n = sum(1 for _ in points(tables, tabled, queue.changes))
    made = _Collection(folder / _FILE, dim, tabled, index, queue)
    return Foreign(dim, metric, n, made.batches)


def _chosen(tables: Tables, collection: str | None) -> Row:
    found = list(tables.rows("collections"))
    names = sorted(row.need("name", str) for row in found)
    if collection is not None:
        found = [row for row in found if collection in (row.raw("name"), row.raw("id"))]
    if len(found) == 1:
        return found[0]
    if not names:
        raise InputError(f"{tables.source}: no collections")
    listed = ", ".join(map(repr, names[:100]))
    if collection is None or not found:
        what = "several collections" if collection is None else f"no collection {collection!r}"
        raise InputError(f"{tables.source}: {what}; name one of {listed}")
    several = ", ".join(str(row.raw("id")) for row in found)
    raise InputError(f"{tables.source}: several are named {collection!r}; give an id: {several}")


def _metric(tables: Tables, row: Row, number: str) -> str:
    """The space: in the metadata up to 0.6, then in the configuration, or the schema."""
    for one in tables.rows("collection_metadata", "collection_id", [number]):
        if one.raw("key") == "hnsw:space":
            return _known(row, one.get("str_value", str))
    for column in ("schema_str", "config_json_str"):
        try:
            text = row.get(column, str) or "{}"
            check_json(text)
            content = json.loads(text)
        except (ValueError, RecursionError):
            raise row.error("no JSON", column) from None
        for way in _WAYS:
            found = content
            for key in way:
                found = found.get(key) if isinstance(found, dict) else None
            if found is not None:
                return _known(row, found)
    return "l2"


_WAYS = (
    ("keys", "#embedding", "float_list", "vector_index", "config", "space"),
    ("defaults", "float_list", "vector_index", "config", "space"),
    ("hnsw", "space"),
    ("hnsw_configuration", "space"),
)


def _known(row: Row, metric: object) -> str:
    if isinstance(metric, str) and metric in _METRICS:
        return metric
    raise row.error(f"space {metric!r:.100}, expected one of {', '.join(_METRICS)}", "space")


def _segments(tables: Tables, number: str) -> tuple[UUID, str]:
    """The ids of the vector and the metadata segment of a collection."""
    found: dict[str, str] = {}
    for row in tables.rows("segments", "collection", [number]):
        kind = row.need("type", str)
        if kind not in (_VECTORS, _METADATA):
            raise UnsupportedError(
                f"{tables.source}: a segment of kind {kind!r:.100}; expected {_VECTORS!r}: export "
                "the collection with collection.get"
            )
        found[kind] = row.need("id", str)
    try:
        return UUID(found[_VECTORS]), found[_METADATA]
    except (KeyError, ValueError):
        raise FormatError("without its segments", field="segments", source=tables.source) from None


def _last(tables: Tables, segment: str) -> int | None:
    """The last entry of the queue that a segment has; old versions keep it as bytes."""
    for row in tables.rows("max_seq_id", "segment_id", [segment]):
        value = row.raw("seq_id")
        if type(value) is bytes:
            return int.from_bytes(value[-8:], "big")
        return row.need("seq_id", int)
    return None
