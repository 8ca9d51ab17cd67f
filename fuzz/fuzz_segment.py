"""Fuzz segments: packs of arrays that say that they are rows of a collection.

Invariant: any bytes give a segment or `FormatError`, never another exception; and so does
everything that can be asked of it: ids, payloads, texts, vectors, filters, terms, its graph.
"""

import contextlib
import sys

import atheris

with atheris.instrument_imports(include=["abi.store", "abi.index"]):
    import json

    import numpy as np

    from abi.errors import FormatError
    from abi.index import HNSW
    from abi.kernels import NumpyKernels
    from abi.store._config import CollectionConfig, VectorConfig
    from abi.store._pack import Pack, pack
    from abi.store._part import View
    from abi.store._segment import Segment
    from abi.store.files import MemoryFiles
    from abi.store.filter import parse
    from abi.store.search import Near, lexical, nearest

CONFIG = CollectionConfig({"": VectorConfig(2), "b": VectorConfig(8, "hamming")})
FILTERS = [parse(f) for f in ({"a": 1}, {"b": {"$lt": "x"}}, {"a.b": {"$exists": True}})]
KERNELS = NumpyKernels()
EXACT = Near("", CONFIG.vectors[""], np.ones((1, 2), np.float32), 3, exact=True)
KINDS = ("u1", "u2", "u4", "u8", "i4", "i8", "f4", "f8")
MOST = 1000  # rows; more are read in the same way


def sealed(data: bytes) -> bytes:
    """A pack with the directory that the bytes end with, so that its checksum is right."""
    head, _, tail = data.partition(b"\xff\xfe")
    try:
        directory = json.loads(tail)
        meta, entries = directory["meta"], directory["arrays"]
        arrays = {
            str(name): np.frombuffer(head[:size], np.uint8).view(kind)
            for name, (kind, size) in entries.items()
            if kind in KINDS
        }
        return b"".join(bytes(part) for part in pack(meta, arrays))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError, AssertionError):
        return data


def one_input(data: bytes) -> None:
    for content in (data, sealed(data)):
        files = MemoryFiles()
        files.contents["s"] = bytearray(content)
        try:
            Pack(memoryview(content), "s").check_all()
            segment = Segment(files, "s", CONFIG, {"": "s"})
        except FormatError:
            continue
        if len(segment) <= MOST:
            for ask in (ids, payloads, vectors, filters, terms, graph):
                with contextlib.suppress(FormatError):
                    ask(segment)


def ids(segment: Segment) -> None:
    rows = np.arange(len(segment))
    found = segment.ids(rows)
    segment.find([*found[:3], 1, "a"])
    segment.commits(rows)


def payloads(segment: Segment) -> None:
    rows = np.arange(len(segment))
    segment.payloads(rows)
    segment.texts(rows)


def vectors(segment: Segment) -> None:
    for name in CONFIG.vectors:
        matrix = segment.matrix(name, len(segment))
        if matrix is not None:
            assert (matrix.places(np.arange(len(segment))) < len(matrix.data)).all()


def filters(segment: Segment) -> None:
    for one in FILTERS:
        assert segment.matching(one, len(segment)).shape == (len(segment),)


def terms(segment: Segment) -> None:
    lexical([View(segment, len(segment), None)], [None], "a b", 3)


def graph(segment: Segment) -> None:
    if segment.matrix("", len(segment)) is not None:
        found = segment.vectors("", KERNELS)
        assert found is not None
        HNSW.from_arrays(segment.pack.group(""), found, KERNELS)
    nearest(KERNELS, [View(segment, len(segment), None)], [None], EXACT)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
