"""What a filter is made of. Each judges one payload, which says what is right, or columns."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from abi.store.filter._compare import compare, same
from abi.store.filter._mask import leaf_mask
from abi.store.payload import Columns, values_at

__all__ = ["And", "Filter", "Leaf", "Not", "Or"]

Bool = npt.NDArray[np.bool_]
PayloadAt = Callable[[int], Mapping[str, Any]]


class Filter(Protocol):
    """A condition on payloads."""

    def matches(self, payload: Mapping[str, Any]) -> bool:
        """Whether one payload matches."""

    def mask(self, columns: Columns, payload_at: PayloadAt) -> Bool:
        """Which rows match, `(n,)`; `payload_at(row)` is asked for what no column has."""


@dataclass(frozen=True)
class Leaf:
    """One operator on one path."""

    path: tuple[str, ...]
    op: str
    operand: Any

    def matches(self, payload: Mapping[str, Any]) -> bool:
        values = list(values_at(payload, self.path))
        if self.op == "$exists":
            return bool(values) is self.operand
        if self.op == "$contains":
            return any(_contains(value, self.operand) for value in values)
        if self.op == "$in":
            return any(self._equal(values, operand) for operand in self.operand)
        if self.op == "$eq":
            return self._equal(values, self.operand)
        return any(compare(self.op, value, self.operand) for value in _with_elements(values))

    def mask(self, columns: Columns, payload_at: PayloadAt) -> Bool:
        return leaf_mask(self, columns, payload_at)

    def __str__(self) -> str:
        return f"{'.'.join(self.path)} {self.op} {self.operand!r}"

    @staticmethod
    def _equal(values: list[Any], operand: Any) -> bool:
        if operand is None and not values:
            return True
        return any(compare("$eq", value, operand) for value in _with_elements(values))


@dataclass(frozen=True)
class And:
    """All of some conditions; of none, always."""

    parts: tuple[Filter, ...]

    def matches(self, payload: Mapping[str, Any]) -> bool:
        return all(part.matches(payload) for part in self.parts)

    def mask(self, columns: Columns, payload_at: PayloadAt) -> Bool:
        found = np.ones(columns.n, np.bool_)
        for part in self.parts:
            found &= part.mask(columns, payload_at)
        return found

    def __str__(self) -> str:
        return " and ".join(map(str, self.parts)) or "everything"


@dataclass(frozen=True)
class Or:
    """Any of some conditions."""

    parts: tuple[Filter, ...]

    def matches(self, payload: Mapping[str, Any]) -> bool:
        return any(part.matches(payload) for part in self.parts)

    def mask(self, columns: Columns, payload_at: PayloadAt) -> Bool:
        found = np.zeros(columns.n, np.bool_)
        for part in self.parts:
            found |= part.mask(columns, payload_at)
        return found

    def __str__(self) -> str:
        return "(" + " or ".join(map(str, self.parts)) + ")"


@dataclass(frozen=True)
class Not:
    """The opposite of a condition."""

    part: Filter

    def matches(self, payload: Mapping[str, Any]) -> bool:
        return not self.part.matches(payload)

    def mask(self, columns: Columns, payload_at: PayloadAt) -> Bool:
        return ~self.part.mask(columns, payload_at)

    def __str__(self) -> str:
        return f"not ({self.part})"


def _with_elements(values: list[Any]) -> Iterator[Any]:
    for value in values:
        yield value
        if type(value) is list:
            yield from value


def _contains(value: Any, operand: Any) -> bool:
    if type(value) is list:
        return any(same(item, operand) for item in value)
    return type(value) is str and type(operand) is str and operand in value
