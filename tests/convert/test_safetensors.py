"""safetensors files: what they hold, and hostile ones, which are refused by name."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.convert._safetensors import read_safetensors
from abi.errors import FormatError, UnsupportedError
from tests.oracle.hf_models import write_safetensors

A = np.arange(6, dtype=np.float32).reshape(2, 3)
ARRAYS: dict[str, tuple[str, tuple[int, ...], bytes]] = {
    "a": ("F32", (2, 3), A.tobytes()),
    "b": ("I64", (), (7).to_bytes(8, "little")),
    "c": ("BF16", (2,), b"\x80\x3f\x00\xc0"),
    "d": ("F64", (1, 2), np.array([0.5, -2.0]).tobytes()),
}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_safetensors(tmp_path / "m.safetensors", ARRAYS)
    return tmp_path / "m.safetensors"


def test_tensors_are_views_with_their_shapes(path: Path) -> None:
    found = read_safetensors(path)
    assert {name: (t.dtype, t.shape) for name, t in found.items()} == {
        name: array[:2] for name, array in ARRAYS.items()
    }
    assert np.array_equal(found["a"].tensor("x").to_float32(), A)
    assert found["c"].tensor("x").to_float32().tolist() == [1.0, -2.0]
    assert found["d"].tensor("x").to_float32().tolist() == [[0.5, -2.0]]
    assert not found["a"].data.flags.writeable


def test_integers_are_no_weights(path: Path) -> None:
    with pytest.raises(UnsupportedError, match=r"m\.safetensors, b: I64 of shape \(\)"):
        read_safetensors(path)["b"].tensor("b")


def write(path: Path, header: Any, data: bytes = b"", size: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    path.write_bytes((len(text) if size is None else size).to_bytes(8, "little") + text + data)


def one(**changes: Any) -> dict[str, Any]:
    return {"a": {"dtype": "U8", "shape": [4], "data_offsets": [0, 4], **changes}}


@pytest.mark.parametrize(
    ("header", "words"),
    [
        (b"[]", "offset 8: expected an object"),
        (b"{", "offset 9: no JSON"),
        (b'{"a": "\xff"}', "offset 15: not UTF-8"),
        (b'{"a": 1, "a": 2}', "the name 'a' is there twice"),
        (b'{"a":' * 100_000, "no JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "no JSON"),
        ({"a": 1}, "a: expected an object, got 1"),
        ({"__metadata__": {"a": 1}}, "__metadata__: expected strings"),
        ({"__metadata__": 1}, "__metadata__: expected an object, got 1"),
        (one(dtype="F3"), "a: dtype 'F3'; known: F64"),
        (one(dtype=3), "dtype: expected a string, got 3"),
        (one(shape=[-4]), "a shape: expected at most 64 whole numbers"),
        (one(shape=[True]), "a shape: expected at most 64 whole numbers"),
        (one(shape=4), "a shape: expected at most 64 whole numbers, got 4"),
        (one(shape=[2**62, 2**62]), "a: 4 bytes, its shape"),
        (one(shape=[3]), r"a: 4 bytes, its shape \(3,\) as U8 needs 3"),
        (one(data_offsets=[0]), "a data_offsets: expected 2 whole numbers"),
        (one(data_offsets=[4, 0]), "a: bytes 4 to 0 of 4 bytes"),
        (one(data_offsets=[0, 5], shape=[5]), "bytes 0 to 5 of 4 bytes of data; is the file cut"),
        (one(data_offsets=[1, 4], shape=[3]), "begins at byte 1 of the data, expected 0"),
        (one(data_offsets=[0, 3], shape=[3]), "data: 1 bytes after the last tensor"),
        ({**one(), "b": one()["a"]}, "b: begins at byte 0 of the data, expected 4"),
    ],
)
def test_what_the_header_must_not_say(tmp_path: Path, header: Any, words: str) -> None:
    write(tmp_path / "m", header, b"1234")
    with pytest.raises(FormatError, match=words) as caught:
        read_safetensors(tmp_path / "m")
    assert caught.value.source == str(tmp_path / "m")


@pytest.mark.parametrize("size", [3, 1 << 40, (1 << 64) - 1])
def test_a_header_longer_than_the_file_is_refused(tmp_path: Path, size: int) -> None:
    write(tmp_path / "m", b"{}", size=size)
    with pytest.raises(FormatError, match=f"offset 0, header size: a header of {size} bytes"):
        read_safetensors(tmp_path / "m")
    (tmp_path / "m").write_bytes(b"\0" * 7)
    with pytest.raises(FormatError, match="7 bytes, expected 8 or more"):
        read_safetensors(tmp_path / "m")


@settings(deadline=None)
@given(at=st.integers(0, 400), value=st.integers(0, 255), cut=st.integers(0, 40))
def test_a_changed_byte_is_read_or_refused(
    tmp_path_factory: pytest.TempPathFactory, at: int, value: int, cut: int
) -> None:
    path = tmp_path_factory.getbasetemp() / "changed.safetensors"
    write_safetensors(path, ARRAYS)
    raw = bytearray(path.read_bytes())
    raw[at % len(raw)] = value
    path.write_bytes(raw[: len(raw) - cut])
    with contextlib.suppress(FormatError):  # any other error is a failure
        read_safetensors(path)
