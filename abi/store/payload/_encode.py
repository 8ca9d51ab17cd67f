"""Payloads as bytes: compact JSON, and nothing that JSON would not give back as it was."""

from __future__ import annotations

import json
import math
from typing import Any

from abi.errors import FormatError, InputError

__all__ = ["MAX_DEPTH", "decode", "encode", "is_number"]

MAX_DEPTH = 32

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
