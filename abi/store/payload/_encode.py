"""Payloads as bytes: compact JSON, and nothing that JSON would not give back as it was."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from itertools import chain
from typing import Any

from abi.errors import FormatError, InputError

__all__ = ["MAX_DEPTH", "decode", "decode_all", "encode", "encode_all", "is_number"]

MAX_DEPTH = 32

_BETWEEN = 7736451230984512  # a number that few payloads hold
_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(payload: object, where: str, limit: int = 1 << 20) -> bytes:
    """A payload as UTF-8.

    Parameters
    ----------
    payload : dict
        Of strings, integers of as many digits as Python reads (4,300), finite floats, booleans,
        None, lists and dicts with string keys.
    where : str
        Name for messages.
    limit : int
        Most bytes.

    Raises
    ------
    InputError
        If something in it is none of these, or it is too large or too deep; with its path.

    Examples
    --------
    >>> encode({"a": [1, "é"]}, "payload").decode()
    '{"a":[1,"é"]}'
    """
    if type(payload) is not dict:
        raise InputError(f"{where}: got {type(payload).__name__}; expected a dict")
    try:
        text = _ENCODER.encode(payload)
        data = text.encode()
        # What JSON turns into something else, a tuple or a key that is a number, is not equal.
        same = json.loads(text) == payload
    except (TypeError, ValueError, RecursionError):
        same, data = False, b""
    if not same or _brackets(data) > MAX_DEPTH:
        _check(payload, where, 1)
    if not same:
        raise InputError(f"{where}: JSON would not give it back as it is; give plain values")
    if len(data) > limit:
        raise InputError(f"{where}: {len(data)} bytes; expected at most {limit}")
    return data


def encode_all(payloads: Sequence[object], where: str, limit: int = 1 << 20) -> list[bytes]:
    """Many payloads, as `encode` does each; empty where one is None.

    All of them are one piece of JSON for its encoder, which is much faster.
    """
    there: list[Any] = [payload for payload in payloads if payload is not None]
    found = _encode_dicts(there, limit) if set(map(type, there)) == {dict} else None
    if found is not None:
        each = iter(found)
        return [b"" if payload is None else next(each) for payload in payloads]
    return [
        b"" if payload is None else encode(payload, f"{where}[{i}]", limit)
        for i, payload in enumerate(payloads)
    ]


def _encode_dicts(payloads: list[dict[Any, Any]], limit: int) -> list[bytes] | None:
    """Each as JSON; None where not all can be seen at once to be payloads."""
    mixed: list[object] = [_BETWEEN] * (2 * len(payloads) - 1)
    mixed[::2] = payloads
    try:
        text = _ENCODER.encode(mixed)
        same = _are_plain(payloads) or json.loads(text) == mixed
        data = text.encode()
    except (TypeError, ValueError, RecursionError):
        return None
    found = data[1:-1].split(b",%d," % _BETWEEN)
    # As many parts as payloads: it parted nothing that it was not between.
    fits = same and len(found) == len(payloads) and max(map(len, found)) <= limit
    return found if fits and _are_flat(data, found) else None


def decode(data: bytes) -> dict[str, Any]:
    """The payload that `encode` made bytes of.

    Raises
    ------
    FormatError
        If it did not.
    """
    try:
        found = _DECODER.decode(data.decode())
        if type(found) is dict:
            if _brackets(data) > MAX_DEPTH or b"\\ud" in data or b"\\uD" in data:
                _check(found, "payload", 1)
            return found
    except (ValueError, RecursionError):
        pass
    raise FormatError(f"{data[:20]!r} is no payload")


def decode_all(items: Sequence[bytes]) -> list[dict[str, Any]]:
    """Many payloads; an empty one where the bytes are.

    Raises
    ------
    FormatError
        As `decode` does.
    """
    there = [item for item in items if item]
    data = b"[%b]" % b",".join(there)
    if _are_flat(data, there):
        with suppress(ValueError, RecursionError):
            found = _DECODER.decode(data.decode())
            plain = b"\\ud" not in data and b"\\uD" not in data
            if plain and len(found) == len(there) and set(map(type, found)) <= {dict}:
                each = iter(found)
                return [next(each) if item else {} for item in items]
    return [decode(item) if item else {} for item in items]


def is_number(value: int | float) -> bool:
    """Whether a number can be in a payload.

    Examples
    --------
    >>> is_number(10**30), is_number(10**5000), is_number(float("nan"))
    (True, False, False)
    """
    if isinstance(value, float):
        return math.isfinite(value)
    try:
        return bool(str(value))
    except ValueError:  # more digits than Python writes or reads
        return False


def _are_plain(payloads: Sequence[Mapping[object, object]]) -> bool:
    """Whether they have strings as keys and scalars as values, which JSON keeps as they are."""
    keys = set(map(type, chain.from_iterable(payloads)))
    kinds = set(map(type, chain.from_iterable(payload.values() for payload in payloads)))
    return keys <= {str} and kinds <= {str, int, float, bool, type(None)}


def _are_flat(data: bytes, items: Sequence[bytes]) -> bool:
    """Whether none of the items in some JSON is too deep: each has one bracket at least."""
    if _brackets(data) <= len(items) + MAX_DEPTH:
        return True
    return max(map(_brackets, items)) <= MAX_DEPTH


def _brackets(data: bytes) -> int:
    """At least how deep it is nested."""
    return data.count(b"[") + data.count(b"{")


def _refuse(name: str) -> None:
    raise ValueError(name)


_DECODER = json.JSONDecoder(parse_constant=_refuse)  # NaN and Infinity


def _check(value: object, where: str, depth: int) -> None:
    """Raise for the first thing that cannot be kept."""
    if depth > MAX_DEPTH:
        raise InputError(f"{where}: nested more than {MAX_DEPTH} deep")
    if isinstance(value, dict):
        for key, item in value.items():
            if not isinstance(key, str):
                message = f"{where}: a key is {type(key).__name__}; expected strings, as str(key)"
                raise InputError(message)
            _check_text(key, where)
            _check(item, f"{where}.{key}", depth + 1)
    elif isinstance(value, list):
        for i, item in enumerate(value):
            _check(item, f"{where}[{i}]", depth + 1)
    elif isinstance(value, str):
        _check_text(value, where)
    elif isinstance(value, float):
        if not is_number(value):
            raise InputError(f"{where}: {value}; JSON has finite numbers, or None")
    elif isinstance(value, int):
        if not is_number(value):
            # More than Python reads, and than it writes in a message.
            raise InputError(f"{where}: an integer of too many digits; give it as a string")
    elif value is not None:
        kind = type(value).__name__
        cures = {"tuple": "a list", "set": "a list", "datetime": "value.isoformat()"}
        cure = cures.get(kind, "str, int, float, bool, None, list or dict")
        raise InputError(f"{where}: got {kind}; expected {cure}")


def _check_text(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{where}: {text[:20]!r} has a lone surrogate") from None
