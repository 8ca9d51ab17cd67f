"""Writes a segment from rows of other parts."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from abi.index import GrowingPostings, Postings, inverse_norms, offsets_of
from abi.store._blobs import Blobs, narrow
from abi.store._config import CollectionConfig, VectorConfig
from abi.store._ids import IdTable
from abi.store._pack import Array, PackWriter
from abi.store._selection import Selection
from abi.store.files import Files
from abi.store.indexes import Layout, Partition
from abi.store.payload import Columns, decode_all
from abi.text import VERSION, analyse

__all__ = ["write_pack", "write_segment"]

_UNIT = 1e-6  # a norm this close to 1 needs no multiplication


def write_segment(
    files: Files,
    name: str,
    rows: Selection,
    config: CollectionConfig,
    collection: int,
    layout: Layout | None = None,
) -> None:
    """Write rows as a segment file, and sync it.

    Parameters
    ----------
    files : Files
    name : str
        A name that no file has; one that was left by an interrupted write is replaced.
    rows : Selection
        In the order in which they are written.
    config : CollectionConfig
    collection : int
        Number of the collection.
    layout : mapping of str to Partition, optional
        Partitions in whose order vectors are to lie.

    Raises
    ------
    OSError
        If it cannot be written; nothing refers to it then.
    """
    names = [vector for vector in config.vectors if len(rows.with_vector(vector))]
    meta = {
        "kind": "segment", "collection": collection, "rows": len(rows), "vectors": names,
        "terms": VERSION, "mended": [v for v, one in (layout or {}).items() if one.mended],
    }  # fmt: skip
    files.remove(name)
    file = files.create(name)
    try:
        writer = PackWriter(file)
        for key, array in _small_arrays(rows, config):
            writer.add(key, array)
        for number, vector in enumerate(names):
            partition = (layout or {}).get(vector)
            _write_vector(writer, f"v{number}/", rows, config.vectors[vector], vector, partition)
        writer.finish(meta)
        file.sync()
    finally:
        file.close()


def write_pack(files: Files, name: str, meta: dict[str, object], arrays: dict[str, Array]) -> None:
    """Write a pack of arrays in memory as a file, and sync it."""
    files.remove(name)
    file = files.create(name)
    try:
        writer = PackWriter(file)
        for key, array in arrays.items():
            writer.add(key, array)
        writer.finish(meta)
        file.sync()
    finally:
        file.close()


def _small_arrays(rows: Selection, config: CollectionConfig) -> Iterator[tuple[str, Array]]:
    """Everything but the vectors."""
    for key, array in IdTable.build(rows.ids()).items():
        yield f"ids/{key}", array
    sequences, times = rows.commits()
    distinct, first, code = np.unique(sequences, return_index=True, return_inverse=True)
    yield "commit/code", narrow(code, max(1, len(distinct)))
    yield "commit/sequence", distinct
    yield "commit/time", times[first]
    payloads = rows.payloads()
    if any(payloads):
        yield from _blob_arrays("payload", payloads)
        for key, array in _columns(rows, payloads).arrays().items():
            yield f"column/{key}", array
    texts = rows.texts()
    if any(texts):
        yield from _blob_arrays("text", texts)
        for key, array in _postings(rows, texts, config.language).arrays().items():
            yield f"posting/{key}", array


def _columns(rows: Selection, payloads: list[bytes]) -> Columns:
    """Of payloads; of parts that have columns already, these joined."""
    parts = [part.columns for part in rows.parts]
    known = [columns for columns in parts if columns is not None]
    places = [rows.places_of(i) for i in range(len(parts))]
    found = Columns.merge(known, places, len(rows)) if len(known) == len(parts) else None
    return found or Columns.build(decode_all(payloads))


def _postings(rows: Selection, texts: list[bytes], language: str | None) -> Postings:
    """Of texts; of parts that have postings already, these joined."""
    parts = [part.postings for part in rows.parts]
    known = [p.freeze() if isinstance(p, GrowingPostings) else p for p in parts if p is not None]
    if len(known) < len(parts):
        return Postings.build([analyse(text.decode(), language) for text in texts])
    places = [rows.places_of(i)[: one.n_documents] for i, one in enumerate(known)]
    return Postings.merge(known, places, len(rows))


def _blob_arrays(name: str, items: list[bytes]) -> Iterator[tuple[str, Array]]:
    blobs = Blobs.of(items)
    yield f"{name}/data", blobs.data
    yield f"{name}/offsets", blobs.offsets


def _write_vector(
    writer: PackWriter,
    prefix: str,
    rows: Selection,
    settings: VectorConfig,
    name: str,
    partition: Partition | None,
) -> None:
    places = rows.with_vector(name)
    if partition is not None:
        labels = partition.of(rows.take(places))
        places = places[np.argsort(labels, kind="stable")]
        writer.add(f"{prefix}ivf/centroids", partition.centroids)
        writer.add(f"{prefix}ivf/offsets", offsets_of(labels, len(partition.centroids)))
    in_order = partition is None and len(places) == len(rows)
    having = rows if in_order else rows.take(places)
    inverse = np.ones(len(having), np.float32)

    def chunks() -> Iterator[Array]:
        at = 0
        for chunk in having.vectors(name, settings.width, settings.dtype):
            if settings.metric == "cosine":
                inverse[at : at + len(chunk)] = inverse_norms(chunk)
            at += len(chunk)
            yield chunk

    shape = (len(having), settings.width)
    writer.add_parts(f"{prefix}data", settings.dtype, shape, chunks())
    if not in_order:
        writer.add(f"{prefix}rows", narrow(places, len(rows)))
    if settings.metric == "cosine" and np.any(np.abs(inverse - 1) > _UNIT):
        writer.add(f"{prefix}inverse_norms", inverse)
