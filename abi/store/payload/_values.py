"""What a path leads to in a payload."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

__all__ = ["Value", "values_at"]

Value = str | int | float | bool | None | list[Any] | dict[str, Any]


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
    return iter(found)


def _steps(values: list[Any], step: str) -> Iterator[Any]:
    for value in values:
        if type(value) is dict:
            if step in value:
                yield value[step]
        elif type(value) is list:
            if step.isdecimal() and step.isascii() and len(step) < 10 and int(step) < len(value):
                yield value[int(step)]
            for item in value:
                if type(item) is dict and step in item:
                    yield item[step]
