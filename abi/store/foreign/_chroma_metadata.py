"""The points of a Chroma collection in its tables: ids, metadata and documents."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from abi.store.foreign._chroma_queue import Change, replayed
from abi.store.foreign._chroma_tables import Row, Tables

__all__ = ["Point", "metadata", "points"]

# Its id, its row in the tables if that is still right, and what is set since.
Point = tuple[str, int | None, list[dict[str, Any]]]


def points(tables: Tables, segment: str, changes: dict[str, list[Change]]) -> Iterator[Point]:
    """All points of a metadata segment, as they are after changes."""
    known = set()
    for row in tables.rows("embeddings", "segment_id", [segment], order="id"):
        name, number = row.need("embedding_id", str), row.need("id", int)
        if name not in changes:
            yield name, number, []
            continue
        known.add(name)
        exists, keeps, found = replayed(True, changes[name])
        if exists:
            yield name, number if keeps else None, found
    for name, several in changes.items():
        if name not in known:
            exists, _, found = replayed(False, several)
            if exists:
                yield name, None, found


def metadata(tables: Tables, batch: list[Point]) -> list[dict[str, Any]]:
    """Metadata of points; a document is there as `chroma:document`."""
    rows = [number for _, number, _ in batch if number is not None]
    found: dict[int, dict[str, Any]] = {number: {} for number in rows}
    for row in tables.rows("embedding_metadata", "id", rows):
        values, key, value = _of(found, row), row.need("key", str), _value(row)
        if value is not None:
            values[key] = value
    for row in tables.rows("embedding_metadata_array", "id", rows, order="rowid"):
        values, key, value = _of(found, row), row.need("key", str), _value(row)
        several = values.setdefault(key, [])
        if type(several) is not list:
            raise row.error(f"{key!r:.100} is a value and a list", "key")
        several.append(value)
    return [_with(found[number] if number is not None else {}, sets) for _, number, sets in batch]


def _of(found: dict[int, dict[str, Any]], row: Row) -> dict[str, Any]:
    number = row.need("id", int)
    if number not in found:  # an index of SQLite may say otherwise than its table
        raise row.error(f"{number} was not asked for", "id")
    return found[number]


def _with(values: dict[str, Any], sets: list[dict[str, Any]]) -> dict[str, Any]:
    for one in sets:
        values = {**values, **one}
    return {key: value for key, value in values.items() if value is not None}


def _value(row: Row) -> str | int | float | bool | None:
    text, integer = row.get("string_value", str), row.get("int_value", int)
    if text is not None or integer is not None:
        return integer if text is None else text
    truth = row.get("bool_value", int)
    return row.get("float_value", float) if truth is None else bool(truth)
