"""Vectors of a Chroma collection that are in its index: the folder of its vector segment.

    index_metadata.pickle   dict: id_to_label and more, see `_pickled`
    header.bin              version i32, then the header of an hnswlib file
    data_level0.bin         the elements of an hnswlib file
    length.bin              for "cosine" the length float32 of each vector; elements have length 1

Chroma writes them now and then; what came since is in the queue.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError, UnsupportedError
from abi.store.foreign._cursor import Cursor, map_path
from abi.store.foreign._hnswlib import DELETED, read_header
from abi.store.foreign._pickled import unpickled

__all__ = ["Index"]

_VERSION = 1
_PICKLE = "index_metadata.pickle"


class Index:
    """The index of a collection.

    Parameters
    ----------
    folder : Path
        Of the vector segment; it may be missing, as long as nothing was written to it.
    dim : int
    cosine : bool
        Vectors were made of length 1, and get their lengths back.

    Attributes
    ----------
    labels : dict of str to int
        Its elements by the ids of their points.
    max_seq_id : int or None
        The last entry of the queue that it has, where an old version says so here.
    """

    def __init__(self, folder: Path, dim: int, *, cosine: bool) -> None:
        self.labels: dict[str, int] = {}
        self.max_seq_id: int | None = None
        self._source = str(folder)
        if (folder / _PICKLE).is_file():
            self._read_ids(folder / _PICKLE)
        if self.labels:
            self._read_elements(folder, dim, cosine)

    def vectors(self, ids: list[str]) -> npt.NDArray[np.float32]:
        """Vectors (k, dim) of points that are in it."""
        labels = np.array([self.labels[name] for name in ids], np.uint64)
        found = np.minimum(np.searchsorted(self._sorted, labels), len(self._sorted) - 1)
        rows = self._order[found]
        right = (self._sorted[found] == labels) & (self._elements["flags"][rows] & DELETED == 0)
        if not right.all():
            name = ids[int(np.argmin(right))]
            message = f"no vector for {name!r:.100}: the files do not belong together"
            raise FormatError(message, field="data_level0.bin", source=self._source)
        vectors: npt.NDArray[np.float32] = self._elements["vector"][rows].astype(np.float32)
        if self._lengths is None:
            return vectors
        with np.errstate(over="ignore", invalid="ignore"):  # of damaged numbers
            return vectors * self._lengths[rows, None]

    def _read_ids(self, path: Path) -> None:
        found = unpickled(map_path(path), str(path))
        labels = found.get("id_to_label")
        if type(labels) is not dict or not all(
            type(name) is str and type(label) is int and 0 <= label < 1 << 64
            for name, label in labels.items()
        ):
            raise FormatError("expected labels by ids", field="id_to_label", source=str(path))
        if len(set(labels.values())) < len(labels):
            raise FormatError("a label is there twice", field="id_to_label", source=str(path))
        self.labels = labels
        last = found.get("max_seq_id")
        self.max_seq_id = last if type(last) is int else None

    def _read_elements(self, folder: Path, dim: int, cosine: bool) -> None:
        cursor = _cursor(folder / "header.bin")
        version = cursor.number("i", "version")
        if version != _VERSION:
            raise UnsupportedError(
                f"{cursor.source}: version {version}, expected {_VERSION}; "
                "export the collection with collection.get"
            )
        header = read_header(cursor, dim)
        cursor.done("header")
        data = _cursor(folder / "data_level0.bin")
        if not header.n:
            raise cursor.error(f"no elements, expected {len(self.labels)}", "header")
        self._elements: npt.NDArray[Any] = header.elements(data, dim, header.n)
        self._order = np.argsort(self._elements["label"], kind="stable")
        self._sorted = self._elements["label"][self._order]
        self._lengths = None
        if cosine and (folder / "length.bin").is_file():
            lengths = _cursor(folder / "length.bin").array("<f4", header.n, "lengths")
            # A direction is all that this metric looks at, so that one without a length will do.
            self._lengths = np.where(np.isfinite(lengths) & (lengths > 0), lengths, np.float32(1))


def _cursor(path: Path) -> Cursor:
    if not path.is_file():
        raise FormatError("missing, beside index_metadata.pickle", source=str(path))
    return Cursor(map_path(path), str(path))
