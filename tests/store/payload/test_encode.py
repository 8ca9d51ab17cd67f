"""Payloads as bytes: what JSON keeps comes back as it was, all else is refused with its path."""

from __future__ import annotations

import datetime
import signal
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.errors import FormatError, InputError
from abi.store.payload import MAX_DEPTH, decode, decode_all, encode, encode_all

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXT,
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.dictionaries(TEXT, VALUES, max_size=4))
def test_what_is_kept_comes_back(payload: dict[str, Any]) -> None:
    back = decode(encode(payload, "payload"))
    assert back == payload
    assert repr(back) == repr(payload)  # the types too


def deep(n: int) -> dict[str, Any]:
    value: dict[str, Any] = {}
    for _ in range(n - 1):
        value = {"a": value}
    return value


def test_depth_has_a_limit() -> None:
    assert decode(encode(deep(MAX_DEPTH), "p")) == deep(MAX_DEPTH)
    for n in (MAX_DEPTH + 1, 100_000):
        with pytest.raises(InputError, match="nested more than 32 deep"):
            encode(deep(n), "p")
    assert encode({"a": [[]] * 40}, "p")  # wide is not deep


@pytest.mark.parametrize(
    ("payload", "message"),
    [
        ([1], "p: got list; expected a dict"),
        (None, "p: got NoneType; expected a dict"),
        ({"a": {1, 2}}, "p.a: got set; expected a list"),
        ({"a": {"b": [0, (1, 2)]}}, r"p.a.b\[1\]: got tuple; expected a list"),
        ({1: 2}, r"p: a key is int; expected strings, as str\(key\)"),
        ({"a": {None: 2}}, "p.a: a key is NoneType"),
        ({"a": float("nan")}, "p.a: nan; JSON has finite numbers, or None"),
        ({"a": [float("inf")]}, r"p.a\[0\]: inf; JSON has"),
        ({"a": b"x"}, "p.a: got bytes; expected str, int, float, bool, None, list or dict"),
        ({"a": np.float32(1)}, "p.a: got float32"),
        ({"a": datetime.datetime(2020, 1, 1)}, r"p.a: got datetime; expected value.isoformat\(\)"),
        ({"a": "\ud800"}, "p.a: '\\\\ud800' has a lone surrogate"),
        ({"\udfff": 1}, "p: '\\\\udfff' has a lone surrogate"),
    ],
)
def test_what_json_has_not_is_refused(payload: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        encode(payload, "p")


def test_a_payload_that_holds_itself_is_refused() -> None:
    loop: dict[str, Any] = {}
    loop["a"] = loop
    with pytest.raises(InputError, match="nested more than 32 deep"):
        encode(loop, "p")


def test_an_integer_of_too_many_digits_is_refused() -> None:
    assert decode(encode({"a": 10**4000}, "p")) == {"a": 10**4000}
    with pytest.raises(InputError, match=r"p.a\[1\]: an integer of too many digits"):
        encode({"a": [0, 10**5000]}, "p")


def test_numbers_that_are_subclasses_are_kept_however_many_brackets_there_are() -> None:
    for wide in ([], [[]] * 40):
        payload = {"a": np.float64(1.5), "b": signal.SIGINT, "c": wide}
        assert decode(encode(payload, "p")) == {"a": 1.5, "b": 2, "c": wide}


def test_size_has_a_limit() -> None:
    assert len(encode({"a": "x" * 92}, "p", 100)) == 100
    with pytest.raises(InputError, match=r"payloads\[3\]: 101 bytes; expected at most 100"):
        encode({"a": "x" * 93}, "payloads[3]", 100)


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{",
        b"\xff",
        b"[" * 100_000,
        b'"a"',
        b'{"a":NaN}',
        b'{"a":-Infinity}',
        b'{"a":"\\ud800"}',
        b'{"a":"\\uDfff"}',
        b'{"a":' * 700 + b"1" + b"}" * 700,
        '{"a":1}'.encode("utf-16"),
    ],
)
def test_bytes_that_are_no_payload_are_refused(data: bytes) -> None:
    with pytest.raises(FormatError):
        decode(data)


ODD = st.sampled_from(
    [
        None,
        [1],
        {1: 2},
        {"a": (1, 2)},
        {"a": float("nan")},
        {"a": "\ud800"},
        {"a": 7736451230984512},
        {"a": [1, 7736451230984512, 2]},
        {"a": ",7736451230984512,"},
        {"a": "x" * 200},
        {"a": np.float64(1.5)},
        {"a": {2}},
        deep(MAX_DEPTH),
        deep(MAX_DEPTH + 1),
        {"a": [[]] * 40},
    ]
)
PAYLOADS = st.lists(ODD | st.dictionaries(TEXT, VALUES, max_size=3), max_size=6)


@settings(max_examples=400, deadline=None, derandomize=True)
@given(PAYLOADS)
def test_many_at_once_are_as_each_alone(payloads: list[Any]) -> None:
    def kept(make: Callable[[], list[bytes]]) -> list[bytes] | str:
        try:
            return make()
        except InputError as error:
            return str(error)

    def alone() -> list[bytes]:
        numbered = enumerate(payloads)
        return [b"" if one is None else encode(one, f"p[{i}]", 150) for i, one in numbered]

    found = kept(lambda: encode_all(payloads, "p", 150))
    assert found == kept(alone)
    if isinstance(found, list):
        assert repr(decode_all(found)) == repr([decode(one) if one else {} for one in found])


@pytest.mark.parametrize("data", [b"[]", b"{", b"\xff", b'{"a":NaN}', b'{"a":"\\ud800"}', b"1,2"])
def test_one_that_is_no_payload_is_refused_among_many(data: bytes) -> None:
    for items in ([data], [b'{"a":1}', data, b""], [data, data]):
        with pytest.raises(FormatError):
            decode_all(items)
