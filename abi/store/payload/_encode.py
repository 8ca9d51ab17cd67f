"""Payloads as bytes: compact JSON, and nothing that JSON would not give back as it was."""

from __future__ import annotations

import json
import math
from typing import Any

from abi.errors import FormatError, InputError

__all__ = ["MAX_DEPTH", "decode", "encode"]

MAX_DEPTH = 32

_ENCODER = json.JSONEncoder(ensure_ascii=False, allow_nan=False, separators=(",", ":"))


def encode(payload: object, where: str, limit: int = 1 << 20) -> bytes:
    """A payload as UTF-8.

    Parameters
    ----------
    payload : dict
        Of strings, integers, finite floats, booleans, None, lists and dicts with string keys.
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
    if not same or data.count(b"[") + data.count(b"{") > MAX_DEPTH:
        _check(payload, where, 1)
    if not data:
        raise InputError(f"{where}: something in it is nothing that JSON keeps")
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
        found = json.loads(data)
    except (ValueError, RecursionError):
        found = None
    if type(found) is not dict:
        raise FormatError(f"{data[:20]!r} is no payload")
    return found


def _check(value: object, where: str, depth: int) -> None:
    """Raise for the first thing that cannot be kept."""
    if depth > MAX_DEPTH:
        raise InputError(f"{where}: nested more than {MAX_DEPTH} deep")
    kind = type(value)
    if kind is dict:
        assert isinstance(value, dict)
        for key, item in value.items():
            if type(key) is not str:
                message = f"{where}: a key is {type(key).__name__}; expected strings, as str(key)"
                raise InputError(message)
            _check_text(key, where)
            _check(item, f"{where}.{key}", depth + 1)
    elif kind is list:
        assert isinstance(value, list)
        for i, item in enumerate(value):
            _check(item, f"{where}[{i}]", depth + 1)
    elif kind is str:
        _check_text(str(value), where)
    elif kind is float:
        assert isinstance(value, float)
        if not math.isfinite(value):
            raise InputError(f"{where}: {value}; JSON has finite numbers, or None")
    elif kind is int:
        _check_integer(value, where)
    elif kind not in (bool, type(None)):
        cures = {"tuple": "a list", "set": "a list", "datetime": "value.isoformat()"}
        cure = cures.get(kind.__name__, "str, int, float, bool, None, list or dict")
        raise InputError(f"{where}: got {kind.__name__}; expected {cure}")


def _check_integer(value: object, where: str) -> None:
    try:
        str(value)
    except ValueError:  # more digits than Python reads
        raise InputError(f"{where}: an integer of too many digits; give it as a string") from None


def _check_text(text: str, where: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{where}: {text[:20]!r} has a lone surrogate") from None
