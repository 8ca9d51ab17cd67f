"""A segment: rows that never change any more, in one file that is read in place.

Arrays of its pack, n rows; what no row has is left out:

    ids/...                        see `IdTable`
    commit/code (n,), commit/sequence, commit/time (c,) uint64     who wrote each row, and when
    payload/data, payload/offsets                                  JSON, see `Blobs`
    column/...                                                     payload columns
    text/data, text/offsets                                        UTF-8
    posting/...                                                    terms of the texts
    v<i>/data (m, width), v<i>/rows (m,), v<i>/inverse_norms (m,)  vector i of meta["vectors"]
    v<i>/ivf/centroids (nlist, width), v<i>/ivf/offsets (nlist + 1,)
                                   of vectors that lie in the order of partitions

Deletions are a pack of their own beside it, as are graphs and codes: those can be made again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.index import Postings, Vectors
from abi.kernels import NumpyKernels, select
from abi.store._blobs import Blobs
from abi.store._config import CollectionConfig
from abi.store._ids import Id, IdTable
from abi.store._pack import Array, Pack
from abi.store._part import Matrix, View
from abi.store._segment_indexes import SegmentIndexes
from abi.store.files import Files
from abi.store.filter import Filter
from abi.store.indexes import Before
from abi.store.payload import Columns, Key, decode, facet
from abi.text import VERSION, analyse

__all__ = ["Segment"]

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


class Segment(SegmentIndexes):
    """A segment file, open to read. Opening reads its directory alone.

    Parameters
    ----------
    files : Files
    name : str
    config : CollectionConfig
        Of its collection.
    indexes : dict of str to str, optional
        The index file of each vector that has one.
    tuned : dict of str to dict, optional
        How wide each is to be searched, where that was measured.

    Raises
    ------
    OSError
        If it cannot be opened.
    FormatError
        If it is damaged or none of this collection.
    """

    def __init__(
        self,
        files: Files,
        name: str,
        config: CollectionConfig,
        indexes: Mapping[str, str] | None = None,
        tuned: Mapping[str, Mapping[str, int]] | None = None,
    ) -> None:
        self.name, self._files = name, files
        super().__init__(tuned or {})
        self._file = files.open(name)
        self.pack = Pack(self._file.view(), f"{files.name}/{name}")
        self._config = config
        rows, vectors = self.pack.meta.get("rows"), self.pack.meta.get("vectors")
        written = self.pack.shape("commit/code") if "commit/code" in self.pack else ()
        if type(rows) is not int or written != (rows,) or not isinstance(vectors, list):
            raise FormatError("no segment", source=self.pack.source)
        self._n, self._vectors = rows, vectors
        for vector, file in (indexes or {}).items():
            self.add_index(vector, file)

    def __len__(self) -> int:
        return self._n

    def close(self) -> None:
        """Let go of the files."""
        self._file.close()
        self._index_packs.clear()

    def find(self, ids: Sequence[Id], view: View | None = None) -> I64:
        """The row of each id, or -1; where a view is given, if it is alive there."""
        return self._ids.find(ids, None if view is None else view.alive)

    def ids(self, rows: I64) -> list[Id]:
        """Ids of rows."""
        return self._ids.take(rows)

    def payloads(self, rows: I64) -> list[bytes]:
        """Payloads of rows, as JSON; empty where there is none."""
        return self._payloads.take(rows) if self._payloads is not None else [b""] * len(rows)

    def texts(self, rows: I64) -> list[bytes]:
        """Texts of rows, UTF-8; empty where there is none."""
        return self._texts.take(rows) if self._texts is not None else [b""] * len(rows)

    def commits(self, rows: I64) -> tuple[U64, U64]:
        """Sequences and times of the commits that wrote rows."""
        code, sequences, times = self._commits
        some = code[rows]
        return sequences[some], times[some]

    def matrix(self, name: str, n: int) -> Matrix | None:
        """A vector of its rows; None where none of them has it."""
        assert n == self._n
        if name not in self._matrices:
            self._matrices[name] = self._matrix(name) if name in self._vectors else None
        return self._matrices[name]

    def data(self, name: str) -> Matrix | None:
        """As `matrix`, without norms, which can be taken again."""
        return self._matrix(name, norms=False) if name in self._vectors else None

    def matching(self, filter: Filter, n: int) -> npt.NDArray[np.bool_]:
        """Which rows match a filter."""
        assert n == self._n
        return filter.mask(self.columns, self._payload_at)

    def facet(self, path: tuple[str, ...], rows: npt.NDArray[np.bool_]) -> Counter[Key]:
        """How many rows, of those in a mask, have each value at a path."""
        return facet(self.columns, rows, path, self._payload_at)

    def _payload_at(self, row: int) -> dict[str, Any]:
        (item,) = self.payloads(np.array([row]))
        return decode(item) if item else {}

    def count(self, name: str) -> int:
        """How many of its rows have a vector, by the directory alone."""
        if name not in self._vectors:
            return 0
        prefix = f"v{self._vectors.index(name)}/data"
        return self.pack.shape(prefix)[0] if prefix in self.pack else 0

    def vectors(self, name: str, kernels: NumpyKernels) -> Vectors | None:
        """A vector of its rows, to be compared; None where none of them has it."""
        matrix = self.matrix(name, self._n)
        metric = self._config.vectors[name].metric
        return None if matrix is None else matrix.vectors(metric, kernels)

    def go_on_from(self, old: Segment, rows: I64) -> None:
        """Let graphs that are made here go on from those of a segment, some of whose rows, in
        their order, are the first of these.
        """
        for name in old.graphs():
            matrix, vectors = old.matrix(name, len(old)), old.vectors(name, select())
            pack = old.index_pack(name)
            if matrix is not None and vectors is not None and pack is not None:
                places = matrix.places(rows)
                self.before[name] = Before(pack.lazy(""), vectors, places[places >= 0])

    @cached_property
    def columns(self) -> Columns:
        """Columns of its payloads."""
        return Columns.from_arrays(self.pack.lazy("column/"), self._n)

    @cached_property
    def postings(self) -> Postings | None:
        """Terms of its texts; None where there are no texts."""
        if self.outdated:
            texts, language = self.texts(np.arange(self._n)), self._config.language
            return Postings.build([analyse(text.decode(), language) for text in texts])
        arrays = self.pack.group("posting/")
        return Postings.from_arrays(arrays) if arrays else None

    @property
    def outdated(self) -> bool:
        """Whether its terms are those of an earlier version: it should be written anew."""
        return "text/data" in self.pack and self.pack.meta.get("terms") != VERSION

    @cached_property
    def _ids(self) -> IdTable:
        return IdTable(self.pack.group("ids/"), self._n, self.pack.source)

    @cached_property
    def _payloads(self) -> Blobs | None:
        return self._blobs("payload")

    @cached_property
    def _texts(self) -> Blobs | None:
        return self._blobs("text")

    @cached_property
    def _commits(self) -> tuple[Array, U64, U64]:
        code = self._typed("commit/code", "u", (self._n,))
        sequences = self.pack.array("commit/sequence")
        times = self._typed("commit/time", "u", sequences.shape)
        if len(code) and int(code.max()) >= len(sequences):
            raise FormatError("a commit that is not", field="commit", source=self.pack.source)
        return code, sequences.astype(np.uint64), times.astype(np.uint64)

    @cached_property
    def _matrices(self) -> dict[str, Matrix | None]:
        return {}

    def _matrix(self, name: str, norms: bool = True) -> Matrix:
        """In place, and unchecked: `Database.check` compares the checksums of vectors."""
        prefix = f"v{self._vectors.index(name)}/"
        settings = self._config.vectors[name]
        data = self.pack.array(f"{prefix}data", check=False)
        m = len(data)
        if data.shape != (m, settings.width) or data.dtype != settings.dtype:
            got = f"{data.dtype} {data.shape}"
            raise FormatError(f"{got}, not of this collection", field=name, source=self.pack.source)
        rows = inverse = None
        ascending = True
        if f"{prefix}rows" in self.pack:
            rows = self._typed(f"{prefix}rows", "u", (m,)).astype(np.int64)
            ascending = f"{prefix}ivf/offsets" not in self.pack
            if m and not _are_rows(rows, self._n, ascending):
                raise FormatError("rows that are not", field=name, source=self.pack.source)
        elif m != self._n:
            raise FormatError(f"{m} rows of {self._n}", field=name, source=self.pack.source)
        if norms and f"{prefix}inverse_norms" in self.pack:
            inverse = self._typed(f"{prefix}inverse_norms", "f", (m,))
        return Matrix(data, rows, inverse, ascending, self._n)

    def _blobs(self, name: str) -> Blobs | None:
        if f"{name}/data" not in self.pack:
            return None
        data, offsets = self.pack.array(f"{name}/data"), self.pack.array(f"{name}/offsets")
        return Blobs.checked(data, offsets, self._n, f"{self.pack.source}, {name}")

    def _typed(self, name: str, kind: str, shape: tuple[int, ...]) -> Array:
        array = self.pack.array(name)
        if array.dtype.kind != kind or array.shape != shape:
            got = f"{array.dtype} {array.shape}"
            raise FormatError(f"{got}, expected {shape}", field=name, source=self.pack.source)
        return array


def _are_rows(rows: I64, n: int, ascending: bool) -> bool:
    """Whether each row is among n, and once."""
    if ascending:
        return bool(rows[-1] < n and np.all(rows[1:] > rows[:-1]))
    if rows.max() >= n:
        return False
    seen = np.zeros(n, np.bool_)
    seen[rows] = True
    return int(np.count_nonzero(seen)) == len(rows)
