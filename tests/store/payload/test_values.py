"""What paths lead to, when values are equal, and which texts are moments."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone, tzinfo
from typing import Any

import pytest

from abi.store.payload import values_at
from abi.store.payload._moments import instant
from abi.store.payload._values import key_of

HOUR = 3_600_000_000


def test_a_number_takes_an_element_and_also_goes_into_every_object() -> None:
    assert list(values_at({"a": [{"0": 1}, {"0": 2}]}, ("a", "0"))) == [{"0": 1}, 1, 2]
    assert list(values_at({"a": {"0": 3}}, ("a", "0"))) == [3]
    assert list(values_at({"a": [5]}, ("a", "1"))) == []
    assert list(values_at({"a": [5]}, ("a", "²"))) == []
    assert list(values_at({"a": [5]}, ("a", "9" * 40))) == []


def test_what_is_reached_in_two_ways_does_not_double_at_every_step() -> None:
    value: Any = {"0": 1}
    for _ in range(14):
        value = {"0": [value]}
    assert len(list(values_at({"a": [value]}, ("a", *"0" * 20)))) < 20


@pytest.mark.parametrize(
    ("a", "b", "equal"),
    [
        (1, 1.0, True),
        (1, True, False),
        (0, False, False),
        (2**53 + 1, float(2**53), False),
        (0.0, -0.0, True),
        ([1, [2]], [1.0, [2]], True),
        ([1], [True], False),
        ({"a": 1, "b": [None]}, {"b": [None], "a": 1.0}, True),
        ({"a": 0}, {"a": False}, False),
        ("1", 1, False),
        ([], {}, False),
        (None, False, False),
    ],
)
def test_keys_are_equal_if_values_and_types_are(a: Any, b: Any, equal: bool) -> None:
    assert (key_of(a) == key_of(b)) is equal
    assert (len({key_of(a), key_of(b)}) == 1) is equal


class Nowhere(tzinfo):
    """A zone that does not know its offset."""

    def utcoffset(self, when: datetime | None) -> timedelta | None:
        return None

    def dst(self, when: datetime | None) -> timedelta | None:
        return None

    def tzname(self, when: datetime | None) -> str | None:
        return None


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("1970-01-01", 0),
        ("1970-01-01T01:00", HOUR),
        ("1970-01-01 01:00:00.000001", HOUR + 1),
        ("1970-01-01T01:00:00Z", HOUR),
        ("1970-01-01t01:00:00z", HOUR),
        ("1970-01-01T01:00:00+02:00", -HOUR),
        ("1969-12-31T23:00:00-01:00", 0),
        ("0001-01-01T00:00:00+01:00", -62_135_596_800_000_000 - HOUR),
        (date(1970, 1, 2), 24 * HOUR),
        (datetime(1970, 1, 1, 1), HOUR),
        (datetime(1970, 1, 1, 1, tzinfo=UTC), HOUR),
        (datetime(1970, 1, 1, 1, tzinfo=timezone(timedelta(hours=1))), 0),
        (datetime(1970, 1, 1, 1, tzinfo=Nowhere()), HOUR),
        ("", None),
        ("1970", None),
        ("1970-13-01", None),
        ("19700101", None),
        ("1970-W01-1", None),
        ("1970-01-01T24:00", None),
        ("1970-01-01T01", None),
        ("1970-01-01T01:00:00 and more", None),
        ("x1970-01-01", None),
        ("1970-01-01\n", None),
    ],
)
def test_moments(value: Any, expected: int | None) -> None:
    assert instant(value) == expected
