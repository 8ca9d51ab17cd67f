"""Random JSON Schemas out of everything that is supported, made from a seed."""

from __future__ import annotations

import random
from typing import Any

from abi.grammar._formats import FORMATS

__all__ = ["random_schema"]

WORDS = ("a", "name", "x-1", "größe", "tag s", 'q"t', "b\\n", "日本", "", "id", "type", "~/0")
PATTERNS = (
    "^[a-z]+$", "^[A-Z][a-z]*( [A-Z][a-z]*){0,2}$", r"^\d{3}-\d{4}$", "b+c", r"^\w+@\w+\.com$",
    "^(red|green|blue)$", "^(?=.*\\d)[a-z0-9]{2,6}$", "^(?!foo)[a-o]{1,5}$", "[äöü]$", "^.{2,5}$",
    '^["\\\\/\\n]*$', "^[^a-z]{1,3}$", "^$|^x", "(^a|b)c?$", "^(ab?){2,}$", r"^\S+\.\D$",
)  # fmt: skip
NAMES = ("^x-", "s$", "^[a-c]+$", "^\\d+$")


def random_schema(rng: random.Random, depth: int = 3) -> Any:
    """A schema; definitions at its root may be referred to from anywhere."""
    maker = _Maker(rng)
    schema = maker.schema(depth)
    if isinstance(schema, dict):
        schema["$defs"] = {name: maker.schema(depth - 1) for name in list(maker.referred)}
        for name in maker.referred:  # those that the definitions themselves brought in
            schema["$defs"].setdefault(name, True)
    return schema


class _Maker:
    def __init__(self, rng: random.Random) -> None:
        self.rng = rng
        self.referred: dict[str, None] = {}

    def schema(self, depth: int) -> Any:
        rng = self.rng
        kinds = [self.string, self.string, self.number, self.simple, self.listed]
        if depth > 0:
            kinds += [self.object] * 4 + [self.array] * 2 + [self.combined, self.reference]
        made = rng.choice(kinds)(depth)
        if isinstance(made, dict) and rng.random() < 0.1:
            made |= {"title": "T", "description": "d", "default": None}
        return made

    def simple(self, depth: int) -> Any:
        return self.rng.choice([
            True, {}, {"type": "null"}, {"type": "boolean"}, {"type": ["null", "boolean"]},
            {"type": "integer"}, {"type": "number"}, {"type": "string"}, {"type": "array"},
            {"type": "object"}, {"type": ["integer", "string", "null"], "minimum": 3},
        ])  # fmt: skip

    def listed(self, depth: int) -> Any:
        rng = self.rng
        values = [1, 2.5, "a", 'ä"\\\n', None, True, {"k": [1, {}]}, [], [1, "x"], -7, 0, 1e20]
        if rng.random() < 0.4:
            return {"const": rng.choice(values)}
        schema = {"enum": rng.sample(values, rng.randint(1, 5))}
        if rng.random() < 0.3:
            schema["type"] = ["string", "number", "array", "object", "boolean", "null"]
        return schema

    def string(self, depth: int) -> Any:
        rng, schema = self.rng, {"type": "string"}
        kind = rng.randrange(4)
        if kind == 0:
            schema["pattern"] = rng.choice(PATTERNS)
        elif kind == 1:
            schema["format"] = rng.choice(
                sorted(f for f in FORMATS if f != "relative-json-pointer")
            )
        if kind in (2, 3) or (kind == 0 and rng.random() < 0.3):
            self.bounds(schema, "Length", rng.choice([3, 8, 60]))
        return schema

    def bounds(self, schema: dict[str, Any], what: str, top: int) -> None:
        low, high = sorted(self.rng.randint(0, top) for _ in "lh")
        if self.rng.random() < 0.6:
            schema[f"min{what}"] = low
        if self.rng.random() < 0.7:
            schema[f"max{what}"] = high

    def number(self, depth: int) -> Any:
        rng = self.rng
        integer = rng.random() < 0.5
        schema: dict[str, Any] = {"type": "integer" if integer else "number"}
        scale = rng.choice([1, 1, 10, 100]) if rng.random() < 0.7 else 1
        low, high = sorted(rng.randint(-300, 300) * rng.choice([1, 1, 1000]) for _ in "lh")
        for key, value in (("Minimum", low / scale), ("Maximum", high / scale)):
            value = int(value) if value.is_integer() and rng.random() < 0.5 else value
            if rng.random() < 0.6:
                exclusive = rng.random() < 0.3
                schema[f"exclusive{key}" if exclusive else key.lower()] = value
        if rng.random() < 0.3:
            schema["multipleOf"] = rng.choice([1, 2, 5, 7, 100] if integer else [0.01, 0.25, 3])
        return schema

    def object(self, depth: int) -> Any:
        rng = self.rng
        names = rng.sample(WORDS, rng.randint(0, 4))
        schema: dict[str, Any] = {"type": "object"}
        schema["properties"] = {name: self.schema(depth - 1) for name in names}
        if names and rng.random() < 0.8:
            schema["required"] = rng.sample(names, rng.randint(1, len(names)))
        if rng.random() < 0.6:
            schema["additionalProperties"] = rng.choice([False, False, self.schema(depth - 2)])
        if rng.random() < 0.15:
            chosen = rng.sample(NAMES, rng.randint(1, 2))
            schema["patternProperties"] = {name: self.schema(depth - 2) for name in chosen}
        if rng.random() < 0.1:
            schema["propertyNames"] = rng.choice([{"pattern": "^[a-zA-Z-]*$"}, {"maxLength": 6}])
        if rng.random() < 0.15:
            self.bounds(schema, "Properties", 6)
        return schema

    def array(self, depth: int) -> Any:
        rng = self.rng
        schema: dict[str, Any] = {"type": "array"}
        if rng.random() < 0.15:
            values = rng.sample(["a", "b", 1, None, [2]], rng.randint(2, 5))
            items = [{"enum": values}, {"type": "string", "pattern": "^[ab]*$"}]
            items += [{"type": "integer", "minimum": -1, "maximum": 12}, {"type": "string"}]
            schema |= {"items": rng.choice(items), "uniqueItems": True}
            schema["minItems"] = rng.randint(0, 2)
            return schema
        if rng.random() < 0.3:
            schema["prefixItems"] = [self.schema(depth - 1) for _ in range(rng.randint(1, 3))]
        if rng.random() < 0.9:
            schema["items"] = rng.choice([False, *[self.schema(depth - 1)] * 5])
        self.bounds(schema, "Items", 4)
        return schema

    def combined(self, depth: int) -> Any:
        rng = self.rng
        kind = rng.randrange(4)
        if kind == 0:
            return {"anyOf": [self.schema(depth - 1) for _ in range(rng.randint(1, 3))]}
        if kind == 1:
            variants = []
            for name in rng.sample(["cat", "dog", "bird"], rng.randint(1, 3)):
                part = self.object(depth - 1)
                part["properties"] = {"kind": {"const": name}, **part["properties"]}
                part["required"] = [*part.get("required", []), "kind"]
                part.pop("maxProperties", None)
                part.pop("propertyNames", None)
                part.pop("patternProperties", None)
                variants.append(part)
            return {"oneOf": variants}
        if kind == 2:
            return {"oneOf": [self.string(0), self.number(0), {"type": "null"}]}
        first, second = self.object(depth - 1), self.object(depth - 1)
        for part in (first, second):
            part.pop("additionalProperties", None)
        return {"allOf": [first, second]}

    def reference(self, depth: int) -> Any:
        name = self.rng.choice(["one", "two"])
        self.referred[name] = None
        return {"$ref": f"#/$defs/{name}"}
