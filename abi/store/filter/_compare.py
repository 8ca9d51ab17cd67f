"""How values compare: types never mix, numbers exactly, moments as such."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

__all__ = ["ORDER", "Moment", "compare", "instant", "kind_of", "same"]

ORDER: dict[str, Callable[[Any, Any], bool]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}

Moment = datetime | date

_DATE = re.compile(r"\d{4}-\d\d-\d\d([T ]([01]\d|2[0-3]):\d\d.*)?", re.ASCII)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def kind_of(value: object) -> str:
    """The type as far as comparing goes: number, str, bool, null, list, dict or moment."""
    if isinstance(value, Moment):
        return "moment"
    if value is None:
        return "null"
    name = type(value).__name__
    return "number" if name in ("int", "float") else name


def same(a: Any, b: Any) -> bool:
    """Whether two JSON values are equal, and of the same types all the way down."""
    kind = kind_of(a)
    if kind != kind_of(b):
        return False
    if kind == "list":
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if kind == "dict":
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return bool(a == b)


def compare(op: str, value: Any, operand: Any) -> bool:
    """Whether `value op operand` for `$eq` and those that order."""
    if isinstance(operand, Moment):
        when = instant(value) if type(value) is str else None
        if when is None:
            return False
        wanted = instant(operand)
        return when == wanted if op == "$eq" else ORDER[op](when, wanted)
    if op == "$eq":
        return same(value, operand)
    kind = kind_of(value)
    return kind in ("number", "str") and kind == kind_of(operand) and ORDER[op](value, operand)


def instant(value: str | Moment) -> int | None:
    """Microseconds since 1970 of a moment, or of text that is one; None of other text.

    Examples
    --------
    >>> instant("1970-01-01T00:00:01Z"), instant("1970-01-02"), instant("tomorrow")
    (1000000, 86400000000, None)
    """
    if isinstance(value, str):
        if not _DATE.fullmatch(value):
            return None
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        value = datetime(value.year, value.month, value.day)
    try:
        aware = value if value.tzinfo else value.replace(tzinfo=UTC)
        return (aware - _EPOCH) // _MICROSECOND
    except OverflowError:  # a zone that leads out of the years there are
        return None
