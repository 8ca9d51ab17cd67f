"""What a segment has beside its data and can be made from it again: columns, terms, norms, orders.

It is compared with what the data give, and left aside when a segment is written anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.index import Postings, inverse_norms
from abi.kernels import select
from abi.store._config import CollectionConfig
from abi.store._ids import Id, IdTable
from abi.store._pack import Array
from abi.store._part import Matrix
from abi.store._segment import Segment
from abi.store.indexes import fits
from abi.store.payload import Columns, decode_all
from abi.text import analyse

__all__ = ["DataOnly", "derived_problems", "index_problem", "is_derived"]

I64 = npt.NDArray[np.int64]
U64 = npt.NDArray[np.uint64]

_CLOSE = 1e-5  # relative difference of norms that are equal but for rounding


def is_derived(array: str) -> bool:
    """Whether an array of a segment can be made again from the others."""
    kind, _, name = array.partition("/")
    return kind in ("column", "posting") or name in (
        "order", "keys", "inverse_norms", "ivf/centroids", "ivf/offsets",
    )  # fmt: skip


@dataclass(frozen=True)
class DataOnly:
    """The rows of a segment, and nothing that was derived from them.

    Parameters
    ----------
    segment : Segment
    """

    segment: Segment
    columns: None = None
    postings: None = None

    def __len__(self) -> int:
        return len(self.segment)

    def ids(self, rows: I64) -> list[Id]:
        """Ids of rows."""
        pack, n = self.segment.pack, len(self)
        data = {name: pack.array(f"ids/{name}") for name in ("int", "data", "offsets")
                if f"ids/{name}" in pack}  # fmt: skip
        return IdTable({**data, "keys": np.zeros(n, np.uint32)}, n, pack.source).take(rows)

    def payloads(self, rows: I64) -> list[bytes]:
        """Payloads of rows, as JSON; empty where there is none."""
        return self.segment.payloads(rows)

    def texts(self, rows: I64) -> list[bytes]:
        """Texts of rows, UTF-8; empty where there is none."""
        return self.segment.texts(rows)

    def commits(self, rows: I64) -> tuple[U64, U64]:
        """Sequences and times of the commits that wrote rows."""
        return self.segment.commits(rows)

    def partitions(self, name: str) -> None:
        """None: they are made again."""

    def matrix(self, name: str, n: int) -> Matrix | None:
        """A vector of the rows, without norms; None where none of the rows has one."""
        assert n == len(self)
        return self.segment.data(name)


def derived_problems(segment: Segment, config: CollectionConfig) -> Iterator[str]:
    """What of a segment, its data being whole, is damaged or not what the data give."""
    checks: list[Callable[[], Sequence[str]]] = [
        lambda: _sums(segment),
        lambda: _ids(segment),
        lambda: _columns(segment),
        lambda: _postings(segment, config.language),
        lambda: _vectors(segment, config),
    ]
    for check in checks:
        try:
            found = check()
        except FormatError as error:
            yield str(error)
            return
        if found:
            yield from (f"{segment.pack.source}, {one}" for one in found)
            return


def index_problem(segment: Segment, vector: str, file: str) -> str | None:
    """What is wrong with the file of an index; None where nothing is."""
    source = f"{segment.folder}/{file}"
    pack = segment.index_pack(vector)
    if pack is None:
        return f"{source}: cannot be read"
    try:
        pack.check_all()
    except FormatError as error:
        return str(error)
    if "index" not in pack.meta:
        return None  # of format 1, which nothing reads any more
    opened, vectors = segment.index(vector, select()), segment.vectors(vector, select())
    if opened is None or vectors is None or not fits(opened, vectors):
        return f"{source}: an index that does not find the vectors that it is of"
    return None


def _sums(segment: Segment) -> list[str]:
    for name in filter(is_derived, segment.pack):
        segment.pack.check(name)
    return []


def _ids(segment: Segment) -> list[str]:
    n = len(segment)
    ids = DataOnly(segment).ids(np.arange(n))
    wanted = IdTable.build(ids)
    return [] if _equal(segment.pack.group("ids/"), wanted) else ["ids: not in order"]


def _columns(segment: Segment) -> list[str]:
    wanted = Columns.build(decode_all(segment.payloads(np.arange(len(segment)))))
    found = segment.columns
    if set(found.paths) != set(wanted.paths) or found.complete != wanted.complete:
        return ["column: other paths than the payloads have"]
    differ = (
        path
        for path, columns in wanted.paths.items()
        if not _equal(found.paths[path].arrays(), columns.arrays())
    )
    return [f"column {path!r}: not what the payloads have" for path in differ]


def _postings(segment: Segment, language: str | None) -> list[str]:
    saved = segment.pack.group("posting/")
    if segment.outdated:
        return []  # it is written anew all the same
    texts = segment.texts(np.arange(len(segment)))
    wanted = (
        Postings.build([analyse(text.decode(), language) for text in texts]).arrays()
        if any(texts)
        else {}
    )
    return [] if _equal(saved, wanted) else ["posting: not what the texts have"]


def _vectors(segment: Segment, config: CollectionConfig) -> list[str]:
    found = []
    for name, settings in config.vectors.items():
        data = segment.data(name)
        if data is not None and settings.metric == "cosine":
            matrix = segment.matrix(name, len(segment))
            given = None if matrix is None else matrix.inverse_norms
            wanted = inverse_norms(data.data)
            norms = np.ones(len(wanted), np.float32) if given is None else given
            if not np.allclose(norms, wanted, rtol=_CLOSE, atol=0):
                found.append(f"vector {name!r}: norms that are not those of the vectors")
        if segment.partitioned(name) and segment.partitions(name) is None:
            found.append(f"vector {name!r}: partitions that cannot be")
    return found


def _equal(found: Mapping[str, Array], wanted: Mapping[str, Array]) -> bool:
    if set(found) != set(wanted):
        return False
    return all(np.array_equal(found[name], array) for name, array in wanted.items())
