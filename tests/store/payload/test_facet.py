"""Counts of values: columns say what counting the payloads says."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.store.payload import Columns, Key, facet, keys_of

VALUES = st.recursive(
    st.sampled_from([None, True, False, 0, 1, 1.0, 2.5, 2**70, "a", "b", "x" * 300]),
    lambda inner: st.lists(inner, max_size=4) | st.fixed_dictionaries({"v": inner}),
    max_leaves=5,
)


def test_keys_are_distinct_scalars_with_their_types() -> None:
    payload = {"v": [1, 1.0, True, "1", None, "1", [7], {"w": 8}]}
    assert keys_of(payload, ("v",)) == {("number", 1), ("bool", True), ("str", "1")}
    assert keys_of({"a": [{"v": 1}, {"v": [2, 3]}]}, ("a", "v")) == {
        ("number", 1),
        ("number", 2),
        ("number", 3),
    }


def test_a_row_counts_once_for_a_value_that_its_list_has_twice() -> None:
    payloads: list[dict[str, Any]] = [{"v": ["a", "a", "b"]}, {"v": "a"}, {}, {"v": ["b", "a"]}]
    columns, rows = Columns.build(payloads), np.array([True, True, True, False])
    counted = facet(columns, rows, ("v",), payloads.__getitem__)
    assert counted == {("str", "a"): 2, ("str", "b"): 1}


@settings(max_examples=300, deadline=None, derandomize=True)
@given(
    st.lists(st.tuples(st.dictionaries(st.just("v"), VALUES), st.booleans()), max_size=8),
    st.sampled_from([("v",), ("v", "v"), ("v", "0"), ("none",)]),
)
def test_columns_count_what_payloads_count(given: Any, path: tuple[str, ...]) -> None:
    payloads = [payload for payload, _ in given]
    rows = np.array([chosen for _, chosen in given], np.bool_)
    expected: Counter[Key] = Counter()
    for payload, chosen in given:
        if chosen:
            expected.update(keys_of(payload, path))
    built = Columns.build(payloads)
    for columns in (built, Columns.from_arrays(built.arrays(), len(payloads))):
        assert +facet(columns, rows, path, payloads.__getitem__) == expected
