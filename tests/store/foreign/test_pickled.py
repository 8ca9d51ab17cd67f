"""Pickles are walked, never run."""

from __future__ import annotations

import collections
import os
import pickle
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from abi.errors import FormatError
from abi.store.foreign._pickled import unpickled
from tests.store.foreign.gathered import DATA

OLD = (DATA / "persistent_data.pickle").read_bytes()
VALUE = {
    "a": 1, "b": {"x": -5, "y": None, "é" * 300: 1 << 40, "z": 70_000}, 7: "text", "b2": {}, -1: 300
}  # fmt: skip


def read(data: bytes) -> dict[Any, Any]:
    return unpickled(memoryview(data), "p")


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_values_are_what_pickle_makes_of_them(protocol: int) -> None:
    assert read(pickle.dumps(VALUE, protocol)) == VALUE


@pytest.mark.parametrize("protocol", [2, 4])
def test_many_items(protocol: int) -> None:
    many = {f"id-{i}": i for i in range(5000)}
    value = {"there": many, "back": {i: name for name, i in many.items()}}
    assert read(pickle.dumps(value, protocol)) == value


def test_what_chroma_wrote_up_to_0_6_is_the_dict_of_its_attributes() -> None:
    labels = {f"t{i}": i + 1 for i in range(5)}
    assert b"PersistentData" in OLD
    assert read(OLD) == {
        "dimensionality": 8, "total_elements_added": 5, "max_seq_id": 70000, "id_to_seq_id": {},
        "id_to_label": labels, "label_to_id": {i: name for name, i in labels.items()},
    }  # fmt: skip


class Evil:
    """Asks to make a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("protocol", [0, 1, 2, 3, 4, 5])
def test_a_pickle_that_calls_is_refused_and_calls_nothing(protocol: int, tmp_path: Path) -> None:
    path = tmp_path / "made"
    data = pickle.dumps({"a": Evil(path)}, protocol)
    with pytest.raises(FormatError, match="refused"):
        read(data)
    assert not path.exists()
    pickle.loads(data)
    assert path.exists()  # so it would have


def test_a_call_by_hand_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "made"
    for name in (b"cos\nsystem\n", b"\x8c\x02os\x8c\x06system\x93"):
        with pytest.raises(FormatError, match=r"os\.system is asked for: refused"):
            read(b"\x80\x04" + name + b"X\x04\x00\x00\x00true\x85R.")
    module = b"cchromadb.segment.impl.vector.local_persistent_hnsw\nPersistentData\n"
    with pytest.raises(FormatError, match="opcode b'R'"):
        read(b"\x80\x02" + module + b")R.")
    with pytest.raises(FormatError, match="other than PersistentData"):
        read(b"\x80\x02}" + b")\x81.")
    assert read(b"\x80\x02" + module + b")\x81}b.") == {}
    assert not path.exists()


@pytest.mark.parametrize(
    "value",
    [[1], (1, 2), 1.5, b"x", {1}, collections.OrderedDict(a=1), {"a": [1]}, {"a": 1.5}, 5, "x", {}],
)
def test_other_values_are_refused(value: Any) -> None:
    if value == {}:
        assert read(pickle.dumps(value)) == {}
        return
    with pytest.raises(FormatError):
        read(pickle.dumps(value))


@pytest.mark.parametrize(
    "data",
    [
        b"", b".", b"u.", b"}u.", b"}(Nu.", b"}(NNu.", b"}K\x01s.", b"}NNs.", b"N}u.", b"h\x00.",
        b"j\x00\x00\x00\x00.", b"q\x00.", b"\x94.", b"b.", b"}Nb.", b"NN}b.",
        b"}X\xff\xff\xff\xff.",
        b"}\x8d" + b"\xff" * 8, b"}\x8c\x01\xff.", b"cno end", b"\x8a\xff.", b"\x81.", b"\x93.",
        b"}}N\x93.", b"}(}Nu.",
    ],
)  # fmt: skip
def test_what_no_pickle_is(data: bytes) -> None:
    with pytest.raises(FormatError):
        read(data)


@pytest.mark.parametrize("data", [OLD, pickle.dumps(VALUE, 2), pickle.dumps(VALUE, 5)])
def test_cut_and_changed_pickles_are_values_or_errors(data: bytes) -> None:
    for at in range(len(data)):
        with pytest.raises(FormatError):
            read(data[:at])
        for change in (0x01, 0x80, 0xFF):
            changed = bytearray(data)
            changed[at] ^= change
            with suppress(FormatError):
                assert type(read(bytes(changed))) is dict
