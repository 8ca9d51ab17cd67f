"""Round trips, against the `gguf` package in both directions."""

from __future__ import annotations

import gzip
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abi.errors import InputError
from abi.gguf import Typed, ValueType, read, write
from abi.quant import CODECS, Tensor

gguf = pytest.importorskip("gguf", reason="the gguf package is not installed")

SCALARS = st.one_of(
    st.booleans(),
    st.integers(-(2**63), 2**64 - 1),
    st.floats(width=32, allow_nan=False),
    st.text(max_size=20),
)
LISTS = st.one_of(
    st.lists(st.booleans(), min_size=1, max_size=5),
    st.lists(st.integers(-(2**31), 2**31 - 1), min_size=1, max_size=5),
    st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=5),
    st.lists(st.text(max_size=5), min_size=1, max_size=5),
)
KEYS = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
    lambda key: key != "general.alignment" and not key.startswith("split.")
)


def to_bytes(metadata: dict[str, Any], tensors: list[Tensor]) -> bytes:
    out = io.BytesIO()
    write(out, metadata, tensors)
    return out.getvalue()


def plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


@given(st.dictionaries(KEYS, SCALARS | LISTS, max_size=6))
def test_metadata_survives(metadata: dict[str, Any]) -> None:
    back = read(to_bytes(metadata, [])).metadata
    assert {key: plain(value) for key, value in back.items()} == metadata


@pytest.mark.parametrize("kind", [k for k in ValueType if k not in (8, 9)])
def test_every_number_type_survives_alone_and_in_an_array(kind: ValueType) -> None:
    metadata = {"one": Typed(1, kind), "many": Typed([1, 0, 1], kind)}
    file = read(to_bytes(metadata, []))
    assert file.types == {"one": kind, "many": ValueType.ARRAY}
    assert file.metadata["one"] == 1
    assert plain(file.metadata["many"]) == [1, 0, 1]


def test_nested_arrays_survive() -> None:
    value = [[[1, 2], [3]], [[4]]]
    back: Any = read(to_bytes({"nested": value}, [])).metadata["nested"]
    assert [[plain(inner) for inner in outer] for outer in back] == value


@pytest.mark.parametrize("alignment", [1, 8, 32, 256])
def test_tensors_survive_at_any_alignment(alignment: int) -> None:
    rng = np.random.default_rng(0)
    tensors = [
        Tensor.from_array(f"t.{name}", rng.standard_normal((3, 2, 256)), name)
        for name, codec in CODECS.items()
        if codec.encodes
    ]
    file = read(to_bytes({"general.alignment": alignment}, tensors))
    assert list(file.tensors) == [t.name for t in tensors]
    for tensor in tensors:
        back = file.tensors[tensor.name]
        assert (back.shape, back.type) == (tensor.shape, tensor.type)
        assert bytes(back.data) == bytes(tensor.data)


def test_ggufs_reader_reads_what_we_write(tmp_path: Path) -> None:
    values = np.random.default_rng(0).standard_normal((4, 64), np.float32)
    metadata = {
        "general.architecture": "llama", "a.list": ["x", "ü"], "a.float": 0.5, "a.flag": True,
        "a.numbers": np.array([1.5, 2.5], np.float32),
    }  # fmt: skip
    path = tmp_path / "ours.gguf"
    write(path, metadata, [Tensor.from_array("w", values, "Q8_0")])
    theirs = gguf.GGUFReader(path)
    assert theirs.fields["general.architecture"].contents() == "llama"
    assert theirs.fields["a.list"].contents() == ["x", "ü"]
    assert theirs.fields["a.float"].contents() == 0.5
    assert theirs.fields["a.flag"].contents() is True
    assert theirs.fields["a.numbers"].contents() == [1.5, 2.5]
    (tensor,) = theirs.tensors
    assert (tensor.name, tensor.shape.tolist()) == ("w", [64, 4])
    assert tensor.data.tobytes() == bytes(read(path).tensors["w"].data)


def test_we_read_what_ggufs_writer_writes(tmp_path: Path) -> None:
    path = tmp_path / "theirs.gguf"
    theirs = gguf.GGUFWriter(path, "llama")
    theirs.add_uint16("a.small", 7)
    theirs.add_array("a.words", ["one", "two"])
    theirs.add_array("a.numbers", [1, -2, 3])
    values = np.arange(96, dtype=np.float32).reshape(3, 32)
    theirs.add_tensor("w", values)
    theirs.write_header_to_file()
    theirs.write_kv_data_to_file()
    theirs.write_tensors_to_file()
    theirs.close()
    file = read(path)
    assert file.metadata["general.architecture"] == "llama"
    assert (file.types["a.small"], file.metadata["a.small"]) == (ValueType.UINT16, 7)
    assert file.metadata["a.words"] == ["one", "two"]
    assert plain(file.metadata["a.numbers"]) == [1, -2, 3]
    np.testing.assert_array_equal(file.tensors["w"].to_float32(), values)


def test_version_2_is_read() -> None:
    raw = bytearray(to_bytes({"k": "v"}, [Tensor.from_array("w", np.ones(4))]))
    raw[4] = 2
    file = read(bytes(raw))
    assert (file.version, file.metadata) == (2, {"k": "v"})


def test_tensors_are_views_of_the_mapped_file(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    write(path, {}, [Tensor.from_array("w", np.ones((64, 64)))])
    data = read(path).tensors["w"].to_float32()
    assert not data.flags.owndata
    assert not data.flags.writeable


def test_an_open_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    write(path, {"k": 3}, [])
    with path.open("rb") as file:
        assert read(file).metadata == {"k": 3}
    assert read(io.BytesIO(path.read_bytes())).metadata == {"k": 3}


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"k": object()}, "k: object cannot be stored"),
        ({"k": 2**64}, "k: 18446744073709551616 does not fit"),
        ({"k": []}, "k: an empty list has no element type"),
        ({"k": 1e300}, r"k: 1e\+300 cannot be stored as FLOAT32"),
        ({"k": "\ud800"}, "'k': surrogates not allowed at character 0"),
        ({"k": [Typed(1, ValueType.UINT8)]}, "k: give the type of the whole list"),
        ({"k": [[[[[[[[[1]]]]]]]]]}, "k: arrays nested more than 8 deep"),
        ({1: 2}, "a key is a text of 1 to 65535 characters, got 1"),
        ({"general.alignment": Typed(64, ValueType.UINT64)}, "power of two up to 1048576"),
        ({"k": [1, "a"]}, "k: elements of several types"),
        ({"k": Typed(300, ValueType.UINT8)}, "k: 300 cannot be stored as UINT8"),
        ({"k": Typed([-1], ValueType.UINT32)}, "k: cannot be stored as an array of UINT32"),
        ({"k": Typed("x", ValueType.INT8)}, "k: 'x' cannot be stored as INT8"),
        ({"": 1}, "a key is a text of 1 to"),
        ({"general.alignment": 24}, "power of two up to 1048576, got 24"),
    ],
)
def test_metadata_that_cannot_be_stored_is_refused(metadata: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        to_bytes(metadata, [])


@pytest.mark.parametrize(
    ("name", "shape"), [("", (4,)), ("x" * 64, (4,)), ("w", ()), ("w", (1,) * 5), ("w", (0, 4))]
)
def test_tensors_that_cannot_be_stored_are_refused(name: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError):
        to_bytes({}, [Tensor.from_array(name, np.ones(shape))])


def test_typed_metadata_is_written_back_unchanged() -> None:
    metadata = {
        "a": Typed(7, ValueType.UINT8), "b": Typed([], ValueType.STRING),
        "c": Typed([], ValueType.INT16), "d": Typed(1.5, ValueType.FLOAT64),
        "general.alignment": Typed(64, ValueType.UINT32),
    }  # fmt: skip
    raw = to_bytes(metadata, [Tensor.from_array("w", np.ones(4))])
    file = read(raw)
    assert to_bytes(file.typed(), list(file.tensors.values())) == raw


def test_a_type_that_is_none_is_refused() -> None:
    for kind in (ValueType.ARRAY, 99):
        with pytest.raises(InputError, match="Typed: expected a number type"):
            Typed([1], kind)  # type: ignore[arg-type]


def test_a_compressed_file_is_read_as_what_it_holds(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "m.gguf.gz", "wb") as file:
        file.write(to_bytes({"k": 3}, []))
    with gzip.open(tmp_path / "m.gguf.gz", "rb") as file:
        assert read(file).metadata == {"k": 3}  # type: ignore[arg-type]


def test_a_link_is_followed_and_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "link.gguf").symlink_to(tmp_path / "real.gguf")
    write(tmp_path / "link.gguf", {"k": 3}, [])
    assert (tmp_path / "link.gguf").is_symlink()
    assert read(tmp_path / "real.gguf").metadata == {"k": 3}


def test_a_failed_write_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    write(path, {"k": "old"}, [])
    good = Tensor.from_array("w", np.ones(4))
    with pytest.raises(InputError, match=r"w: 16 bytes, its shape \(8,\) as F32 needs 32"):
        write(path, {"k": "new"}, [Tensor("w", (8,), good.type, good.data)])
    assert read(path).metadata == {"k": "old"}
    assert [p.name for p in tmp_path.iterdir()] == ["m.gguf"]
