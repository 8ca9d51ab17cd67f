"""Which format a file has, and who reads and writes it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from abi._files import replacing
from abi.errors import InputError
from abi.store._collection import Collection, Snapshot
from abi.store.exchange._jsonl import json_line, read_jsonl
from abi.store.exchange._npy import read_npy, write_npy
from abi.store.exchange._parquet import read_parquet, write_parquet
from abi.store.exchange._source import Source, check_free
from abi.store.foreign import Foreign, read_chroma, read_faiss, read_hnswlib

__all__ = ["FORMATS", "read_points", "write_points"]

FORMATS = ("jsonl", "npy", "parquet", "faiss", "hnswlib", "chroma")

_WRITTEN = FORMATS[:3]
_ENDS = {
    ".jsonl": "jsonl", ".ndjson": "jsonl", ".json": "jsonl", ".npy": "npy",
    ".parquet": "parquet", ".faiss": "faiss",
}  # fmt: skip
_FAISS = (b"Ix", b"Iw", b"IH", b"IB")


def read_points(
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    dim: int | None = None,
    collection: str | None = None,
    using: str = "",
) -> Source:
    """The points of a file.

    Parameters
    ----------
    path : path
        A file; a folder for Chroma.
    format : one of FORMATS, optional
        By default what the file's name or content says.
    dim : int, optional
        Of the vectors; hnswlib's files do not say it.
    collection : str, optional
        Which collection of Chroma's, where there are several.
    using : str
        Name that the vectors get, of a file that has no names for them.

    Raises
    ------
    InputError
        If the format is not known, or needs what was not given.
    FormatError
        If the file is none of this format.
    UnsupportedError
        If it holds what nothing here reads; with the cure.
    OSError
        If it cannot be read.
    """
    place = Path(path)
    kind = format or _guess(place)
    if kind == "jsonl":
        place.stat()
        return Source(None, None, None, lambda size: _lines(place, size))
    if kind == "npy":
        return read_npy(place, using)
    if kind == "parquet":
        return read_parquet(place, using)
    if kind == "faiss":
        return _named(read_faiss(place), using)
    if kind == "hnswlib":
        if dim is None:
            raise InputError(f"{place}: hnswlib's files do not say their dimension; give dim")
        return _named(read_hnswlib(place, dim), using)
    if kind == "chroma":
        return _named(read_chroma(place, collection), using)
    raise InputError(f"format={kind!r}: expected one of {', '.join(FORMATS)}")


def write_points(
    points: Collection | Snapshot,
    path: str | os.PathLike[str],
    format: str | None = None,
    *,
    using: str = "",
    force: bool = False,
) -> int:
    """Write all points of a collection, or of a snapshot, to a file.

    Parameters
    ----------
    points : Collection or Snapshot
    path : path
        Nothing is there before all is written.
    format : {"jsonl", "npy", "parquet"}, optional
        By default what the file's name says.
    using : str
        Which vector `.npy` has.
    force : bool
        Replace a file that is there.

    Returns
    -------
    int
        How many points.

    Raises
    ------
    InputError
        If the format cannot hold them, or the file is there already.
    OSError
        If it cannot be written.
    """
    place = Path(path)
    kind = format or _ENDS.get(place.suffix.lower())
    if kind == "npy":
        return write_npy(points, place, using, force)
    if kind == "parquet":
        return write_parquet(points, place, force)
    if kind != "jsonl":
        expected = ", ".join(_WRITTEN)
        raise InputError(f"{place}: format {kind or 'not known'}; expected one of {expected}")
    n = 0
    with replacing(check_free(place, force)) as file:
        for point in points.points(with_vectors=True):
            file.write(f"{json_line(point)}\n".encode())
            n += 1
    return n


def _guess(path: Path) -> str:
    if path.is_dir():
        return "chroma"
    by_name = _ENDS.get(path.suffix.lower())
    if by_name:
        return by_name
    with path.open("rb") as file:
        head = file.read(4)
    if head[:2] in _FAISS:
        return "faiss"
    names = ", ".join(FORMATS)
    raise InputError(f"{path}: its name does not say what format it has; say which of {names}")


def _lines(path: Path, size: int) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        yield from read_jsonl(file, str(path), size)


def _named(found: Foreign, using: str) -> Source:
    def batches(size: int) -> Iterator[dict[str, Any]]:
        for batch in found.batches(size):
            yield {**batch, "vectors": {using: batch["vectors"]}}

    return Source({using: found.dim}, found.metric, found.n, batches)
