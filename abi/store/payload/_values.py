"""What a path leads to in a payload, and when values are equal: types never mix."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from abi.store.payload._moments import Moment, instant

__all__ = ["Key", "Value", "is_index", "key_of", "keys_of", "kind_of", "values_at"]

Value = str | int | float | bool | None | list[Any] | dict[str, Any]
Key = tuple[str, Any]  # the kind, so that True is not 1, and the value

_KINDS = {
    int: "number",
    float: "number",
    str: "str",
    bool: "bool",
    type(None): "null",
    list: "list",
    dict: "dict",
}


def kind_of(value: object) -> str:
    """The type as far as comparing goes: number, str, bool, null, list, dict or moment."""
    kind = _KINDS.get(type(value))
    if kind is None:
        return "moment" if isinstance(value, Moment) else type(value).__name__
    return kind


def key_of(value: Any) -> Key:
    """What is hashable, and equal for values that are equal and of the same types throughout."""
    kind = kind_of(value)
    if kind == "list":
        return kind, tuple(map(key_of, value))
    if kind == "dict":
        return kind, frozenset((key, key_of(item)) for key, item in value.items())
    return kind, instant(value) if kind == "moment" else value


def keys_of(payload: Mapping[str, Any], path: tuple[str, ...]) -> set[Key]:
    """The distinct scalars that a path leads to, elements of lists among them; no nulls."""
    found: set[Key] = set()
    for value in values_at(payload, path):
        for item in value if type(value) is list else [value]:
            kind = kind_of(item)
            if kind in ("number", "str", "bool"):
                found.add((kind, item))
    return found


def values_at(payload: object, path: tuple[str, ...]) -> Iterator[Value]:
    """The values that a path leads to: none, one, or several where a list is on the way.

    A step that is a number also takes that element of a list.

    Examples
    --------
    >>> list(values_at({"a": [{"b": 1}, {"b": [2]}, 3]}, ("a", "b")))
    [1, [2]]
    >>> list(values_at({"a": [5, 6]}, ("a", "1")))
    [6]
    """
    found: list[Any] = [payload]
    for step in path:
        found = list(_steps(found, step))
        if len(found) > 1:
            # An element that is reached both by its number and as one of all would double what
            # is found at every step.
            found = list({id(value): value for value in found}.values())
    return iter(found)


def is_index(step: str) -> bool:
    """Whether a step of a path may take an element of a list."""
    return step.isdecimal() and step.isascii() and len(step) < 10


def _steps(values: list[Any], step: str) -> Iterator[Any]:
    for value in values:
        if type(value) is dict:
            if step in value:
                yield value[step]
        elif type(value) is list:
            if is_index(step) and int(step) < len(value):
                yield value[int(step)]
            for item in value:
                if type(item) is dict and step in item:
                    yield item[step]
