"""A JSON Schema as a document: places in it, references, and which keywords are understood.

Drafts 7 and 2020-12. Everything that could change what is valid and is not understood is an
error that names its place, `#/properties/a/pattern`; only annotations are passed over.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isfinite
from typing import Any
from urllib.parse import unquote

from abi.errors import InputError

__all__ = ["ANYTHING", "NOTHING", "Document", "Goal", "Path"]

Path = tuple[str, ...]
Goal = frozenset[Path]  # a value has to be valid under the schemas at all of these places

ANYTHING: Goal = frozenset()
NOTHING: Goal = frozenset({("\0nothing",)})

_MAX_DEPTH = 100
_MAX_PARTS = 200_000
_DRAFT_7 = "http://json-schema.org/draft-07/schema"
_DIALECTS = (_DRAFT_7, "https://json-schema.org/draft/2020-12/schema")
_ANNOTATIONS = frozenset({
    "title", "description", "default", "examples", "$schema", "$id", "$comment", "$defs",
    "definitions", "$anchor", "deprecated", "readOnly", "writeOnly",
    "contentEncoding", "contentMediaType", "contentSchema",  # both drafts: no validator checks
    # OpenAPI's, which add nothing to what may be valid: what is written without them is.
    "nullable", "discriminator", "example", "externalDocs", "xml",
})  # fmt: skip
_ASSERTIONS = frozenset({
    "type", "enum", "const", "$ref", "allOf", "anyOf", "oneOf",
    "properties", "required", "additionalProperties", "patternProperties", "propertyNames",
    "minProperties", "maxProperties", "items", "prefixItems", "additionalItems", "minItems",
    "maxItems", "uniqueItems", "pattern", "format", "minLength", "maxLength", "minimum", "maximum",
    "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
})  # fmt: skip
_STANDARD = frozenset({
    "if", "then", "else", "not", "contains", "minContains", "maxContains", "dependencies",
    "dependentRequired", "dependentSchemas", "unevaluatedItems", "unevaluatedProperties",
    "$dynamicRef", "$dynamicAnchor",
    "$recursiveRef", "$recursiveAnchor", "$vocabulary",
})  # fmt: skip
_LITERALS = ("const", "enum", "default", "examples")
_MAPS = (("properties",), ("patternProperties",), ("$defs",), ("definitions",))


class Document:
    """A schema that was checked to be plain JSON of bounded depth."""

    def __init__(self, schema: object) -> None:
        _check_json(schema)
        self.root = schema
        named = schema.get("$schema") if isinstance(schema, Mapping) else None
        if named is not None and str(named).rstrip("#") not in _DIALECTS:
            raise self.error(
                ("$schema",),
                f"{named!r} is not supported",
                "use draft 7 or 2020-12, or leave it out",
            )
        self._named_2020 = named is not None and str(named).rstrip("#") == _DIALECTS[1]
        self.draft_7 = named is not None and str(named).rstrip("#") == _DRAFT_7
        self._names = _names(schema)
        self._resources = {
            place for name, places in self._names.items() if name[:1] != "#" for place in places
        }

    def error(self, path: Path, what: str, cure: str) -> InputError:
        """An error that says where in the schema."""
        where = "/".join(["#", *(part.replace("~", "~0").replace("/", "~1") for part in path)])
        return InputError(f"schema {where}: {what}; {cure}")

    def at(self, path: Path) -> Any:
        """What stands at a place."""
        found = self.root
        if path in NOTHING:
            return False
        for part in path:
            if isinstance(found, Mapping) and part in found:
                found = found[part]
            elif isinstance(found, list) and part.isdecimal() and int(part) < len(found):
                found = found[int(part)]
            else:
                raise KeyError(part)
        return found

    def schema(self, path: Path) -> Mapping[str, Any] | bool:
        """The schema at a place, its keywords checked."""
        schema = self.at(path)
        if isinstance(schema, bool):
            return schema
        if not isinstance(schema, Mapping):
            raise self.error(path, f"expected a schema, got {_short(schema)}", "use {} or a bool")
        for key in schema:
            self._check_keyword(path, key)
        if self.draft_7 and "$ref" in schema and schema.keys() - _ANNOTATIONS != {"$ref"}:
            raise self.error(
                path, "draft 7 passes over what stands beside $ref", "move it into allOf"
            )
        return schema

    def resolve(self, path: Path, reference: object) -> Path:
        """The place that a `$ref` means."""
        where = (*path, "$ref")
        if not isinstance(reference, str):
            raise self.error(where, f"expected a string, got {_short(reference)}", "use '#/...'")
        base, _, fragment = reference.partition("#")
        start = self._named(where, base) if base else self._resource(path)
        if start is None:
            raise self.error(
                where, f"{reference!r} is not in this schema", "copy it into $defs; none is fetched"
            )
        if fragment and not fragment.startswith("/"):
            named = self._named(where, "#" + fragment)
            if named is None:
                raise self.error(where, f"there is no $anchor {fragment!r}", "check the spelling")
            return named
        parts = fragment.split("/")[1:]
        target = (*start, *(unquote(p).replace("~1", "/").replace("~0", "~") for p in parts))
        try:
            self.at(target)
        except KeyError:
            raise self.error(
                where, f"{reference!r} leads nowhere", "check the spelling of the pointer"
            ) from None
        return target

    def check_listed(self, path: Path, given: bool, key: str) -> None:
        """A list of schemas for the first items stands where the draft has it."""
        if given and key == "prefixItems" and self.draft_7:
            raise self.error((*path, key), "draft 7 does not know it", "write it as items")
        if given and key == "items" and self._named_2020:
            raise self.error(
                (*path, key), "2020-12 has one schema there", "write the list as prefixItems"
            )

    def _named(self, where: Path, name: str) -> Path | None:
        """The one place of a `$id`, or of an `$anchor` with its "#"."""
        places = self._names.get(name, [])
        if len(places) > 1:
            raise self.error(where, f"{name.lstrip('#')!r} names several places", "rename one")
        return places[0] if places else None

    def _resource(self, path: Path) -> Path:
        """The nearest schema around a place that has a `$id` of its own, or the root."""
        for size in range(len(path), 0, -1):
            if path[:size] in self._resources:
                return path[:size]
        return ()

    def _check_keyword(self, path: Path, key: str) -> None:
        if key in _ASSERTIONS or key in _ANNOTATIONS or key.startswith("x-"):
            return
        known = "is not supported" if key in _STANDARD else "is no keyword of JSON Schema"
        raise self.error((*path, key), f"{key!r} {known}", "remove it")


def _names(schema: object) -> dict[str, list[Path]]:
    """Places by `$id`, and by "#" and `$anchor`; what looks like one inside a literal is none."""
    found: dict[str, list[Path]] = {}
    work: list[tuple[Path, object]] = [((), schema)]
    while work:
        path, part = work.pop()
        if isinstance(part, Mapping):
            if isinstance(part.get("$id"), str):
                found.setdefault(part["$id"].rstrip("#"), []).append(path)
            if isinstance(part.get("$anchor"), str):
                found.setdefault("#" + part["$anchor"], []).append(path)
            literal = () if path[-1:] in _MAPS else _LITERALS
            work += [((*path, key), value) for key, value in part.items() if key not in literal]
        elif isinstance(part, list):
            work += [((*path, str(i)), value) for i, value in enumerate(part)]
    return found


def _check_json(schema: object) -> None:
    work: list[tuple[Path, object]] = [((), schema)]
    for n_parts, (path, part) in enumerate(work):
        where = "/".join(["schema #", *path[:8]])
        if len(path) > _MAX_DEPTH:
            raise InputError(f"{where}/...: nests more than {_MAX_DEPTH} deep; use $ref")
        if n_parts > _MAX_PARTS:
            raise InputError(f"the schema has more than {_MAX_PARTS} parts; split it up")
        if isinstance(part, Mapping):
            if not all(isinstance(key, str) and _is_text(key) for key in part):
                raise InputError(f"{where}: a key is no JSON string; use plain JSON")
            work += [((*path, key), value) for key, value in part.items()]
        elif isinstance(part, list):
            work += [((*path, str(i)), value) for i, value in enumerate(part)]
        elif not _is_plain(part):
            raise InputError(f"{where}: {_short(part)} is no JSON value; use plain JSON")


def _is_plain(value: object) -> bool:
    if isinstance(value, str):
        return _is_text(value)
    if isinstance(value, float):
        return isfinite(value)
    return (
        value is None
        or isinstance(value, bool)
        or (isinstance(value, int) and abs(value) < 10**400)
    )


def _is_text(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
