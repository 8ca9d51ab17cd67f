"""What nests too deeply: counted before it is read, where reading it would end the process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import abi
from abi import _nesting
from abi._nesting import check_json, check_python

MOST = 20
SOURCES = sorted(Path(abi.__path__[0]).rglob("*.py"))


@pytest.fixture(autouse=True)
def _limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nesting, "deepest_nesting", lambda: MOST)


def depth_of(value: Any) -> int:
    inside = value.values() if isinstance(value, dict) else value
    return 1 + max(map(depth_of, inside), default=0) if isinstance(value, dict | list) else 0


def is_refused(text: str) -> bool:
    try:
        check_json(text)
    except RecursionError:
        return True
    return False


VALUES = st.recursive(
    st.text('[]{}"\\a'), lambda one: st.lists(one) | st.dictionaries(st.text('[{"\\'), one)
)


@given(VALUES, st.integers(0, MOST + 4))
def test_json_is_refused_from_the_depth_on(value: Any, around: int) -> None:
    for _ in range(around):
        value = [value, "]]"]
    assert is_refused(json.dumps(value)) == (depth_of(value) > MOST)


@pytest.mark.parametrize(
    "text", ["[" * 21, '{"a":' * 21, b"[" * 21, '"' + "[" * 9 + '"' + "[" * 21]
)
def test_broken_json_is_refused_too(text: str | bytes) -> None:
    with pytest.raises(RecursionError, match="nested more than 20 deep"):
        check_json(text)


@pytest.mark.parametrize(
    "text", ['"' + "[" * 99, '["' + r"\"" + "[" * 99 + '"]', "[1]," * 99, "", "]" * 99 + "[" * 20]
)
def test_brackets_that_do_not_nest_are_let_through(text: str) -> None:
    check_json(text)


@pytest.mark.parametrize(
    "text",
    [
        "x = 1" + " + 1" * 21,
        f"x = {'-' * 21}1",
        "f" + "(0)" * 21,
        f"x = {'not ' * 21}a",
        f"x = {'lambda: ' * 21}0",
        "x = (a, 1" + "\n + f(1, 2)" * 21 + ")",
        "if a: pass\n" + "elif b: pass\n" * 21,
        "a" + ".b" * 21,
    ],
)
def test_python_that_hangs_together_is_refused(text: str) -> None:
    with pytest.raises(RecursionError):
        check_python(text)


@pytest.mark.parametrize(
    "text",
    [
        "x = 1 + 1\n" * 99,
        "x = [" + "f(1, -2) + 1, " * 99 + "]",
        "x = {" + "'a': (-1, 2),\n" * 99 + "}",
        "x = '" + "+" * 99 + "'  # " + "-" * 99,
        "f(" + "a=1 + 2, " * 99 + ")",
        "x = 1; " * 99,
        f"x = {'[' * 11}{']' * 11} + {'[' * 11}{']' * 11}",
    ],
)
def test_what_stands_side_by_side_is_let_through(text: str) -> None:
    check_python(text)


@pytest.mark.parametrize("text", ["x = (" + "\n" * 99, "x = '''" + "\n" * 99, " x\ny\n  z\n" * 9])
def test_what_is_no_python_is_a_syntax_error(text: str) -> None:
    with pytest.raises(SyntaxError):
        check_python(text)


def test_own_sources_are_let_through(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nesting, "deepest_nesting", lambda: 500)
    for path in SOURCES:
        check_python(path.read_text(encoding="utf-8"))


def test_nothing_is_counted_where_python_says_so_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_nesting, "deepest_nesting", lambda: None)
    check_json("[" * 99_999)
    check_python("-" * 99_999)
