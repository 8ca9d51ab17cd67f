"""Files that were cut or changed: points, or an error that is abi's, and no more memory than
the file is worth.
"""

from __future__ import annotations

import random
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abi.errors import FormatError, InputError, UnsupportedError
from abi.store.foreign import Foreign
from abi.store.foreign._faiss import faiss_points
from abi.store.foreign._hnswlib import hnswlib_points
from tests.store.foreign.gathered import DATA

REFUSED = (FormatError, UnsupportedError, InputError)
MOST = 1 << 20  # bytes; the files have 5,000 at most
FILES = sorted(DATA.glob("*.faiss")) + sorted(DATA.glob("*.hnswlib"))


def reader(path: Path) -> Callable[[bytes], Foreign]:
    if path.suffix == ".faiss":
        return lambda data: faiss_points(memoryview(data), "f")
    return lambda data: hnswlib_points(memoryview(data), "f", 8)


def changes(data: bytes) -> Iterator[bytes]:
    """Cut at many places, and with other bytes at more; each header wholly."""
    chance = random.Random(len(data))
    for at in range(0, len(data), 1 + len(data) // 100):
        yield data[:at]
    for at in [*range(min(200, len(data))), *range(200, len(data), 19)]:
        for value in (data[at] ^ 0x80, data[at] ^ (1 << chance.randrange(7)), 0xFF, 0):
            yield data[:at] + bytes([value]) + data[at + 1 :]


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_cut_and_changed_files_are_points_or_errors(path: Path) -> None:
    read = reader(path)
    tracemalloc.start()
    try:
        for data in changes(path.read_bytes()):
            with suppress(*REFUSED):
                assert sum(len(batch["ids"]) for batch in read(data).batches(1 << 40)) <= 5000
        assert tracemalloc.get_traced_memory()[1] < MOST
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_a_file_that_was_cut_is_an_error(path: Path) -> None:
    data, read = path.read_bytes(), reader(path)
    for at in range(0, len(data), 11):
        with pytest.raises(FormatError if path.suffix == ".hnswlib" else REFUSED):
            read(data[:at])


@pytest.mark.parametrize("path", FILES[:: len(FILES) // 7], ids=lambda path: path.name)
@given(data=st.data())
def test_bytes_between_others(path: Path, data: st.DataObject) -> None:
    whole = path.read_bytes()
    start = data.draw(st.integers(0, len(whole)))
    end = data.draw(st.integers(start, len(whole)))
    middle = data.draw(st.binary(max_size=24))
    with suppress(*REFUSED):
        list(reader(path)(whole[:start] + middle + whole[end:]).batches(3))
