"""Grammars, schemas and templates that cannot be used: one line, status 2, no traceback."""

from __future__ import annotations

from pathlib import Path

import pytest

from abi.cli import main

GRAMMARS = {
    "": "root",
    "root": "::=",
    "root :: 'a'": "::=",
    'root ::= "a': "line 1",
    "root ::= [a": "line 1",
    "root ::= [z-a]": "line 1",
    "root ::= (": "line 1",
    "root ::= )": "line 1",
    "root ::= x": "x",
    "a ::= b": "root",
    "root ::= root": "root",
    'root ::= root "a"': "root",
    'root ::= "a"{2,1}': "line 1",
    'root ::= "a"{9999999999}': "line 1",
    'root ::= "a"{x}': "line 1",
    'root ::= *"a"': "line 1",
    'root ::= "\\x"': "line 1",
    'root ::= "\\u12"': "line 1",
    'root ::= "a" "a" ::= "b"': "line 1",
    "root ::= <nothing>": "line 1",
    "root ::= <[99999999]>": "token",
    "\x00": "line 1",
}
SCHEMAS = {
    "": "no JSON",
    "{": "no JSON",
    "[]": "#",
    "7": "#",
    '"string"': "#",
    '{"type": "strin"}': "#/type",
    '{"type": 7}': "#/type",
    '{"type": []}': "#/type",
    '{"tpye": "string"}': "tpye",
    '{"not": {}}': "not",
    '{"if": {}}': "if",
    '{"enum": []}': "#/enum",
    '{"enum": 7}': "#/enum",
    '{"$ref": "#/nowhere"}': "#/nowhere",
    '{"$ref": "http://example.com/x"}': "#/$ref",
    '{"$ref": "#"}': "#",
    '{"pattern": "["}': "#/pattern",
    '{"pattern": "(?<=a)b"}': "#/pattern",
    '{"pattern": "a{2,1}"}': "#/pattern",
    '{"pattern": 7}': "#/pattern",
    '{"type": "string", "format": "nothing"}': "#/format",
    '{"type": "string", "minLength": -1}': "#/minLength",
    '{"type": "string", "minLength": 3, "maxLength": 2}': "#",
    '{"type": "object", "minProperties": 2, "maxProperties": 1}': "no value is valid",
    '{"type": "integer", "minimum": 3, "maximum": 2}': "#",
    '{"type": "integer", "minimum": "x"}': "#/minimum",
    '{"type": "integer", "multipleOf": 0}': "#/multipleOf",
    '{"properties": 7}': "#/properties",
    '{"properties": {"a": 7}}': "#/properties/a",
    '{"required": "a"}': "#/required",
    '{"items": 7}': "#/items",
    '{"type": "array", "minItems": 3, "maxItems": 2}': "#",
    '{"type": "array", "uniqueItems": true}': "uniqueItems",
    '{"anyOf": []}': "#/anyOf",
    '{"oneOf": [{"type": "number"}, {"type": "integer"}]}': "#/oneOf",
    '{"properties": {"a/b": {"type": "x"}}}': "#/properties/a~1b/type",
    "[" * 5000: "no JSON",
}
TEMPLATES = {
    "": "template",
    "{{": "line 1",
    "{% for m in messages %}": "line 1",
    "{% frob %}": "line 1",
    "{{ messages[0].nothing.at.all }}": "template",
    "{{ raise_exception('no, thanks') }}": "no, thanks",
    "{{ messages.__class__ }}": "template",
    "{{ ''.__class__.__mro__ }}": "template",
    "{% for i in range(10 ** 9) %}{% endfor %}": "template",
    "{% for i in range(9999) %}{% for j in range(9999) %}a{% endfor %}{% endfor %}": "template",
    "{{ 'a' * 10 ** 10 }}": "template",
    "{{ (10 ** 10) ** 10000 }}": "template",
    "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}": "template",
    "{{ 'a'.format(1) ~ 'b'.ljust(10 ** 9) }}": "template",
    "{% include 'other' %}": "template",
    "{% import 'os' as os %}": "template",
    "{{ 1 / 0 }}": "template",
    "{{ messages | frob }}": "frob",
    "{{ [1] + 'a' }}": "template",
}


def check(error: str, words: str) -> None:
    assert error.count("\n") == 1, error
    assert error.startswith("abi ")
    assert ": error: " in error
    assert "Traceback" not in error
    assert error[:-1].isprintable(), error
    assert words in error, error


def refused(capsys: pytest.CaptureFixture[str], arguments: list[str], words: str) -> None:
    assert main(arguments) == 2
    check(capsys.readouterr().err, words)


@pytest.mark.parametrize("text", GRAMMARS)
def test_a_grammar(capsys: pytest.CaptureFixture[str], text: str, tmp_path: Path) -> None:
    (tmp_path / "g").write_text(text)
    file = ["run", "-p", "a", "-n", "2", "--grammar-file", str(tmp_path / "g")]
    refused(capsys, file, GRAMMARS[text])
    refused(capsys, ["run", "-p", "a", "-n", "2", f"--grammar={text}"], GRAMMARS[text])


@pytest.mark.parametrize("text", SCHEMAS, ids=lambda text: text[:60])
def test_a_schema(capsys: pytest.CaptureFixture[str], text: str) -> None:
    refused(capsys, ["run", "-p", "a", "-n", "2", f"--json-schema={text}"], SCHEMAS[text])


@pytest.mark.parametrize("text", TEMPLATES)
def test_a_template(capsys: pytest.CaptureFixture[str], text: str, tmp_path: Path) -> None:
    (tmp_path / "t").write_text(text)
    line = ["chat", "-p", "a", "-n", "2", "--chat-template-file", str(tmp_path / "t")]
    refused(capsys, line, TEMPLATES[text])


def test_files_of_programs(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "bytes").write_bytes(b"root ::= \xff")
    for option in ("--grammar-file", "--json-schema-file"):
        for name, words in (
            ("none", "No such file or directory; check the name"),
            (".", "Is a directory"),
            ("bytes", "not UTF-8 at byte 9"),
        ):
            refused(capsys, ["run", "-p", "a", option, str(tmp_path / name)], words)
    line = ["run", "-p", "a", "--grammar", "root ::= 'a'", "--json-schema", "{}"]
    refused(capsys, line, "not allowed with argument --grammar")
