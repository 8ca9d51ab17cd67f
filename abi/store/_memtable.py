"""The part of a collection that is not in a segment yet: rows in the order of their arrival."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from abi.index import GrowingPostings, inverse_norms
from abi.kernels import NumpyKernels
from abi.store._batch import Batch
from abi.store._blobs import Blobs
from abi.store._config import CollectionConfig
from abi.store._deaths import Deaths
from abi.store._growing import Growing
from abi.store._ids import Id
from abi.store._pack import Array
from abi.store._part import Matrix, View
from abi.store.filter import Filter
from abi.store.payload import Columns, GrowingColumns, Key, decode, keys_of
from abi.text import analyse

if TYPE_CHECKING:
    from abi.store.indexes import Opened

__all__ = ["Memtable"]

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]


class Memtable:
    """Growing rows; those that were replaced or deleted stay, dead, until they are written.

    Rows below a number that was read once keep their contents, so a reader that remembers how
    many there were sees what there was.
    """

    def __init__(self, config: CollectionConfig) -> None:
        self._config = config
        self._last: dict[Id, int] = {}  # the newest row of each id, dead or alive
        self._before: dict[int, int] = {}  # the row that had the same id before
        self._ids: list[Id] = []
        self._payloads: list[bytes] = []
        self._columns = GrowingColumns(self._payloads)
        self._texts: list[bytes] = []
        self._postings = GrowingPostings()
        self._vectors: dict[str, _Vectors] = {}
        self._commits = (Growing(np.uint64), Growing(np.uint64))
        self.deaths = Deaths()
        self.n_bytes = 0

    def __len__(self) -> int:
        """Rows, the dead included."""
        return len(self._ids)

    def append(self, batch: Batch, sequence: int, when: int) -> None:
        """Add the points of a batch; rows of the same ids here die."""
        start, n = len(self._ids), len(batch.ids)
        self.kill(self.find(batch.ids), sequence, when)
        last = self._last
        self._before.update((start + i, last[k]) for i, k in enumerate(batch.ids) if k in last)
        for name, (rows, data) in batch.vectors.items():
            if name not in self._vectors:
                self._vectors[name] = _Vectors(self._config, name)
            self._vectors[name].append(data, start, n, rows)
        self._add_texts(batch.texts, start, n)
        self._payloads += batch.payloads or [b""] * n
        self._texts += batch.texts or [b""] * n
        for growing, value in zip(self._commits, (sequence, when), strict=True):
            growing.append(np.full(n, value, np.uint64))
        last.update(zip(batch.ids, range(start, start + n), strict=True))
        self._ids += batch.ids
        self.n_bytes += batch.n_bytes + 100 * n

    def kill(self, rows: I64, sequence: int, when: int) -> None:
        """Delete rows that are alive; -1 stands for none."""
        self.deaths.kill(rows[rows >= 0], sequence, when, len(self._ids))

    def find(self, ids: Sequence[Id], view: View | None = None) -> I64:
        """The living row of each id, now or as a view has it; or -1."""
        rows = [self._last.get(i, -1) for i in ids]
        if view is None:
            return np.array([r if self.deaths.is_alive(r) else -1 for r in rows], np.int64)
        return np.array([self._seen(row, view) for row in rows], np.int64)

    def _seen(self, row: int, view: View) -> int:
        """The row of the same id that a view sees."""
        while row >= view.n:
            row = self._before.get(row, -1)
        return row if row < 0 or view.alive is None or view.alive[row] else -1

    def ids(self, rows: I64) -> list[Id]:
        """Ids of rows."""
        return [self._ids[row] for row in rows.tolist()]

    def payloads(self, rows: I64) -> list[bytes]:
        """Payloads of rows, as JSON; empty where there is none."""
        return [self._payloads[row] for row in rows.tolist()]

    def texts(self, rows: I64) -> list[bytes]:
        """Texts of rows, UTF-8; empty where there is none."""
        return [self._texts[row] for row in rows.tolist()]

    def commits(self, rows: I64) -> tuple[U64, U64]:
        """Sequences and times of the commits that wrote rows."""
        sequences, times = self._commits
        return sequences.view()[rows], times.view()[rows]

    def matching(self, filter: Filter, n: int) -> npt.NDArray[np.bool_]:
        """Which of the first `n` rows match a filter."""
        found = np.empty(n, np.bool_)
        start = 0
        for block in self._columns.blocks(n):
            payload_at = partial(self._payload, start)
            found[start : start + block.n] = filter.mask(block, payload_at)
            start += block.n
        for row in range(start, n):
            found[row] = filter.matches(self._payload(0, row))
        return found

    def facet(self, path: tuple[str, ...], rows: npt.NDArray[np.bool_]) -> Counter[Key]:
        """How many rows, of those in a mask, have each value at a path."""
        found: Counter[Key] = Counter()
        for row in np.flatnonzero(rows).tolist():
            found.update(keys_of(self._payload(0, row), path))
        return found

    def _payload(self, start: int, row: int) -> dict[str, Any]:
        item = self._payloads[start + row]
        return decode(item) if item else {}

    @property
    def columns(self) -> Columns | None:
        """None: those that it has are of a part of its rows."""
        return None

    @property
    def postings(self) -> GrowingPostings | None:
        """Terms of the texts; None where there are no texts."""
        return self._postings if self._postings.n_documents else None

    def _add_texts(self, texts: Blobs | None, start: int, n: int) -> None:
        """Index the texts of n rows; rows without one have no terms."""
        if texts is None:
            return
        behind = start - self._postings.n_documents  # rows that came without any text
        terms = [analyse(text.decode(), self._config.language) for text in texts]
        nothing: list[list[str]] = [[]] * behind
        self._postings.add(nothing + terms)

    def index(self, name: str, kernels: NumpyKernels) -> Opened | None:
        """None: its rows are compared one and all."""
        return None

    def partitions(self, name: str) -> tuple[Array, Array] | None:
        """None: they lie in the order of their arrival."""
        return None

    def matrix(self, name: str, n: int) -> Matrix | None:
        """A vector of the first `n` rows; None where none of the rows has one."""
        return self._vectors[name].matrix(n) if name in self._vectors else None


class _Vectors:
    """One vector of the rows that have it."""

    def __init__(self, config: CollectionConfig, name: str) -> None:
        settings = config.vectors[name]
        self._data = Growing(settings.dtype, settings.width)
        self._rows = Growing(np.int64)
        self._inverse = Growing(np.float32) if settings.metric == "cosine" else None

    def append(self, data: Array, start: int, n: int, rows: I64 | None) -> None:
        self._data.append(data)
        if self._inverse is not None:
            self._inverse.append(inverse_norms(data))
        self._rows.append(start + (np.arange(n) if rows is None else rows))

    def matrix(self, n: int) -> Matrix | None:
        rows = self._rows.view()
        count = len(rows) if not len(rows) or rows[-1] < n else int(np.searchsorted(rows, n))
        if not count:
            return None
        inverse = None if self._inverse is None else self._inverse.view(count)
        return Matrix(self._data.view(count), None if count == n else rows[:count], inverse)
