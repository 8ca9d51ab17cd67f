"""Ids: what can be one, and how rows are found by them."""

from __future__ import annotations

import zlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.errors import FormatError, InputError
from abi.store._ids import IdTable, check_ids

INTEGERS = st.integers(0, 2**64 - 1)
STRINGS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=8)


def table(ids: list[Any]) -> IdTable:
    return IdTable(IdTable.build(ids), len(ids), "file")


@settings(max_examples=150, deadline=None, derandomize=True)
@given(
    st.one_of(
        st.lists(st.integers(0, 300), unique=True),
        st.lists(INTEGERS, unique=True),
        st.lists(STRINGS, unique=True),
        st.lists(st.one_of(INTEGERS, STRINGS), unique=True),
    ),
    st.lists(st.one_of(st.integers(0, 300), INTEGERS, STRINGS)),
)
def test_rows_are_found_as_a_dict_finds_them(ids: list[Any], others: list[Any]) -> None:
    rows = {value: row for row, value in enumerate(ids)}
    found = table(ids)
    assert found.take(np.arange(len(ids))) == ids
    wanted = [*ids[::-1], *others]
    assert found.find(wanted).tolist() == [rows.get(value, -1) for value in wanted]


def test_ids_of_the_same_checksum_are_told_apart() -> None:
    one, two = "plumless", "buckeroo"  # a known pair
    assert zlib.crc32(one.encode()) == zlib.crc32(two.encode())
    assert table([one, "x", two]).find([two, one]).tolist() == [2, 0]
    assert table([one]).find([two]).tolist() == [-1]


@pytest.mark.parametrize("ids", [[5, 7, 5, 5, 1], ["5", "7", "5", "5", 1]])
def test_of_several_rows_of_an_id_the_living_is_found(ids: list[Any]) -> None:
    found = table(ids)
    for living in (0, 2, 3):
        alive = np.zeros(5, np.bool_)
        alive[living] = True
        assert found.find([ids[0], ids[1]], alive).tolist() == [living, -1]


def test_a_number_is_not_its_digits() -> None:
    assert table([7, "7"]).find(["7", 7]).tolist() == [1, 0]


def test_integers_take_the_bytes_they_need() -> None:
    arrays = IdTable.build([0, 1, 255])
    assert {k: v.dtype for k, v in arrays.items()} == {"int": np.uint8}
    assert IdTable.build([256, 3])["int"].dtype == np.uint16
    assert IdTable.build([256, 3])["order"].tolist() == [1, 0]


def test_numpy_integers_are_ids() -> None:
    assert check_ids(np.array([3, 4], np.int32)) == [3, 4]
    assert check_ids([np.uint64(2**64 - 1), "a"]) == [2**64 - 1, "a"]


@pytest.mark.parametrize(
    ("ids", "message"),
    [
        (5, "ids: got int; expected a list of ids"),
        ("abc", "ids: got str; expected a list of ids"),
        ([1.0], r"ids\[0\]: got float; expected a string or an integer, as str\(id\)"),
        ([True], r"ids\[0\]: got bool"),
        ([None], r"ids\[0\]: got NoneType"),
        ([1, -1], r"ids\[1\]: -1; expected 0 to 2\*\*64 - 1, or a string"),
        ([2**64], r"ids\[0\]: 18446744073709551616; expected"),
        ([""], r"ids\[0\]: 0 bytes; expected 1 to 1024"),
        (["é" * 513], r"ids\[0\]: 1026 bytes; expected 1 to 1024"),
        (["a\ud800"], r"ids\[0\]: 'a\\ud800' has a lone surrogate"),
        (["a", "b", "a"], "ids: 'a' is there twice; give each id once in a batch"),
    ],
)
def test_what_is_no_id_is_refused(ids: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        check_ids(ids)


@pytest.mark.parametrize(
    "change",
    [
        {"int": None},
        {"int": np.zeros(2, np.uint8)},
        {"int": np.zeros(3, np.int8)},
        {"order": np.array([0, 1, 3], np.uint8)},
        {"order": np.zeros((3, 1), np.uint8)},
    ],
)
def test_hostile_tables_are_refused(change: dict[str, Any]) -> None:
    arrays = {**IdTable.build([5, 1, 3]), **change}
    with pytest.raises(FormatError):
        IdTable({k: v for k, v in arrays.items() if v is not None}, 3, "file")


def test_hostile_bytes_are_refused() -> None:
    arrays = IdTable.build(["a", "b"])
    arrays["data"] = np.frombuffer(b"s\xffsb", np.uint8)
    with pytest.raises(FormatError, match=r"is no id"):
        IdTable(arrays, 2, "file").take(np.array([0]))
    with pytest.raises(FormatError, match="offsets"):
        IdTable({**arrays, "offsets": np.array([0, 5, 4], np.uint8)}, 2, "file")
