"""Fuzz files of faiss and hnswlib, and the pickles of Chroma.

Invariant: any bytes give points or one of abi's errors, never another exception; as many points
as was said, whose vectors are as wide as was said. A pickle gives a dict of plain values.
"""

import contextlib
import struct
import sys
from collections.abc import Callable

import atheris

with atheris.instrument_imports(include=["abi.store.foreign"]):
    from abi.errors import FormatError, InputError, UnsupportedError
    from abi.store.foreign import Foreign
    from abi.store.foreign._faiss import faiss_points
    from abi.store.foreign._hnswlib import hnswlib_points
    from abi.store.foreign._pickled import unpickled

SIZE = 50


def one_input(data: bytes) -> None:
    view = memoryview(data)
    check(lambda: faiss_points(view, "f"))
    check(lambda: hnswlib_points(view, "f", 8))
    if len(data) >= 48:
        label, vector = struct.unpack_from("<QQ", data, 32)
        check(lambda: hnswlib_points(view, "f", max(1, (label - vector) // 4)))
    with contextlib.suppress(FormatError):
        assert type(unpickled(view, "f")) is dict


def check(read: Callable[[], Foreign]) -> None:
    with contextlib.suppress(FormatError, InputError, UnsupportedError):
        foreign = read()
        width = foreign.dim // 8 if foreign.metric == "hamming" else foreign.dim
        n = 0
        for batch in foreign.batches(SIZE):
            n += len(batch["ids"])
            assert batch["vectors"].shape == (len(batch["ids"]), width)
            assert all(0 <= one < 1 << 64 for one in batch["ids"])
        assert n == foreign.n


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
