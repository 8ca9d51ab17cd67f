"""Columns: what is built, saved, opened a little at a time, merged and refused."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.errors import FormatError
from abi.store.payload import Columns

Array = npt.NDArray[Any]


class Watched(Mapping[str, Array]):
    """Arrays that remember which of them were looked at."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = arrays
        self.seen: list[str] = []

    def __getitem__(self, name: str) -> Array:
        self.seen.append(name)
        return self._arrays[name]

    def __contains__(self, name: object) -> bool:
        return name in self._arrays

    def __iter__(self) -> Iterator[str]:
        return iter(self._arrays)

    def __len__(self) -> int:
        return len(self._arrays)


def test_a_column_has_a_sorted_dictionary_and_narrow_codes() -> None:
    column = (
        Columns.build([{"a": "b"}, {"a": "é"}, {"a": "a"}, {"a": "b"}]).paths["a"].column("str")
    )
    assert column.words.tobytes() == "abé".encode()
    assert column.offsets is not None
    assert column.offsets.tolist() == [0, 1, 2, 4]
    assert column.codes.tolist() == [1, 2, 0, 1]
    assert column.codes.dtype == np.uint8
    assert column.rows is None  # each row has one


def test_rows_are_kept_where_some_have_none_or_several() -> None:
    column = Columns.build([{"a": [3, 1]}, {}, {"a": 3}]).paths["a"].column("int")
    assert column.words.tolist() == [1, 3]
    assert column.codes.tolist() == [1, 0, 1]
    assert column.rows is not None
    assert column.rows.tolist() == [0, 0, 2]
    assert not column.single


def test_what_no_column_has_is_odd() -> None:
    values = [1 << 63, -(1 << 63), "x" * 257, "x" * 256, "é" * 129, [[1]], "\ud800", 1e300, None]
    path = Columns.build([{"a": value} for value in values]).paths["a"]
    assert path.rows("odd").tolist() == [0, 2, 4, 5, 6]
    assert path.rows("null").tolist() == [8]
    assert path.column("int").words.tolist() == [-(1 << 63)]


def test_rows_whose_paths_have_no_columns_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abi.store.payload._gather.MAX_PATHS", 2)
    built = Columns.build([{"a": 1}, {"b": 1}, {"a": 1, "c": {"d": 1}}, {"a": 2}])
    for columns in (built, Columns.from_arrays(built.arrays(), 4)):
        assert not columns.complete
        path, unsure = columns.find(("c", "d"))
        assert path is None
        assert unsure is not None
        assert unsure.tolist() == [False, False, True, False]
        assert columns.find(("a",))[1] is None


def test_without_these_rows_any_may_have_such_a_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abi.store.payload._gather.MAX_PATHS", 1)
    arrays = Columns.build([{"a": 1}, {"b": 1}]).arrays()
    del arrays["left"]
    unsure = Columns.from_arrays(arrays, 2).find(("b",))[1]
    assert unsure is not None
    assert unsure.tolist() == [True, True]


def test_a_number_may_take_an_element_where_there_are_lists() -> None:
    columns = Columns.build([{"a": {"0": 1}}, {"a": [1]}, {"0": 1}, {"a": [{"0": 2}]}])
    assert columns.find(("0",))[1] is None  # no payload is a list
    unsure = columns.find(("a", "0"))[1]
    assert unsure is not None
    assert unsure.tolist() == [False, True, False, True]


def test_opening_reads_the_index_and_a_question_what_it_needs() -> None:
    arrays = Watched(Columns.build([{"a": i, "b": [str(i)], "c": None} for i in range(9)]).arrays())
    columns = Columns.from_arrays(arrays, 9)
    assert arrays.seen == ["index"]
    columns.paths["b"].column("str")
    columns.paths["b"].column("int")
    assert set(arrays.seen) == {"index", *(f"1/str/{n}" for n in ("words", "offsets", "codes"))}


def test_parts_of_strings_do_not_reach_into_the_next() -> None:
    words = ["", "a", "ab", "abab", "b", "ba", "é"]
    column = Columns.build([{"s": word} for word in words]).paths["s"].column("str")
    for part in ("", "a", "b", "ab", "aab", "bb", "ba", "baé", "é", "\ud800", "x" * 300):
        assert column.containing(part).tolist() == [part in word for word in words]


def test_entries_are_counted_without_rows() -> None:
    column = Columns.build([{"a": v} for v in (5, 7, 5, 9)]).paths["a"].column("int")
    assert column.count(slice(0, 1)) == 2
    assert column.count(slice(1, None)) == 2
    assert column.count(slice(2, 1)) == 0
    assert column.count(np.array([True, False, True])) == 3


SCALARS = st.sampled_from([None, True, 0, 1, 1.0, 2.5, 2**70, "a", "b", "x" * 300])
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("ab"), inner),
    max_leaves=5,
)
ROWS = st.lists(
    st.tuples(st.dictionaries(st.sampled_from("ab"), VALUES), st.integers(0, 2), st.booleans()),
    max_size=8,
)


@settings(max_examples=300, deadline=None, derandomize=True)
@given(ROWS, st.randoms(use_true_random=False))
def test_merged_columns_are_those_that_are_built(given: Any, random: Any) -> None:
    """Rows of three parts, some given up, the others in any order."""
    kept = [i for i, (_, _, alive) in enumerate(given) if alive]
    random.shuffle(kept)
    place = {old: new for new, old in enumerate(kept)}
    parts, rows = [], []
    for part in range(3):
        own = [i for i, (_, which, _) in enumerate(given) if which == part]
        parts.append(Columns.build([given[i][0] for i in own]))
        rows.append(np.array([place.get(i, -1) for i in own], np.int64))
    merged = Columns.merge(parts, rows, len(kept))
    assert merged is not None
    built = Columns.build([given[i][0] for i in kept])
    assert told(merged) == told(built)


def told(columns: Columns) -> dict[str, dict[str, tuple[str, list[Any]]]]:
    """All arrays, by path."""
    return {
        path: {name: (array.dtype.str, array.tolist()) for name, array in found.arrays().items()}
        for path, found in columns.paths.items()
    }


def test_too_many_paths_are_not_merged(monkeypatch: pytest.MonkeyPatch) -> None:
    parts = [Columns.build([{"a": 1, "b": 1}]), Columns.build([{"c": 1}])]
    rows = [np.array([0]), np.array([1])]
    assert Columns.merge(parts, rows, 2) is not None
    monkeypatch.setattr("abi.store.payload._columns.MAX_PATHS", 2)
    assert Columns.merge(parts, rows, 2) is None
    monkeypatch.setattr("abi.store.payload._gather.MAX_PATHS", 1)
    assert Columns.merge([Columns.build([{"a": 1, "b": 1}])], rows[:1], 1) is None


@pytest.mark.parametrize(
    "index",
    [
        b"",
        b"{",
        b"[]",
        b"[" * 100_000,
        b"\xff",
        {"complete": 1, "paths": []},
        {"complete": True, "paths": [["a", ["str"]]]},
        {"complete": True, "paths": [[1, ["str"], []]]},
        {"complete": True, "paths": [["a", ["date"], []]]},
        {"complete": True, "paths": [["a", [["str"]], []]]},
        {"complete": True, "paths": [["a", [], ["rows"]]]},
        {"complete": True, "paths": [["a", [], []], ["a", [], []]]},
        {"complete": True, "paths": [["a", [], []]] * 257},
    ],
)
def test_an_index_that_cannot_be_is_refused(index: Any) -> None:
    data = index if isinstance(index, bytes) else json.dumps(index).encode()
    with pytest.raises(FormatError):
        Columns.from_arrays({"index": np.frombuffer(data, np.uint8)}, 3)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("0/int/words", np.array([1, 1, 2, 3], np.int64)),  # not ascending
        ("0/int/words", np.array(1, np.int64)),
        ("0/int/codes", np.array([0, 1, 2, 9], np.uint8)),
        ("0/int/codes", np.array([0, 1, 2], np.uint8)),
        ("0/int/rows", np.array([0, 1, 2, 4], np.uint32)),
        ("0/int/rows", np.array([0, 2, 1, 3], np.uint32)),
        ("1/str/offsets", np.array(0, np.uint8)),
        ("1/str/offsets", np.array([], np.uint8)),
        ("1/str/offsets", np.array([0, 3, 2, 4, 4], np.uint8)),
        ("1/str/offsets", np.array([0, 1, 2, 3, 5], np.uint8)),
        ("2/present", np.array([0, 4], np.uint8)),
        ("2/present", np.array([1, 0], np.uint8)),
        ("2/present", np.array([0, 1], np.int64)),
        ("2/present", None),
        ("2/bool/codes", None),
    ],
)
def test_arrays_that_cannot_be_are_refused(name: str, array: Array | None) -> None:
    payloads = [{"a": i, "b": str(i), **({"c": True} if i % 2 else {})} for i in range(4)]
    arrays = Columns.build(payloads).arrays()
    arrays.pop(name, None)
    if array is not None:
        arrays[name] = array
    columns = Columns.from_arrays(arrays, 4)
    path = list(columns.paths.values())[int(name[0])]
    with pytest.raises(FormatError):
        _ = path.present, [path.column(kind) for kind in path.kinds]


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.lists(st.dictionaries(st.sampled_from(["a", "b", "a.b", ""]), VALUES), max_size=5))
def test_field_by_field_and_row_by_row_give_the_same(payloads: list[dict[str, Any]]) -> None:
    at_once = Columns.build(payloads).arrays()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("abi.store.payload._gather._fields", lambda *args, **named: False)
        one_by_one = Columns.build(payloads).arrays()
    first, second = (by_path(arrays) for arrays in (at_once, one_by_one))
    assert first == second


def by_path(arrays: Mapping[str, Array]) -> dict[str, Any]:
    """Values of arrays by path, however the paths are ordered."""
    listed = json.loads(arrays["index"].tobytes())["paths"]
    return {
        path: {
            name.partition("/")[2]: (str(array.dtype), array.tolist())
            for name, array in arrays.items()
            if name.startswith(f"{number}/")
        }
        for number, (path, _, _) in enumerate(listed)
    }
