"""Reading a model's text from left to right, each character once; and JSON out of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from abi._nesting import check_json

__all__ = ["Call", "Scanner", "Tools", "Unfinished", "json_object", "json_values", "typed"]

_MAX_DEPTH = 8  # of a schema that is looked into
Tools = Mapping[str, Mapping[str, Any]]  # name of a tool -> schemas of its arguments


class Unfinished(ValueError):  # noqa: N818 - a state of the text
    """The text ends inside a JSON string: what looked like the end may be part of it."""


class Call(NamedTuple):
    """A call as a reader gives it; `id` is "" where the format has none."""

    name: str
    arguments: Mapping[str, Any]
    id: str = ""


class Scanner:
    """A position in a text.

    Raises
    ------
    ValueError
        From every method, where the text is not what is expected.
    """

    def __init__(self, text: str) -> None:
        self.text, self.at = text, 0

    def space(self) -> bool:
        """Skip white space; whether something is left."""
        while self.at < len(self.text) and self.text[self.at].isspace():
            self.at += 1
        return self.at < len(self.text)

    def sees(self, marker: str) -> bool:
        return self.text.startswith(marker, self.at)

    def take(self, marker: str) -> None:
        if not self.sees(marker):
            found = self.text[self.at : self.at + 20]
            raise ValueError(f"expected {marker!r}, got {found!r}")
        self.at += len(marker)

    def until(self, marker: str, *, or_end: bool = False) -> str:
        """The text before the next marker, which is passed."""
        end = self.text.find(marker, self.at)
        if end < 0 and not or_end:
            raise ValueError(f"no {marker!r} after {self.text[self.at : self.at + 20]!r}")
        stop = end if end >= 0 else len(self.text)
        found = self.text[self.at : stop]
        self.at = stop + (len(marker) if end >= 0 else 0)
        return found

    def rest(self) -> str:
        return self.until("\0", or_end=True)


def json_values(text: str) -> list[Any]:
    """JSON values with white space, commas or semicolons between them."""
    decoder = json.JSONDecoder(parse_constant=_no_constant)
    values: list[Any] = []
    at = 0
    while True:
        while at < len(text) and (text[at].isspace() or text[at] in ",;"):
            at += 1
        if at == len(text):
            return values
        try:
            check_json(text)
            value, at = decoder.raw_decode(text, at)
        except json.JSONDecodeError as error:
            kind = Unfinished if error.msg.startswith("Unterminated") else ValueError
            raise kind(f"not JSON: {error.msg} at character {error.pos}") from None
        except RecursionError:
            raise ValueError("not JSON that can be read: nested too deep") from None
        values.append(value)


def json_object(text: str) -> dict[str, Any]:
    """One JSON object; nothing at all stands for an empty one."""
    values = json_values(text) or [{}]
    if len(values) != 1 or not isinstance(values[0], dict):
        raise ValueError("the arguments are not one JSON object")
    return values[0]


def typed(text: str, schema: Any) -> Any:
    """A tagged argument's value: text where the schema has room for it, JSON where it can be.

    Examples
    --------
    >>> typed("12", {"type": "integer"}), typed("12", {"type": ["string", "null"]})
    (12, '12')
    >>> typed("null", {"anyOf": [{"type": "string"}, {"type": "null"}]})
    """
    kinds = _kinds(schema)
    if "string" in kinds and not ("null" in kinds and text.strip() == "null"):
        return text
    try:
        values = json_values(text)
    except ValueError:
        return text
    return values[0] if len(values) == 1 and text.strip()[-1:] not in ",;" else text


def _kinds(schema: Any, depth: int = 0) -> set[str]:
    """Types of values that a schema has room for, as far as it says so."""
    if not isinstance(schema, Mapping) or depth > _MAX_DEPTH:
        return set()
    named = schema.get("type")
    kinds = {named} if isinstance(named, str) else set()
    if isinstance(named, list):
        kinds = {kind for kind in named if isinstance(kind, str)}
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    for value in values if isinstance(values, list) else []:
        kinds |= {"string"} if isinstance(value, str) else {"null"} if value is None else set()
    for key in ("anyOf", "oneOf", "allOf"):
        parts = schema.get(key)
        for part in parts if isinstance(parts, list) else []:
            kinds |= _kinds(part, depth + 1)
    return kinds | ({"null"} if schema.get("nullable") is True else set())


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"not JSON: {name}")
