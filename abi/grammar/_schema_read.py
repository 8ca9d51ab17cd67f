"""The keywords of one schema, as shapes."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from itertools import product
from typing import Any

from abi.errors import InputError
from abi.grammar._formats import FORMATS, FREE_FORMATS
from abi.grammar._numbers import DIGITS, Bound
from abi.grammar._pattern import pattern_term
from abi.grammar._regular import Term, Terms
from abi.grammar._schema_document import ANYTHING, NOTHING, Document, Goal, Path
from abi.grammar._schema_shapes import (
    Array,
    Number,
    Object,
    Shape,
    String,
    Values,
    decimal,
    identity,
)

__all__ = ["Reader"]

_TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
_MAX_COUNT = 1_000_000
_MAX_PATTERNS = 5
_NUMBERS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")

Schema = Mapping[str, Any]


class Reader:
    """Reads schemas of a document; patterns and formats are kept."""

    def __init__(self, document: Document, terms: Terms) -> None:
        self._document, self._terms = document, terms
        self._languages: dict[tuple[str, bool], Term] = {}
        self.formats: dict[Term, str] = {}  # those that were met, by their language

    def shapes(self, path: Path, schema: Schema) -> list[Shape]:
        """What the keywords beside `$ref`, `allOf`, `anyOf` and `oneOf` allow."""
        makers: dict[str, Callable[[Path, Schema], Shape]] = {
            "null": lambda path, schema: values([None]),
            "boolean": lambda path, schema: values([True, False]),
            "integer": lambda path, schema: self._number(path, schema, True),
            "number": lambda path, schema: self._number(path, schema, False),
            "string": self._string,
            "array": self._array,
            "object": self._object,
        }
        types = self._types(path, schema)
        return [makers[name](path, schema) for name in types]

    def finite(self, path: Path, schema: Schema) -> Values | None:
        """What `enum` and `const` list."""
        found: dict[object, Any] | None = None
        if "enum" in schema:
            if not isinstance(schema["enum"], list) or not schema["enum"]:
                raise self._wrong(path, "enum", schema["enum"], "a list of values")
            found = {}
            for value in schema["enum"]:
                found.setdefault(identity(value), value)
        if "const" in schema:
            one = {identity(schema["const"]): schema["const"]}
            found = one if found is None else {key: v for key, v in found.items() if key in one}
        return None if found is None else Values(tuple(found.items()))

    # -- keywords ------------------------------------------------------------------------

    def _wrong(self, path: Path, key: str, got: object, expected: str) -> InputError:
        text = repr(got)
        text = text if len(text) <= 60 else f"{text[:57]}..."
        return self._document.error((*path, key), f"got {text}, expected {expected}", "change it")

    def _types(self, path: Path, schema: Schema) -> list[str]:
        given = schema.get("type", [name for name in _TYPES if name != "integer"])
        names = [given] if isinstance(given, str) else given
        if not isinstance(names, list) or not names or any(name not in _TYPES for name in names):
            raise self._wrong(path, "type", given, f"one or more of {', '.join(_TYPES)}")
        return [name for name in dict.fromkeys(names) if name != "integer" or "number" not in names]

    def _count(self, path: Path, schema: Schema, key: str, default: int | None) -> int | None:
        value: Any = schema.get(key, default)
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        whole = isinstance(value, int) and not isinstance(value, bool)
        if whole and value > _MAX_COUNT and key[:3] == "max":
            return None  # nobody writes as much
        if value is not None and (not whole or not 0 <= value <= _MAX_COUNT):
            raise self._wrong(path, key, value, f"a whole number from 0 to {_MAX_COUNT}")
        if value is None and key in schema:
            raise self._wrong(path, key, value, "a whole number")
        return None if value is None else int(value)

    def _counts(self, path: Path, schema: Schema, what: str) -> tuple[int, int | None]:
        low = self._count(path, schema, f"min{what}", 0)
        return low or 0, self._count(path, schema, f"max{what}", None)

    def _number(self, path: Path, schema: Schema, integer: bool) -> Number:
        found: dict[str, Decimal] = {}
        for key in _NUMBERS:
            value = schema.get(key, 1)
            plain = isinstance(value, int | float) and not isinstance(value, bool)
            if not plain or (key == "multipleOf" and value <= 0):
                raise self._wrong(path, key, value, "a number" + " above 0" * (key == "multipleOf"))
            if key in schema:
                found[key] = decimal(value)
        lows = [_bound(found, k) for k in ("minimum", "exclusiveMinimum") if k in found]
        highs = [_bound(found, k) for k in ("maximum", "exclusiveMaximum") if k in found]
        multiples = frozenset({found["multipleOf"]} if "multipleOf" in found else ())
        return Number(
            integer,
            max(lows, key=lambda bound: (bound.value, bound.open), default=None),
            min(highs, key=lambda bound: (bound.value, not bound.open), default=None),
            multiples,
        )

    def _string(self, path: Path, schema: Schema) -> String:
        low, high = self._counts(path, schema, "Length")
        languages = []
        if "pattern" in schema:
            languages.append(self.language((*path, "pattern"), schema["pattern"]))
        if "format" in schema:
            name = schema["format"]
            if isinstance(name, str) and name in FREE_FORMATS:
                return String(low, high, languages[0] if languages else None)
            if not isinstance(name, str) or name not in FORMATS:
                raise self._document.error(
                    (*path, "format"), f"{name!r} is not supported",
                    f"remove it or use one of {', '.join(sorted(FORMATS))}",
                )  # fmt: skip
            language = self.language((*path, "format"), FORMATS[name])
            self.formats[language] = name
            languages.append(language)
        return String(low, high, self._terms.both(*languages) if languages else None)

    def language(self, path: Path, pattern: object, *, wide: bool = False) -> Term:
        """The texts in which a pattern is found, as `pattern_term` has them."""
        if not isinstance(pattern, str):
            raise self._wrong(path[:-1], path[-1], pattern, "a regular expression")
        if (pattern, wide) not in self._languages:
            try:
                term = pattern_term(self._terms, pattern, wide=wide)
                self._languages[pattern, wide] = term
            except InputError as error:
                raise self._document.error(
                    path, f"{pattern[:60]!r}: {error}", "write it as a plain regular expression"
                ) from None
        return self._languages[pattern, wide]

    def _array(self, path: Path, schema: Schema) -> Array:
        low, high = self._counts(path, schema, "Items")
        listed = "items" if isinstance(schema.get("items"), list) else "prefixItems"
        self._document.check_listed(path, listed in schema, listed)
        first = schema.get(listed, [])
        if not isinstance(first, list) or (listed == "items" and "prefixItems" in schema):
            raise self._wrong(path, listed, first, "a list of schemas, or one schema as items")
        other = "additionalItems" if listed == "items" else "items"
        if "additionalItems" in schema and listed != "items":
            raise self._document.error(
                (*path, "additionalItems"), "it means nothing unless items is a list", "remove it"
            )
        rest = frozenset({(*path, other)}) if other in schema else ANYTHING
        unique = schema.get("uniqueItems", False)
        if not isinstance(unique, bool):
            raise self._wrong(path, "uniqueItems", unique, "true or false")
        goals = tuple(frozenset({(*path, listed, str(i))}) for i in range(len(first)))
        return Array(goals, rest, low, high, (*path, "uniqueItems") if unique else None)

    def _object(self, path: Path, schema: Schema) -> Object:
        low, high = self._counts(path, schema, "Properties")
        required = schema.get("required", [])
        if not isinstance(required, list) or any(not isinstance(name, str) for name in required):
            raise self._wrong(path, "required", required, "a list of names")
        given = self._mapping(path, schema, "properties")
        groups = self._groups(path, schema)
        others = Object((), frozenset(), tuple(groups))
        names = [*given, *(name for name in dict.fromkeys(required) if name not in given)]
        matched = self._mapping(path, schema, "patternProperties")
        properties = []
        for name in names:
            goal = others.value(self._terms, name)
            if name in given:
                goal = frozenset({(*path, "properties", name)})
                for pattern in matched:
                    where = (*path, "patternProperties", pattern)
                    if self._terms.matches(self.language(where, pattern, wide=True), name):
                        goal |= {where}
                if not self._allowed_name(path, schema, name):
                    goal = NOTHING
            properties.append((name, goal))
        return Object(tuple(properties), frozenset(required), tuple(groups), low, high)

    def _mapping(self, path: Path, schema: Schema, key: str) -> Mapping[str, Any]:
        value = schema.get(key, {})
        if not isinstance(value, Mapping):
            raise self._wrong(path, key, value, "an object of schemas")
        return value

    def _groups(self, path: Path, schema: Schema) -> list[tuple[Term, Goal]]:
        """Names by which of the patterns they match, and what their values have to be."""
        patterns = self._mapping(path, schema, "patternProperties")
        if len(patterns) > _MAX_PATTERNS:
            raise self._wrong(
                path, "patternProperties", list(patterns), f"at most {_MAX_PATTERNS} patterns"
            )
        terms, key = self._terms, "additionalProperties"
        extra: Goal = frozenset({(*path, key)}) if key in schema else ANYTHING
        places = [(*path, "patternProperties", pattern) for pattern in patterns]
        found = []
        for chosen in product((True, False), repeat=len(places)):
            language = self._names(path, schema)
            goal: Goal = frozenset(place for place, yes in zip(places, chosen, strict=True) if yes)
            for place, yes in zip(places, chosen, strict=True):
                term = self.language(place, place[-1], wide=not yes)
                language = terms.both(language, term if yes else terms.complement(term))
            if language is not terms.none:
                found.append((language, goal or extra))
        return found

    def _names(self, path: Path, schema: Schema) -> Term:
        """The language of `propertyNames`."""
        terms, where = self._terms, (*path, "propertyNames")
        if "propertyNames" not in schema:
            return terms.all
        names = self._document.schema(where)
        if isinstance(names, bool):
            return terms.all if names else terms.none
        beyond = set(names) & {"$ref", "allOf", "anyOf", "oneOf"}
        if beyond or names.get("type", "string") != "string":
            raise self._document.error(
                where, "only strings with pattern, format, lengths, enum and const are supported",
                "write it with those",
            )  # fmt: skip
        string = self._string(where, names)
        language = string.language if string.language is not None else terms.all
        if string.low or string.high is not None:
            length = terms.repeat(terms.any_char, string.low, string.high)
            language = terms.both(language, length)
        listed = self.finite(where, names)
        if listed is not None:
            texts = [value for _, value in listed.by_identity if isinstance(value, str)]
            language = terms.both(language, terms.words(texts))
        return language

    def _allowed_name(self, path: Path, schema: Schema, name: str) -> bool:
        return self._terms.matches(self._names(path, schema), name)


def _bound(found: Mapping[str, Decimal], key: str) -> Bound:
    """A bound; far beyond the digits that are written (`1.797e308`) it is where they end."""
    value, end = found[key], Decimal(10) ** DIGITS
    if abs(value) > end * end and (value > 0) == key.lower().endswith("maximum"):
        return Bound(end.copy_sign(value))
    return Bound(value, key[0] == "e")


def values(listed: list[Any]) -> Values:
    """A shape of these values."""
    return Values(tuple((identity(value), value) for value in listed))
