"""How values are ordered: numbers with numbers, exactly; strings by code points; moments."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

from abi.store.payload._moments import Moment, instant
from abi.store.payload._values import kind_of

__all__ = ["ORDER", "compare"]

ORDER: dict[str, Callable[[Any, Any], Any]] = {
    "$gt": operator.gt,
    "$gte": operator.ge,
    "$lt": operator.lt,
    "$lte": operator.le,
}


def compare(op: str, value: Any, operand: Any) -> bool:
    """Whether `value op operand`, of an operator that orders; False for other types."""
    kind = kind_of(value)
    if isinstance(operand, Moment):
        when = instant(value) if kind == "str" else None
        return when is not None and bool(ORDER[op](when, instant(operand)))
    if kind not in ("number", "str") or kind != kind_of(operand):
        return False
    return bool(ORDER[op](value, operand))
