"""CSV, JSON, JSON lines and notebooks."""

from __future__ import annotations

import json

import pytest

from abi.documents import read
from abi.errors import FormatError

from .show import blocks, shown


def test_rows_have_the_names_of_their_columns() -> None:
    text = 'name,age\n"Ada, L.",36\n\nBob,"4\n2",x\n'
    assert shown(text, "a.csv") == [
        ("table", 0, 2, "name: Ada, L.\nage: 36"),
        ("table", 0, 4, "name: Bob\nage: 4\n2\ncolumn 3: x"),
    ]
    assert read(text.encode(), "a.csv").meta["columns"] == ["name", "age"]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_the_delimiter_is_found(mark: str) -> None:
    text = f"a{mark}b\nx y{mark}1\n"
    assert shown(text, "a.csv") == [("table", 0, 2, "a: x y\nb: 1")]
    assert read(text.encode(), "a.csv").meta["delimiter"] == mark


def test_a_first_row_of_numbers_is_no_header() -> None:
    assert shown("1,2\n3,4", "a.csv")[0] == ("table", 0, 1, "column 1: 1\ncolumn 2: 2")


def test_a_field_without_end_is_read_by_lines() -> None:
    text = 'a,b\nc,"d\n' + "e,f\n" * 50_000
    found = blocks(text, "a.csv")
    assert found[0].text.startswith("a: c\nb:")
    assert len(found) > 40_000


def test_json_is_paths_and_values() -> None:
    text = '{"name": "N", "n": 1.50, "a": {"b": [1, {"c": true}]}, "e": null, "z": "\\ud800x"}'
    document = read(text.encode(), "a.json")
    assert document.title == "N"
    assert [one.text for one in document.blocks] == [
        "name: N\nn: 1.50",
        "a.b[0]: 1\na.b[1].c: true",
        "z: \ufffdx",
    ]


def test_an_entry_of_an_array_is_a_block() -> None:
    assert [one.text for one in blocks('[{"a": 1, "b": 2}, {"a": 3}, 4, 5]', "a.json")] == [
        "a: 1\nb: 2",
        "a: 3",
        "4\n5",
    ]


def test_what_is_no_json_is_read_as_source() -> None:
    document = read(b'{"a": 1} // why\n', "a.json")
    assert document.blocks[0].text == '{"a": 1} // why'
    assert document.meta["malformed"] == "line 1, column 10: Extra data"


def test_deep_json_is_read_as_source() -> None:
    document = read(b"[" * 100_000 + b"]" * 100_000, "a.json")
    assert document.meta["malformed"] == "nested too deeply"
    deep = b'{"a":' * 500 + b"1" + b"}" * 500
    assert read(deep, "a.json").blocks[0].text.endswith(".a.a: 1")


def test_long_numbers_are_kept() -> None:
    assert blocks("[" + "9" * 10_000 + "]", "a.json")[0].text == "9" * 10_000


def test_json_lines_have_lines() -> None:
    assert shown('{"a": 1}\n\nnot json\n[1, 2]\n', "a.jsonl") == [
        ("table", 0, 1, "a: 1"),
        ("table", 0, 3, "not json"),
        ("table", 0, 4, "1\n2"),
    ]


def test_cells_of_a_notebook() -> None:
    notebook = {
        "metadata": {"kernelspec": {"language": "julia"}},
        "cells": [
            {"cell_type": "markdown", "source": ["# T\n", "\n", "a *b*"]},
            {"cell_type": "code", "source": "x = 1\n\ny", "outputs": [{"text": "no"}]},
            {"cell_type": "raw", "source": "raw"},
            "junk",
            {"cell_type": "code", "source": {"a": 1}},
        ],
    }
    data = json.dumps(notebook).encode()
    assert shown(data, "a.ipynb") == [
        ("heading", 1, None, "T"),
        ("paragraph", 0, None, "a b"),
        ("code", 0, None, "x = 1\n\ny"),
        ("paragraph", 0, None, "raw"),
    ]
    document = read(data, "a.ipynb")
    assert (document.title, document.meta["language"]) == ("T", "julia")


def test_a_notebook_of_format_3() -> None:
    cells = [
        {"cell_type": "heading", "level": 2, "source": "H"},
        {"cell_type": "code", "input": "x"},
    ]
    data = json.dumps({"worksheets": [{"cells": cells}]})
    assert shown(data, "a.ipynb") == [("heading", 2, None, "H"), ("code", 0, None, "x")]


@pytest.mark.parametrize("data", [b"{", b"[1]", b"[" * 100_000])
def test_what_is_no_notebook_is_an_error(data: bytes) -> None:
    with pytest.raises(FormatError, match=r"a\.ipynb: .*notebook"):
        read(data, "a.ipynb")
