"""JSON and JSON lines: every value on a line with the path that leads to it.

    {"name": "Ada", "born": {"year": 1815}}     name: Ada
                                                born.year: 1815

An entry of the outermost array or object is a block. What is no JSON, such as JSON with comments,
is read as source code, and `malformed` of the metadata says where it breaks.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from abi._nesting import check_json
from abi.documents._document import Block, Blocks, Document
from abi.documents._encoding import lines_of, text_of
from abi.documents._source import outline

__all__ = ["parsed", "read_json", "read_jsonl", "values"]

_LONGEST_BLOCK = 1000  # lines
_LONGEST_KEY = 80
_LONGEST_PATH = 160
_NAMES = ("title", "name")


def parsed(text: str) -> Any:
    """The value of JSON; numbers are the text that they are written as."""
    check_json(text)
    return json.loads(text, parse_int=str, parse_float=str, parse_constant=str)


def read_json(data: bytes, name: str) -> Document:
    """A block for each entry; there are no lines, as JSON may be written in any."""
    text, encoding = text_of(data, name)
    meta: dict[str, Any] = {"format": "json", "encoding": encoding}
    blocks = Blocks()
    try:
        value = parsed(text)
    except json.JSONDecodeError as error:
        meta["malformed"] = f"line {error.lineno}, column {error.colno}: {error.msg}"
    except RecursionError:
        meta["malformed"] = "nested too deeply"
    else:
        for group in _groups(value):
            blocks.add(Block("\n".join(group), "table"))
        return Document(_title(value), blocks, meta)
    blocks.add_all(outline(lines_of(text)))
    return Document(None, blocks, meta)


def read_jsonl(data: bytes, name: str) -> Document:
    """A block for each line; a line that is no JSON stands as it is."""
    text, encoding = text_of(data, name)
    blocks = Blocks()
    for number, line in lines_of(text):
        for group in _line(line) if line.strip() else ():
            found = "\n".join(group)
            blocks.add(Block(found, "table", line=number, lines=_same(number, found)))
    return Document(None, blocks, {"format": "jsonl", "encoding": encoding})


def _line(line: str) -> Iterator[list[str]]:
    try:
        value = parsed(line)
    except (json.JSONDecodeError, RecursionError):
        yield [line.strip()]
    else:
        yield from batched(values(value))


def _same(number: int, text: str) -> tuple[int, ...]:
    """Every line of a text that is from one line of the file."""
    return (number,) * (text.count("\n") + 1) if "\n" in text else ()


def _title(value: Any) -> str | None:
    found = [value.get(key) for key in _NAMES] if isinstance(value, dict) else []
    return next((" ".join(one.split()) for one in found if isinstance(one, str) and one), None)


def _groups(value: Any) -> Iterator[list[str]]:
    """The lines of each entry; scalars that follow each other go together."""
    if not isinstance(value, dict | list):
        yield from batched(values(value))
        return
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    held: list[str] = []
    for key, one in entries:
        path = _key(key) if isinstance(value, dict) else ""
        if not isinstance(one, dict | list):
            held += values(one, path)
            continue
        yield from batched(iter(held))
        held = []
        yield from batched(values(one, path))
    yield from batched(iter(held))


def batched(lines: Iterator[str]) -> Iterator[list[str]]:
    """Lines in lists of a length that is no danger to memory."""
    while held := list(islice(lines, _LONGEST_BLOCK)):
        yield held


def values(value: Any, path: str = "") -> Iterator[str]:
    """`path: value` for every scalar in a value, in order, however deep."""
    stack: list[Iterator[tuple[str, Any]]] = [iter(((path, value),))]
    while stack:
        found = next(stack[-1], None)
        if found is None:
            stack.pop()
            continue
        where, one = found
        if isinstance(one, dict):
            stack.append(_members(where, one))
        elif isinstance(one, list):
            stack.append(_elements(where, one))
        elif text := _scalar(one):
            yield f"{where}: {text}" if where else text


def _members(where: str, value: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    for key, one in value.items():
        yield (f"{where}.{_key(key)}" if where else _key(key))[-_LONGEST_PATH:], one


def _elements(where: str, value: list[Any]) -> Iterator[tuple[str, Any]]:
    for i, one in enumerate(value):
        yield (f"{where}[{i}]" if where else "")[-_LONGEST_PATH:], one


def _key(key: Any) -> str:
    return " ".join(str(key).split())[:_LONGEST_KEY]


def _scalar(value: Any) -> str:
    if isinstance(value, bool) or value is None:
        return {True: "true", False: "false", None: ""}[value]
    return str(value).replace("\r\n", "\n").strip()
