"""JSON lines: `{"id": 1, "vector": [...], "payload": {...}, "text": "..."}`.

Several vectors are `"vectors"`, an object by name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, BinaryIO

from abi._nesting import check_json
from abi.errors import InputError
from abi.store._hit import Point

__all__ = ["columns_of", "json_line", "points_of_lines", "read_jsonl"]

_KEYS = {"id", "vector", "vectors", "payload", "text"}


def json_line(point: Point) -> str:
    """A point as a line, without its end.

    Examples
    --------
    >>> json_line(Point(7, {"n": 1}))
    '{"id": 7, "payload": {"n": 1}}'
    """
    named = dict(point.vectors or {})
    line: dict[str, Any] = {"id": point.id}
    if "" in named:
        line["vector"] = named.pop("").tolist()
    if named:
        line["vectors"] = {name: vector.tolist() for name, vector in named.items()}
    if point.payload is not None:
        line["payload"] = point.payload
    if point.text is not None:
        line["text"] = point.text
    return json.dumps(line, ensure_ascii=False)


def read_jsonl(file: BinaryIO, name: str, size: int) -> Iterator[dict[str, Any]]:
    """Arguments of `upsert` for up to `size` points each.

    Raises
    ------
    InputError
        If a line is no point; with its number.
    """
    waiting: list[dict[str, Any]] = []
    for point in points_of_lines(file, name):
        waiting.append(point)
        if len(waiting) == size:
            yield columns_of(waiting)
            waiting = []
    if waiting:
        yield columns_of(waiting)


def points_of_lines(file: Iterable[bytes], name: str) -> Iterator[dict[str, Any]]:
    """The object of each line that is not empty; InputError if it is no point."""
    for number, text in enumerate(file, 1):
        if text.strip():
            yield _point(text, f"{name}, line {number}")


def _point(text: bytes, where: str) -> dict[str, Any]:
    try:
        check_json(text)
        point = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: no JSON: {error}") from None
    if not isinstance(point, dict) or "id" not in point:
        raise InputError(f'{where}: expected an object with "id"')
    if unknown := sorted(set(point) - _KEYS):
        raise InputError(f'{where}: unknown {unknown[0]!r}; put other values into "payload"')
    if not isinstance(point.get("vectors", {}), dict):
        raise InputError(f'{where}: "vectors" is no object; expected vectors by name')
    return point


def columns_of(points: list[dict[str, Any]]) -> dict[str, Any]:
    """Arguments of `upsert` for the objects of some lines."""
    named = [
        {**p.get("vectors", {}), **({"": p["vector"]} if "vector" in p else {})} for p in points
    ]
    names = dict.fromkeys(name for vectors in named for name in vectors)
    return {
        "ids": [p["id"] for p in points],
        "vectors": {name: [vectors.get(name) for vectors in named] for name in names},
        "payloads": [p.get("payload") for p in points],
        "texts": [p.get("text") for p in points],
    }
