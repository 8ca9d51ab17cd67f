"""What a schema comes to: a union of shapes, each of one JSON type, that can be intersected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from abi.grammar._numbers import Bound
from abi.grammar._regular import Term, Terms
from abi.grammar._schema_document import ANYTHING, NOTHING, Goal, Path

__all__ = [
    "Array", "Number", "Object", "Shape", "String", "Values", "decimal", "identity", "intersect",
]  # fmt: skip


@dataclass(frozen=True)
class Values:
    """Some JSON values, by identity."""

    by_identity: tuple[tuple[object, Any], ...]

    def __hash__(self) -> int:
        return hash(tuple(key for key, _ in self.by_identity))

    def __eq__(self, other: object) -> bool:
        mine = [key for key, _ in self.by_identity]
        return isinstance(other, Values) and mine == [key for key, _ in other.by_identity]


@dataclass(frozen=True)
class Number:
    """Numbers between two bounds."""

    integer: bool = False
    low: Bound | None = None
    high: Bound | None = None
    multiples: frozenset[Decimal] = frozenset()


@dataclass(frozen=True)
class String:
    """Texts of a number of code points, in a regular language (None: all)."""

    low: int = 0
    high: int | None = None
    language: Term | None = None


@dataclass(frozen=True)
class Array:
    """Lists: the first items one by one, then any number of others."""

    first: tuple[Goal, ...] = ()
    rest: Goal = ANYTHING
    low: int = 0
    high: int | None = None
    unique: Path | None = None  # where it is asked for

    def item(self, index: int) -> Goal:
        return self.first[index] if index < len(self.first) else self.rest


@dataclass(frozen=True)
class Object:
    """Objects.

    Attributes
    ----------
    properties : tuple
        Names in the order in which they are written, with what their values have to be.
    required : frozenset of str
        Each of them among the properties.
    groups : tuple
        Languages of other names, disjoint, with what the values have to be; a name in none of
        them is not allowed.
    """

    properties: tuple[tuple[str, Goal], ...]
    required: frozenset[str]
    groups: tuple[tuple[Term, Goal], ...]
    low: int = 0
    high: int | None = None

    def value(self, terms: Terms, name: str) -> Goal:
        """What the value of a name has to be."""
        for known, goal in self.properties:
            if known == name:
                return goal
        found = [goal for language, goal in self.groups if terms.matches(language, name)]
        return found[0] if found else NOTHING


Shape = Values | Number | String | Array | Object


def decimal(number: float) -> Decimal:
    """The number that the JSON text says, not the binary one next to it."""
    return Decimal(number) if isinstance(number, int) else Decimal(repr(number))


def identity(value: Any) -> object:
    """Equal for values that are equal in JSON: 1 and 1.0 are, 1 and true are not."""
    if value is None or isinstance(value, bool):
        return ("constant", value)
    if isinstance(value, int | float):
        return ("number", decimal(value))
    if isinstance(value, str):
        return ("string", value)
    if isinstance(value, Mapping):
        return ("object", frozenset((key, identity(part)) for key, part in value.items()))
    return ("array", tuple(identity(part) for part in value))


def intersect(terms: Terms, a: Shape, b: Shape) -> Shape | None:
    """What both allow, or None where their types differ; values are filtered elsewhere."""
    if isinstance(a, Number) and isinstance(b, Number):
        return Number(
            a.integer or b.integer,
            _tighter(a.low, b.low, 1),
            _tighter(a.high, b.high, -1),
            a.multiples | b.multiples,
        )
    if isinstance(a, String) and isinstance(b, String):
        languages = [part.language for part in (a, b) if part.language is not None]
        language = terms.both(*languages) if languages else None
        return String(max(a.low, b.low), _least(a.high, b.high), language)
    if isinstance(a, Array) and isinstance(b, Array):
        n_first = max(len(a.first), len(b.first))
        return Array(
            tuple(a.item(i) | b.item(i) for i in range(n_first)),
            a.rest | b.rest,
            max(a.low, b.low),
            _least(a.high, b.high),
            a.unique or b.unique,
        )
    if isinstance(a, Object) and isinstance(b, Object):
        return _both_objects(terms, a, b)
    return None


def _both_objects(terms: Terms, a: Object, b: Object) -> Object:
    names = dict.fromkeys(name for part in (a, b) for name, _ in part.properties)
    groups = []
    for mine, my_goal in a.groups:
        for theirs, their_goal in b.groups:
            language = terms.both(mine, theirs)
            if language is not terms.none:
                groups.append((language, my_goal | their_goal))
    return replace(
        a,
        properties=tuple((name, a.value(terms, name) | b.value(terms, name)) for name in names),
        required=a.required | b.required,
        groups=tuple(groups),
        low=max(a.low, b.low),
        high=_least(a.high, b.high),
    )


def _least(a: int | None, b: int | None) -> int | None:
    return b if a is None else a if b is None else min(a, b)


def _tighter(a: Bound | None, b: Bound | None, sign: int) -> Bound | None:
    if a is None or b is None:
        return b if a is None else a
    return max(a, b, key=lambda bound: (sign * bound.value, bound.open))
