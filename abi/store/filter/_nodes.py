"""What a filter is made of. Each judges one payload, which says what is right, or columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from abi.store.filter._compare import compare
from abi.store.filter._mask import leaf_verdict
from abi.store.filter._verdict import Verdict
from abi.store.payload import Columns, Key, values_at
from abi.store.payload._moments import instant
from abi.store.payload._values import key_of, kind_of

__all__ = ["And", "Filter", "Leaf", "Not", "Or"]

Bool = npt.NDArray[np.bool_]
PayloadAt = Callable[[int], Mapping[str, Any]]

_SHOWN = 5  # operands of a list that are shown


class Filter(Protocol):
    """A condition on payloads. It can be hashed, and its text can be read."""

    def matches(self, payload: Mapping[str, Any]) -> bool:
        """Whether one payload matches."""

    def judge(self, columns: Columns) -> Verdict:
        """What columns alone say of their rows."""

    def mask(self, columns: Columns, payload_at: PayloadAt) -> Bool:
        """Which rows match, `(n,)`; `payload_at(row)` is asked where columns cannot tell."""
        verdict = self.judge(columns)
        if verdict.maybe is None:
            return verdict.yes
        found = verdict.yes.copy()
        for row in np.flatnonzero(verdict.maybe).tolist():
            found[row] = self.matches(payload_at(row))
        return found


@dataclass(frozen=True)
class Leaf(Filter):
    """One operator on one path."""

    path: tuple[str, ...]
    op: str
    operand: Any = field(compare=False)
    keys: frozenset[Key] = field(init=False, repr=False)  # the operand, or those of `$in`
    kinds: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        keys = frozenset(map(key_of, self.operand if self.op == "$in" else [self.operand]))
        object.__setattr__(self, "keys", keys)
        object.__setattr__(self, "kinds", frozenset(kind for kind, _ in keys))

    def matches(self, payload: Mapping[str, Any]) -> bool:
        values = list(values_at(payload, self.path))
        if self.op == "$exists":
            return bool(values) is self.operand
        if self.op == "$contains":
            return any(self._within(value) for value in values)
        if self.op in ("$eq", "$in"):
            if not values:
                return "null" in self.kinds
            return any(map(self._equal, _with_elements(values)))
        return any(compare(self.op, value, self.operand) for value in _with_elements(values))

    def judge(self, columns: Columns) -> Verdict:
        return leaf_verdict(self, columns)

    def __str__(self) -> str:
        return f"{'.'.join(self.path)} {self.op} {_shown(self.operand)}"

    def _equal(self, value: Any) -> bool:
        """Whether a value is an operand; as fast for many operands as for one."""
        kind = kind_of(value)
        if kind in self.kinds and key_of(value) in self.keys:
            return True
        dated = kind == "str" and "moment" in self.kinds
        return dated and ("moment", instant(value)) in self.keys

    def _within(self, value: Any) -> bool:
        if type(value) is list:
            return any(map(self._equal, value))
        return type(value) is str and "str" in self.kinds and self.operand in value


@dataclass(frozen=True)
class And(Filter):
    """All of some conditions; of none, always."""

    parts: tuple[Filter, ...]

    def matches(self, payload: Mapping[str, Any]) -> bool:
        return all(part.matches(payload) for part in self.parts)

    def judge(self, columns: Columns) -> Verdict:
        found = Verdict(np.ones(columns.n, np.bool_))
        for part in self.parts:
            found = found & part.judge(columns)
        return found

    def __str__(self) -> str:
        return " and ".join(map(str, self.parts)) or "everything"


@dataclass(frozen=True)
class Or(Filter):
    """Any of some conditions."""

    parts: tuple[Filter, ...]

    def matches(self, payload: Mapping[str, Any]) -> bool:
        return any(part.matches(payload) for part in self.parts)

    def judge(self, columns: Columns) -> Verdict:
        found = Verdict(np.zeros(columns.n, np.bool_))
        for part in self.parts:
            found = found | part.judge(columns)
        return found

    def __str__(self) -> str:
        return "(" + " or ".join(map(str, self.parts)) + ")"


@dataclass(frozen=True)
class Not(Filter):
    """The opposite of a condition."""

    part: Filter

    def matches(self, payload: Mapping[str, Any]) -> bool:
        return not self.part.matches(payload)

    def judge(self, columns: Columns) -> Verdict:
        return ~self.part.judge(columns)

    def __str__(self) -> str:
        return f"not ({self.part})"


def _with_elements(values: list[Any]) -> Iterator[Any]:
    for value in values:
        yield value
        if type(value) is list:
            yield from value


def _shown(operand: Any) -> str:
    kind = kind_of(operand)
    if kind == "moment":
        return str(operand.isoformat())
    if kind != "list":
        return repr(operand)
    more = f", ... {len(operand)} in all" if len(operand) > _SHOWN else ""
    return f"[{', '.join(map(_shown, operand[:_SHOWN]))}{more}]"
