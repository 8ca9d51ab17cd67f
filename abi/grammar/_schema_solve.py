"""References, `allOf`, `anyOf` and `oneOf`: the shapes of a goal, and which can be met."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from functools import lru_cache
from typing import Any

from abi.grammar._dfa import Dfa
from abi.grammar._formats import FORMATS
from abi.grammar._numbers import Numbers
from abi.grammar._pattern import pattern_term
from abi.grammar._regular import Term, Terms
from abi.grammar._schema_counted import Lengths, lengths_always_fit
from abi.grammar._schema_document import Document, Goal, Path
from abi.grammar._schema_read import Reader
from abi.grammar._schema_shapes import (
    Array,
    Number,
    Object,
    Shape,
    String,
    Values,
    decimal,
    identity,
    intersect,
)

__all__ = ["Solver"]

_MAX_SHAPES = 400
_MAX_DEPTH = 60
_LOOK_INTO = 6  # how deep alternatives are compared to show that they exclude each other


class _CycleError(Exception):
    """A schema that is defined by itself alone."""


class Solver:
    """Shapes by goal."""

    def __init__(self, document: Document, terms: Terms) -> None:
        self.document, self.terms = document, terms
        self._reader, self._numbers = Reader(document, terms), Numbers(terms)
        self._by_goal: dict[Goal, tuple[Shape, ...]] = {}
        self._by_path: dict[Path, tuple[Shape, ...]] = {}
        self._dfas: dict[Term, Dfa] = {}
        self._lengths: dict[tuple[Term, int, int | None], Lengths | None] = {}
        self._voids: dict[tuple[Goal, int], bool] = {}
        self._active: list[Path] = []

    def shapes(self, goal: Goal) -> tuple[Shape, ...]:
        """The union that a goal comes to."""
        try:
            return self._shapes(goal)
        except _CycleError:
            path = min(goal)
            raise self.document.error(
                path, "it refers to itself without end", "let something stand between"
            ) from None

    def dfa(self, term: Term) -> Dfa:
        name = self._reader.formats.get(term)
        if name is not None:
            return _format_dfa(name)
        if term not in self._dfas:
            self._dfas[term] = Dfa(self.terms, term)
        return self._dfas[term]

    def number(self, shape: Number) -> Term:
        """The texts of a number that has bounds or is a multiple."""
        return self._numbers.between(shape.low, shape.high, shape.integer, shape.multiples)

    def language(self, shape: String) -> Term:
        """The texts of a string, its length written out."""
        terms = self.terms
        length = terms.repeat(terms.any_char, shape.low, shape.high)
        return terms.both(terms.all if shape.language is None else shape.language, length)

    def lengths(self, shape: String) -> Lengths | None:
        """Where the length of a string with a pattern has to be counted; None: nowhere."""
        assert shape.language is not None
        if not shape.low and shape.high is None:
            return None
        key = (shape.language, shape.low, shape.high)
        if key not in self._lengths:
            dfa = self.dfa(shape.language)
            always = lengths_always_fit(dfa, shape.low, shape.high)
            self._lengths[key] = None if always else Lengths(dfa, shape.low, shape.high)
        return self._lengths[key]

    def is_empty(self, shape: Shape) -> bool:
        """Whether nothing fits, as far as that shows without a look at parts."""
        if isinstance(shape, Values):
            return not shape.by_identity
        high = None if isinstance(shape, Number) else shape.high
        if high is not None and not isinstance(shape, Number) and high < shape.low:
            return True
        if isinstance(shape, Number):
            if shape in (Number(), Number(integer=True)):
                return False
            return self.dfa(self.number(shape)).is_empty
        if isinstance(shape, String) and shape.language is not None:
            lengths = self.lengths(shape)
            fits = lengths is None or lengths.reach(0, shape.low, shape.high)
            return self.dfa(shape.language).is_empty or not fits
        return False

    # -- inside --------------------------------------------------------------------------

    def _shapes(self, goal: Goal) -> tuple[Shape, ...]:
        if goal not in self._by_goal:
            found: Iterable[Shape] | None = None if goal else self._any()
            for path in sorted(goal):
                at = self._at(path)
                found = at if found is None else self._meet(path, found, at)
            self._by_goal[goal] = tuple(found or ())
        return self._by_goal[goal]

    def _any(self) -> tuple[Shape, ...]:
        return tuple(self._reader.shapes((), {}))

    def _at(self, path: Path) -> tuple[Shape, ...]:
        if path in self._by_path:
            return self._by_path[path]
        if path in self._active:
            raise _CycleError
        if len(self._active) > _MAX_DEPTH:
            raise self.document.error(
                path, f"references and allOf, anyOf, oneOf nest more than {_MAX_DEPTH} deep",
                "refer to the last one directly",
            )  # fmt: skip
        self._active.append(path)
        try:
            self._by_path[path] = tuple(self._solve(path))
        finally:
            self._active.pop()
        return self._by_path[path]

    def _solve(self, path: Path) -> Iterable[Shape]:
        schema = self.document.schema(path)
        if isinstance(schema, bool):
            return self._any() if schema else ()
        found = self._reader.shapes(path, schema)
        listed = self._reader.finite(path, schema)
        if listed is not None:
            found = self._meet(path, [listed], found)
        if "$ref" in schema:
            found = self._meet(path, found, self._at(self.document.resolve(path, schema["$ref"])))
        for place in self._places(path, schema, "allOf"):
            found = self._meet(place, found, self._at(place))
        for key in ("anyOf", "oneOf"):
            places = self._places(path, schema, key)
            if places:
                options = [self._meet(place, found, self._at(place)) for place in places]
                if key == "oneOf":
                    self._must_exclude(path, options)
                found = list(dict.fromkeys(shape for option in options for shape in option))
        return found

    def _places(self, path: Path, schema: Mapping[str, Any], key: str) -> list[Path]:
        listed = schema.get(key)
        if key in schema and (not isinstance(listed, list) or not listed):
            raise self.document.error((*path, key), "expected a list of schemas", "change it")
        return [(*path, key, str(i)) for i in range(len(listed or ()))]

    def _meet(self, path: Path, a: Iterable[Shape], b: Iterable[Shape]) -> list[Shape]:
        found: dict[Shape, None] = {}
        others = list(b)
        for mine in a:
            for theirs in others:
                both = self._both(mine, theirs)
                if both is not None and not self.is_empty(both):
                    found[both] = None
                if len(found) > _MAX_SHAPES:
                    raise self.document.error(
                        path, f"comes to more than {_MAX_SHAPES} alternatives", "simplify it"
                    )
        return list(found)

    def _both(self, a: Shape, b: Shape) -> Shape | None:
        if isinstance(b, Values):
            a, b = b, a
        if not isinstance(a, Values):
            return intersect(self.terms, a, b)
        if isinstance(b, Values):
            known = {key for key, _ in b.by_identity}
            return Values(tuple(pair for pair in a.by_identity if pair[0] in known))
        return Values(tuple(pair for pair in a.by_identity if self._admits(b, pair)))

    def _must_exclude(self, path: Path, options: list[list[Shape]]) -> None:
        """`oneOf` is a plain union where no value fits two of its schemas."""
        for i, option in enumerate(options):
            for j, other in enumerate(options[:i]):
                for a in option:
                    for b in other:
                        both = self._both(a, b)
                        if both is not None and not self._hopeless(both, _LOOK_INTO):
                            raise self.document.error(
                                (*path, "oneOf"),
                                f"schemas {j} and {i} may both fit one value",
                                "use anyOf, or tell them apart by type or a required const",
                            )

    def _hopeless(self, shape: Shape, depth: int) -> bool:
        """Whether nothing fits, parts looked into; False where that does not show."""
        if self.is_empty(shape):
            return True
        if not depth:
            return False
        goals: list[Goal] = []
        if isinstance(shape, Object):
            goals = [goal for name, goal in shape.properties if name in shape.required]
        elif isinstance(shape, Array):
            goals = [shape.item(i) for i in range(min(shape.low, len(shape.first) + 1))]
        return any(self._void(goal, depth - 1) for goal in goals)

    def _void(self, goal: Goal, depth: int) -> bool:
        key = (goal, depth)
        if key not in self._voids:
            try:
                shapes = self._shapes(goal)
            except _CycleError:
                return False
            self._voids[key] = all(self._hopeless(shape, depth) for shape in shapes)
        return self._voids[key]

    def _admits(self, shape: Shape, pair: tuple[object, Any]) -> bool:
        """Whether a value fits."""
        key, value = pair
        if isinstance(shape, Values):
            return any(key == other for other, _ in shape.by_identity)
        if isinstance(shape, Number):
            return not isinstance(value, bool) and _number_fits(shape, value)
        if isinstance(shape, String):
            return isinstance(value, str) and self._text_fits(shape, value)
        if isinstance(shape, Array):
            return isinstance(value, list) and self._list_fits(shape, value)
        return isinstance(value, Mapping) and self._object_fits(shape, value)

    def _fits(self, goal: Goal, value: Any) -> bool:
        return any(self._admits(shape, (identity(value), value)) for shape in self.shapes(goal))

    def _text_fits(self, shape: String, value: str) -> bool:
        if len(value) < shape.low or (shape.high is not None and len(value) > shape.high):
            return False
        return shape.language is None or self.terms.matches(shape.language, value)

    def _list_fits(self, shape: Array, value: list[Any]) -> bool:
        if len(value) < shape.low or (shape.high is not None and len(value) > shape.high):
            return False
        if shape.unique and len({identity(item) for item in value}) < len(value):
            return False
        return all(self._fits(shape.item(i), item) for i, item in enumerate(value))

    def _object_fits(self, shape: Object, value: Mapping[str, Any]) -> bool:
        if len(value) < shape.low or (shape.high is not None and len(value) > shape.high):
            return False
        if not shape.required <= value.keys():
            return False
        return all(self._fits(shape.value(self.terms, k), part) for k, part in value.items())


@lru_cache(maxsize=None)
def _format_dfa(name: str) -> Dfa:
    """The same for every schema, and some take a fifth of a second."""
    terms = Terms()
    return Dfa(terms, pattern_term(terms, FORMATS[name]))


def _number_fits(shape: Number, value: Any) -> bool:
    if not isinstance(value, int | float):
        return False
    exact = decimal(value)
    if shape.integer and exact != exact.to_integral_value():
        return False
    low, high = shape.low, shape.high
    if low is not None and (exact < low.value or (low.open and exact == low.value)):
        return False
    if high is not None and (exact > high.value or (high.open and exact == high.value)):
        return False
    return all(Fraction(exact) % Fraction(multiple) == 0 for multiple in shape.multiples)
