"""JSON Schema keyword by keyword: what is written, what is not, and what is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest

from abi.errors import InputError
from abi.grammar import compile_schema

NODE = {
    "type": "object",
    "properties": {"v": {"type": "integer"}, "next": {"$ref": "#/$defs/node"}},
    "required": ["v"],
    "additionalProperties": False,
}

# A schema, values that it admits, and values (or texts) that it does not.
CASES: dict[str, tuple[Any, list[Any], list[Any]]] = {
    "true": (True, [1, "a", None, [[]], {"a": {"a": 1}}, -0.5, 1e20], ['{"a":1,"a":2}', "01", "+1",
             "[1,]", "nul", '"\n"', '"\\ud800"', '"\\q"', "1.", ".5", "NaN"]),
    "type list": ({"type": ["null", "integer"]}, [None, 7], [True, "a", 1.5]),
    "integer": ({"type": "integer"}, [0, -1, 10**19], [1.5, "1", "1e2", "-0", 10**20]),
    "number": ({"type": "number"}, [0.1, -2, 1e-7, 1.5e99], ["1e999", "1e300"]),
    "enum": ({"enum": [1, "a", None, {"a": [1]}]}, [1, "a", None, {"a": [1]}], [2, "b", {"a": []}]),
    "enum by type": ({"enum": [1, "a", 2.5], "type": "integer"}, [1], ["a", 2.5]),
    "const": ({"const": {"a": "\n"}}, [{"a": "\n"}], [{"a": "n"}, {}]),
    "range": ({"type": "integer", "minimum": -5, "exclusiveMaximum": 12},
              [-5, -1, 0, 9, 11], [-6, 12, 100, 1.5]),
    "decimals": ({"type": "number", "exclusiveMinimum": 0, "maximum": 1.25},
                 [0.1, 1, 1.25, 0.001], [0, 1.26, 2, -0.1, "0.0"]),
    "multiple": ({"type": "integer", "multipleOf": 7}, [0, 7, 49, -14], [1, 8, 50]),
    "great numbers": ({"enum": [10**60 + 6, 10**60 + 7], "multipleOf": 7, "minimum": 10**59},
                      [10**60 + 6], [10**60 + 7]),
    "great bounds": ({"type": "integer", "minimum": -(10**40) - 1, "maximum": -(10**40) + 1},
                     [-(10**40) - 1, -(10**40) + 1], [-(10**40) - 2, -(10**40) + 2]),
    "cents": ({"type": "number", "multipleOf": 0.01}, [1, 0.5, 19.99, -3.07], [0.001, 1.234]),
    "length": ({"type": "string", "minLength": 2, "maxLength": 3}, ["ab", "日本語", "😀é"],
               ["a", "abcd", ""]),
    "escapes count as characters": ({"type": "string", "maxLength": 1},
                                    ['"\\u00e9"', '"\\ud83d\\ude00"', '"\\n"'],
                                    ['"\\u00e9a"', '"\\ud83d"', '"\\ude00\\ud83d"']),
    "pattern": ({"type": "string", "pattern": "^[a-c]+\\d?$"}, ["abc1", "c"], ["", "d", "a12"]),
    "pattern anywhere": ({"type": "string", "pattern": "b\"c"}, ['ab"cd', 'b"c'], ["bc", ""]),
    "pattern and length": ({"type": "string", "pattern": "^a*b*$", "minLength": 2, "maxLength": 3},
                           ["aab", "bb"], ["a", "aabb", "ba"]),
    "pattern and a great length": ({"type": "string", "pattern": "^a*b?$", "minLength": 3999,
                                    "maxLength": 4000}, ["a" * 4000, "a" * 3998 + "b"],
                                   ["a" * 3998, "a" * 4000 + "b"]),
    "format and length": ({"type": "string", "format": "email", "maxLength": 9, "minLength": 9},
                          ["ab@cd.efg"], ["a@b.cd", "abc@cd.efg"]),
    "pattern and least length": ({"type": "string", "pattern": "^(aa)*$", "minLength": 3},
                                 ["a" * 4, "a" * 40], ["aa", "aaa", "aaaaa"]),
    "date": ({"type": "string", "format": "date"}, ["2024-02-29"], ["2023-02-29", "2024-13-01"]),
    "different strings": ({"type": "array", "items": {"type": "string"}, "uniqueItems": True},
                          [[], ["a"], ["a", "b", "ab"], ["", '"']],
                          [["a", "a"], ["a", "b", "a"], '["a","\\u0061"]', ["", ""], [1]]),
    "different patterns": ({"type": "array", "items": {"pattern": "^[ab]{1,2}$", "type": "string"},
                            "uniqueItems": True, "minItems": 5}, [["a", "b", "ba", "ab", "bb"]],
                           [["a", "b", "ba", "ab", "a"], ["a", "b", "ba", "ab"]]),
    "different integers": ({"type": "array", "items": {"type": "integer"}, "uniqueItems": True,
                            "maxItems": 4}, [[], [1], [1, 12, 2, -1], [10, 1, 101, 0]],
                           [[1, 1], [12, 1, 12], [1, 2, 3, 4, 5], ["1"], "[-0]"]),
    "annotations of others": ({"type": "string", "x-order": 1, "nullable": True,
                               "contentEncoding": "base64", "contentMediaType": "image/png",
                               "discriminator": {"propertyName": "a"}}, ["a", ""], [None, 1]),
    "formats of any text": ({"type": "string", "format": "password", "maxLength": 3},
                            ["abc", ""], ["abcd"]),
    "a great length": ({"type": "array", "maxItems": 2**31 - 1, "items": {"type": "string",
                        "maxLength": 2**31 - 1}}, [[], ["a" * 999]], [[1]]),
    "bounds of a double": ({"type": "number", "minimum": -1.7976931348623157e308,
                            "maximum": 1.7976931348623157e308}, [0.5, -7, 10**19], ["1e999"]),
    "next to an open bound": ({"exclusiveMinimum": 0.1, "exclusiveMaximum": 1, "type": "number"},
                              [0.5, 0.999999999999999, 0.100000000000001],
                              ["0.9999999999999999999", "0.10000000000000000001", 1, 0.1]),
    "not so by any reading": ({"type": "string", "pattern": "^(?!.*foo)(?!\\d)(?!bar$)"},
                              ["fo", "a", "barn"], ["\u2028foo", "\rfoo", "1", "٣", "bar", "bar\n"],
                              ),
    "names not so by any reading": ({"type": "object", "patternProperties": {"^\\d+$": {"type":
                                     "integer"}}, "additionalProperties": {"type": "string"}},
                                    [{"1": 1, "a": "x"}], [{"1": "x"}, {"٣": "x"}, {"٣": 1}]),
    "names so by any reading": ({"type": "object", "properties": {"٣": {"minimum": 3, "type":
                                 "integer"}}, "patternProperties": {"^\\d+$": {"maximum": 5}},
                                 "required": ["٣"]}, [{"٣": 4}], [{"٣": 6}, {"٣": 2}]),
    "object": ({"type": "object", "properties": {"a": {"type": "integer"}, "b": {}},
                "required": ["b"]}, [{"b": 1}, {"a": 1, "b": 2}, {"b": 1, "c": 2}, {"b": 1, "": 2}],
               [{}, {"a": 1}, '{"b":1,"a":1}', '{"b":1,"c":1,"c":1}']),
    "closed": ({"type": "object", "properties": {"a": {}}, "additionalProperties": False},
               [{}, {"a": 1}], [{"b": 1}, '{"a":1,"a":1}', '{"\\u0061":1}']),
    "other values": ({"type": "object", "properties": {"a": {}}, "additionalProperties":
                      {"type": "null"}}, [{"b": None}, {"a": 1, "b": None}], [{"b": 1}]),
    "required and unlisted": ({"type": "object", "required": ["x"]}, [{"x": 1}, {"x": 1, "y": 2}],
                              [{}, {"y": 1}]),
    "pattern properties": ({"type": "object", "patternProperties": {"^n": {"type": "integer"},
                            "s$": {"type": "string"}}, "additionalProperties": False},
                           [{"n": 1, "s": "a"}, {}],
                           [{"n": "a"}, {"ns": 1}, {"ns": "a"}, {"x": 1}]),
    "property names": ({"type": "object", "propertyNames": {"enum": ["a", "b"]}},
                       [{"a": 1}, {"a": 1, "b": 2}], [{"c": 1}]),
    "few names": ({"type": "object", "propertyNames": {"pattern": "^[ab]$"}, "minProperties": 2,
                   "properties": {"a": {}}}, [{"a": 1, "b": 2}], [{"b": 1}, {"a": 1}, '{"b":1,"']),
    "number of properties": ({"type": "object", "properties": {"a": {}, "b": {}, "c": {}},
                              "additionalProperties": False, "minProperties": 1,
                              "maxProperties": 2}, [{"a": 1}, {"b": 1, "c": 1}],
                             [{}, {"a": 1, "b": 1, "c": 1}]),
    "number of other properties": ({"type": "object", "minProperties": 2, "maxProperties": 3},
                                   [{"a": 1, "b": 1}, {"a": 1, "b": 1, "c": 1}],
                                   [{}, {"a": 1}, {"a": 1, "b": 1, "c": 1, "d": 1}]),
    "items": ({"type": "array", "items": {"type": "integer"}, "minItems": 1, "maxItems": 3},
              [[1], [1, 2, 3]], [[], [1, 2, 3, 4], ["a"]]),
    "prefix": ({"type": "array", "prefixItems": [{"const": 1}, {"const": 2}], "items": False},
               [[], [1], [1, 2]], [[2], [1, 2, 3]]),
    "prefix of draft 7": ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "array",
                           "items": [{"const": 1}], "additionalItems": {"const": 2}},
                          [[], [1, 2, 2]], [[2], [1, 1]]),
    "unique": ({"items": {"enum": [1, 2, 1.0]}, "uniqueItems": True, "minItems": 1,
                "type": "array"}, [[1], [2, 1]], [[], [1, 1], [1, 2, 1]]),
    "any of": ({"anyOf": [{"type": "integer"}, {"const": "a"}], "minimum": 3}, [3, "a"], [2, "b"]),
    "one of": ({"oneOf": [{"type": "integer"}, {"type": "string", "maxLength": 1}]}, [1, "a"],
               ["ab", None]),
    "one of by a tag": ({"oneOf": [
        {"type": "object", "properties": {"k": {"const": "a"}, "n": {"type": "null"}},
         "required": ["k"]}, {"type": "object", "properties": {"k": {"const": "b"}},
                              "required": ["k"]}]}, [{"k": "a", "n": None}, {"k": "b", "n": 1}],
        [{"k": "a", "n": 1}, {"k": "c"}]),
    "all of": ({"allOf": [{"type": "object", "properties": {"a": {"minimum": 2}}},
                          {"properties": {"a": {"type": "integer", "maximum": 3}, "b": False},
                           "required": ["a"]}]}, [{"a": 2}, {"a": 3, "c": 1}],
               [{"a": 4}, {"a": 2, "b": 1}, {}]),
    "reference": ({"$ref": "#/$defs/a~1b~0%25", "$defs": {"a/b~%": {"const": 1}}}, [1], [2]),
    "anchor": ({"$ref": "#x", "$defs": {"y": {"$anchor": "x", "const": 1}}}, [1], [2]),
    "identifier": ({"$ref": "urn:x#/items", "$defs": {"y": {"$id": "urn:x", "items":
                                                            {"const": 1}}}}, [1], [2]),
    "references inside an identifier": ({"$ref": "urn:x", "$defs": {"z": {"const": 1}, "y": {
        "$id": "urn:x", "$ref": "#/$defs/z", "$defs": {"z": {"const": 2}}}}}, [2], [1]),
    "names inside a literal": ({"anyOf": [{"const": {"$anchor": "x"}}, {"$ref": "#x"}],
                                "$defs": {"y": {"$anchor": "x", "const": 1}}},
                               [1, {"$anchor": "x"}], [2]),
    "recursion": ({"$ref": "#/$defs/node", "$defs": {"node": NODE}},
                  [{"v": 1}, {"v": 1, "next": {"v": 2, "next": {"v": 3}}}], [{"v": 1, "next": 2}]),
    "beside a reference": ({"$ref": "#/$defs/i", "maximum": 3, "$defs": {"i": {"type": "integer"}}},
                           [3], [4, "a"]),
    "dead ends are not begun": ({"anyOf": [{"type": "null"}, {"type": "object", "properties":
                                {"a": {"$ref": "#/anyOf/1"}}, "required": ["a"]}]}, [None], ["{"]),
    "annotations": ({"title": "t", "description": "d", "default": 1, "examples": [1], "$comment":
                     "c", "deprecated": True, "readOnly": True, "writeOnly": False, "const": 1},
                    [1], [2]),
}  # fmt: skip


def written(value: Any) -> str:
    """The text of a value; texts that are JSON already, or never will be, stand for themselves."""
    raw = isinstance(value, str) and value[:1] in '{["+.-0123456789nN' and value not in ("n",)
    return value if raw and len(value) > 1 else json.dumps(value, ensure_ascii=False)


@pytest.mark.parametrize("name", CASES)
def test_valid_values_can_be_written(name: str) -> None:
    schema, valid, _ = CASES[name]
    for indent in (20, None):
        grammar = compile_schema(schema, indent=indent)
        texts = [v if isinstance(v, str) and v[:1] == '"' else json.dumps(
            v, ensure_ascii=False, separators=(",", ":")) for v in valid]  # fmt: skip
        assert [text for text in texts if not grammar.matches(text)] == []


@pytest.mark.parametrize("name", CASES)
def test_other_values_can_not(name: str) -> None:
    schema, _, invalid = CASES[name]
    grammar = compile_schema(schema)
    assert [value for value in invalid if grammar.matches(written(value))] == []


REFUSED: list[tuple[Any, str]] = [
    ({"properties": {"a/b": {"pattern": "(a)\\1"}}}, "#/properties/a~1b/pattern: '(a)\\\\1': "),
    ({"type": "string", "pattern": "\\bx"}, "#/pattern: "),
    ({"type": "string", "pattern": "(?<=a)b"}, "#/pattern: "),
    ({"type": "string", "pattern": "("}, "#/pattern: "),
    ({"type": "string", "pattern": "^(a|b)*a(a|b){20}$"}, "#: it needs more than "),
    ({"type": "string", "pattern": "^(ab|c){9}$", "maxLength": 10**6},
     "#: a length of 1000000 is too much "),
    ({"type": "string", "pattern": "^" + "(a|b)?" * 1500}, "#/pattern: "),
    ({"type": "string", "format": "regex"}, "#/format: 'regex' is not supported; "),
    ({"not": {"type": "null"}}, "#/not: 'not' is not supported; remove it"),
    ({"if": True, "then": False}, "#/if: 'if' is not supported; remove it"),
    ({"items": {"contains": {}}, "type": "array"}, "#/items/contains: 'contains' is not supported"),
    ({"type": "object", "unevaluatedProperties": False}, "#/unevaluatedProperties: "),
    ({"y-order": 1}, "#/y-order: 'y-order' is no keyword of JSON Schema; remove it"),
    ({"type": "array", "uniqueItems": True}, "#/uniqueItems: unique items are supported only"),
    ({"type": "array", "uniqueItems": True, "items": {"type": "number"}}, "#/uniqueItems: unique "),
    ({"type": "array", "uniqueItems": True, "items": {"type": "integer", "minimum": 1,
      "maximum": 3}, "minItems": 4}, "#/uniqueItems: 4 different items are asked for, there are 3"),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "type": "array", "prefixItems": [{}]},
     "#/prefixItems: draft 7 does not know it; write it as items"),
    ({"$schema": "https://json-schema.org/draft/2020-12/schema", "type": "array", "items": [{}]},
     "#/items: 2020-12 has one schema there; write the list as prefixItems"),
    ({"type": "string", "minLength": 2**31 - 1}, "#/minLength: got 2147483647, expected a whole "),
    ({"oneOf": [{"type": "number"}, {"type": "integer"}]}, "#/oneOf: schemas 0 and 1 may both fit"),
    ({"$ref": "#/$defs/a"}, "#/$ref: '#/$defs/a' leads nowhere; "),
    ({"$ref": "https://example.org/s"}, "#/$ref: 'https://example.org/s' is not in this schema; "),
    ({"$ref": "#x", "$defs": {"a": {"$anchor": "x"}, "b": {"$anchor": "x"}}}, "#/$ref: 'x' names "),
    ({"$ref": "#"}, "#: it refers to itself without end; "),
    ({"allOf": [{"anyOf": [{"$ref": "#/allOf/0"}]}]}, "#: it refers to itself without end; "),
    (False, "#: no value is valid under it; "),
    ({"type": "integer", "minimum": 3, "maximum": 2}, "#: no value is valid under it; "),
    ({"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}, "#: no value is "),
    ({"type": "object", "required": ["a"], "additionalProperties": False}, "#: no value is valid"),
    ({"type": "string", "minLength": -1}, "#/minLength: got -1, expected a whole number"),
    ({"type": "string", "maxLength": "3"}, "#/maxLength: got '3', expected a whole number"),
    ({"type": "strin"}, "#/type: got 'strin', expected one or more of null, boolean, integer"),
    ({"type": []}, "#/type: got [], "),
    ({"type": "number", "multipleOf": 0}, "#/multipleOf: got 0, expected a number above 0"),
    ({"type": "integer", "multipleOf": 1000003}, "#: multiples of 1000003 need more than "),
    ({"enum": []}, "#/enum: got [], expected a list of values"),
    ({"anyOf": []}, "#/anyOf: expected a list of schemas; "),
    ({"properties": {"a": 3}}, "#/properties/a: expected a schema, got 3; "),
    ({"properties": []}, "#/properties: got [], expected an object of schemas; "),
    ({"required": "a"}, "#/required: got 'a', expected a list of names; "),
    ({"$schema": "http://json-schema.org/draft-04/schema#"}, "#/$schema: "),
    ({"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/a", "minimum": 1,
      "definitions": {"a": {}}}, "#: draft 7 passes over what stands beside $ref; "),
    ({"type": "object", "propertyNames": {"anyOf": [True]}}, "#/propertyNames: only strings with"),
    ({"type": "array", "additionalItems": False}, "#/additionalItems: it means nothing unless"),
    ({"const": "\ud800"}, "#/const: '\\ud800' is no JSON value; "),
    ({"const": float("nan")}, "#/const: nan is no JSON value; "),
    ({1: 2}, "#: a key is no JSON string; "),
    ({"const": {1, 2}}, "#/const: {1, 2} is no JSON value; "),
]  # fmt: skip


@pytest.mark.parametrize(("schema", "message"), REFUSED)
def test_what_is_not_supported_is_an_error_with_its_place(schema: Any, message: str) -> None:
    with pytest.raises(InputError) as caught:
        compile_schema(schema)
    text = str(caught.value)
    assert text.startswith(f"schema {message}") and "; " in text and "\n" not in text


def test_a_schema_that_nests_without_end_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(5000):
        schema = {"type": "array", "items": schema}
    with pytest.raises(InputError, match="nests more than 100 deep"):
        compile_schema(schema)


def test_a_long_chain_of_references_is_refused() -> None:
    links = {str(i): {"$ref": f"#/$defs/{i + 1}"} for i in range(500)}
    with pytest.raises(InputError, match="nest more than 60 deep"):
        compile_schema({"$ref": "#/$defs/0", "$defs": {**links, "500": {}}})


def test_alternatives_that_multiply_are_refused() -> None:
    choices = [[{"type": "string", "pattern": f"{a}{b}"} for a in "abcdefgh"] for b in "xyz"]
    with pytest.raises(InputError, match="more than 400 alternatives"):
        compile_schema({"allOf": [{"anyOf": choice} for choice in choices]})


def test_white_space_stands_where_json_dumps_puts_it() -> None:
    value = {"a": [1, {"b": None}], "c": {}, "d": []}
    grammar, bare = compile_schema(True), compile_schema(True, indent=None)
    assert grammar.matches(json.dumps(value)) and grammar.matches(json.dumps(value, indent=2))
    assert not bare.matches(json.dumps(value))
    assert not grammar.matches('{ \n"a":1}') and not grammar.matches('{"a":1} ')


@pytest.mark.parametrize("indent", [-1, 1001, "2"])
def test_the_indent_has_a_range(indent: Any) -> None:
    with pytest.raises(InputError, match="indent="):
        compile_schema(True, indent=indent)


def test_a_name_may_not_come_again_in_other_spelling() -> None:
    grammar = compile_schema({"type": "object", "properties": {"é": {}}})
    assert grammar.matches('{"é":1,"e":2}')
    assert not grammar.begins('{"\\u00e9"') and not grammar.begins('{"e":1,"e"')


def test_a_thousand_names_with_one_beginning_are_kept_from_coming_again() -> None:
    names = [f"property_name_number_{i}" for i in range(1000)]
    grammar = compile_schema({"type": "object", "properties": dict.fromkeys(names, True)})
    assert grammar.matches('{"property_name_number_7":1,"property_name_number_1000":1}')
    assert not grammar.begins('{"property_name_number_7":1,"property_name_number_6"')


def test_a_long_chain_of_required_parts_is_followed_to_its_end() -> None:
    links = {
        str(i): {"type": "object", "properties": {"n": {"$ref": f"#/$defs/{i + 1}"}}}
        | {"required": ["n"], "additionalProperties": False}
        for i in range(1500)
    }
    grammar = compile_schema({"$ref": "#/$defs/0", "$defs": {**links, "1500": {"const": 1}}})
    assert grammar.matches('{"n":' * 1500 + "1" + "}" * 1500)
