"""Estimates: exact for one condition and for ranges, products for several."""

from __future__ import annotations

from typing import Any

import pytest

from abi.store.filter import parse
from abi.store.payload import Columns

# 100 rows: n 0..99; even ones are "a", of the rest 25 are "b" and 25 have no kind; 10 long texts.
PAYLOADS: list[dict[str, Any]] = [
    {
        "n": i,
        **({"kind": "a"} if i % 2 == 0 else {"kind": "b"} if i < 50 else {}),
        "tags": [f"t{i % 4}", f"u{i % 5}"],
        "text": "x" * 300 if i < 10 else f"word {i}",
        "when": f"2020-01-{i % 10 + 1:02d}",
    }
    for i in range(100)
]
COLUMNS = Columns.build(PAYLOADS)


@pytest.mark.parametrize(
    ("filter", "expected"),
    [
        ({}, 1.0),
        ({"n": 3}, 0.01),
        ({"n": 300}, 0.0),
        ({"n": {"$lt": 25}}, 0.25),
        ({"n": {"$gte": 40, "$lt": 50}}, 0.10),
        ({"$and": [{"n": {"$gt": 80}}, {"n": {"$gte": 90}}]}, 0.10),
        ({"n": {"$gt": 60, "$lt": 40}}, 0.0),
        ({"kind": "a"}, 0.5),
        ({"kind": {"$ne": "a"}}, 0.5),
        ({"kind": None}, 0.25),
        ({"kind": {"$exists": True}}, 0.75),
        ({"kind": {"$in": ["a", "b", "c"]}}, 0.75),
        ({"kind": {"$gte": "a", "$lte": "a"}}, 0.5),
        ({"tags": "t1"}, 0.25),
        ({"tags": {"$contains": "u1"}}, 0.2),
        ({"text": {"$contains": "word 2"}}, 0.10 + 0.05),  # 20 to 29, and half of the long ones
        ({"text": "x"}, 0.0),
        ({"none": 1}, 0.0),
        ({"none": {"$ne": 1}}, 1.0),
        ({"kind": "a", "tags": "t0"}, 0.5 * 0.25),
        ({"$or": [{"kind": "a"}, {"tags": "t0"}]}, 1 - 0.5 * 0.75),
        ({"tags": ["t0", "u0"]}, 0.5),  # lists are looked at
    ],
)
def test_estimates(filter: Any, expected: float) -> None:
    assert parse(filter).estimate(COLUMNS) == pytest.approx(expected)
    assert parse(filter).estimate(Columns.from_arrays(COLUMNS.arrays(), 100)) == pytest.approx(
        expected
    )


def test_columns_without_rows_have_an_estimate() -> None:
    filter = {"a": {"$ne": 1}, "b": {"$gt": 1, "$lt": 3}}
    assert 0 <= parse(filter).estimate(Columns.build([])) <= 1
