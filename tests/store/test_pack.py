"""Packs: what is written is read in place, and what is damaged is told."""

from __future__ import annotations

import json
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hn

from abi.errors import FormatError
from abi.store import _pack
from abi.store._pack import Pack, PackWriter, pack
from abi.store.files import MemoryFiles

ARRAYS = {
    "vectors": np.arange(6, dtype=np.float32).reshape(2, 3),
    "none": np.empty((0, 7), np.uint8),
    "ids": np.array([3, 1], np.uint64),
}


def written(arrays: dict[str, Any], meta: dict[str, Any] | None = None) -> bytes:
    files = MemoryFiles()
    file = files.create("a")
    writer = PackWriter(file)
    for name, array in arrays.items():
        writer.add(name, array)
    writer.finish(meta or {})
    return bytes(files.contents["a"])


def read(data: bytes) -> Pack:
    return Pack(memoryview(data), "file")


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    st.dictionaries(
        st.text(max_size=5),
        hn.arrays(
            st.sampled_from([np.uint8, np.int16, np.uint32, np.int64, np.float32, np.float64]),
            hn.array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=5),
        ),
        max_size=4,
    )
)
def test_arrays_come_back_bit_by_bit(arrays: dict[str, Any]) -> None:
    meta = {"op": "x", "n": [1, "é"]}
    for data in (written(arrays, meta), b"".join(bytes(p) for p in pack(meta, arrays))):
        found = read(data)
        assert found.meta == meta
        assert list(found) == list(arrays)
        for name, array in arrays.items():
            back = found.array(name)
            assert (back.dtype, back.shape) == (array.dtype, array.shape)
            assert back.tobytes() == array.tobytes()


def test_an_array_is_a_view_of_the_file() -> None:
    data = bytearray(written(ARRAYS))
    array = Pack(memoryview(data), "file").array("vectors", check=False)
    data[:4] = struct.pack("<f", 9)
    assert array[0, 0] == 9


def test_arrays_that_do_not_lie_in_order_are_written_in_order() -> None:
    turned = np.arange(6, dtype=np.int32).reshape(2, 3).T
    assert read(written({"a": turned})).array("a").tolist() == [[0, 3], [1, 4], [2, 5]]


def test_an_array_may_be_written_part_by_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pack, "BLOCK", 10)
    files = MemoryFiles()
    file = files.create("a")
    writer = PackWriter(file)
    whole = np.arange(23, dtype=np.uint8)
    writer.add_parts("a", np.uint8, (23,), (whole[:3], whole[3:3], whole[3:17], whole[17:]))
    writer.finish({})
    found = read(bytes(files.contents["a"]))
    assert found.array("a").tolist() == whole.tolist()
    checksums = [zlib.crc32(whole[i : i + 10].tobytes()) for i in (0, 10, 20)]
    assert found._entries["a"][4] == checksums


def test_a_group_is_what_begins_with_a_prefix() -> None:
    pack_ = read(written({"a/x": np.array([1]), "a/y": np.array([2]), "b/x": np.array([3])}))
    assert {k: v.tolist() for k, v in pack_.group("a/").items()} == {"x": [1], "y": [2]}


def test_every_flipped_byte_is_found() -> None:
    data = written(ARRAYS, {"a": 1})
    padding = set(range(24, 64)) | set(range(80, 128))
    for at in range(len(data)):
        damaged = bytearray(data)
        damaged[at] ^= 0x41
        if at in padding or len(data) - 12 <= at < len(data) - 8:  # nothing is read from there
            continue
        with pytest.raises(FormatError):
            read(bytes(damaged)).check_all()


def test_every_cut_is_found() -> None:
    data = written(ARRAYS)
    for length in range(len(data)):
        with pytest.raises(FormatError):
            read(data[:length])


def test_damage_names_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pack, "BLOCK", 64)
    data = bytearray(written({"a": np.zeros(200, np.uint8)}))
    data[130] = 1
    with pytest.raises(FormatError, match="file, offset 128, a: damaged: checksum"):
        read(bytes(data)).array("a")
    assert len(read(bytes(data)).array("a", check=False)) == 200


def test_an_array_that_is_not_there_is_named() -> None:
    with pytest.raises(FormatError, match="file, ids: missing"):
        read(written({})).array("ids")


def test_another_format_says_what_to_do() -> None:
    data = bytearray(written(ARRAYS))
    data[-24:-20] = struct.pack("<I", 2)
    with pytest.raises(FormatError, match="format 2, expected 1; open it with a newer abi"):
        read(bytes(data))


@pytest.mark.parametrize(
    "entry",
    [
        None,
        [],
        ["f4", [1], 0],
        ["O", [1], 0, []],
        ["f4", [-1], 0, []],
        ["f4", [1.5], 0, []],
        ["f4", [True], 0, []],
        ["f4", [1, 1, 1, 1], 0, []],
        ["f4", [1 << 60, 1 << 60], 0, []],
        ["f4", [1], 1, []],
        ["f4", [17], 64, []],
        ["f4", [1], 0, [1, 2]],
        ["f4", [1], 0, ["x"]],
        ["f4", [1], 0, 3],
        [["f4"], [1], 0, []],
    ],
)
def test_hostile_directories_are_refused(entry: object) -> None:
    text = json.dumps({"meta": {}, "arrays": {"a": entry}}).encode()
    size = 128 + len(text) + 32
    end = struct.pack("<8sIIIIQ", b"ABI-pack", 1, len(text), zlib.crc32(text), 0, size)
    with pytest.raises(FormatError, match="a: an entry that cannot be"):
        read(bytes(128) + text + end)


@pytest.mark.parametrize("text", [b"[" * 100_000, b"{}", b"[]", b"\xff", b'{"meta":1,"arrays":{}}'])
def test_a_directory_that_is_none_is_refused(text: bytes) -> None:
    size = len(text) + 32
    end = struct.pack("<8sIIIIQ", b"ABI-pack", 1, len(text), zlib.crc32(text), 0, size)
    with pytest.raises(FormatError, match="no JSON of the expected form"):
        read(text + end)
