"""JSON of foreign files: a value of the kind that is expected, or a `FormatError`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from abi._nesting import check_json
from abi.errors import FormatError

__all__ = ["entry", "parse_object", "read_list", "read_object"]

_MOST_BYTES = 1 << 28  # the largest tokenizer.json is a tenth of it
_SHOWN = 80

_KINDS: dict[type, str] = {
    str: "a string", bool: "true or false", int: "a whole number", float: "a number",
    list: "a list", dict: "an object",
}  # fmt: skip


def read_object(path: Path) -> dict[str, Any]:
    """The object in a file of JSON.

    Raises
    ------
    FormatError
        If it is no JSON, no object, or too large to be one of a model's settings.
    OSError
        If it cannot be read.
    """
    return _object(_parse(_bytes(path), str(path)), str(path))


def read_list(path: Path) -> list[Any]:
    """The list in a file of JSON; raises as `read_object` does."""
    value = _parse(_bytes(path), str(path))
    if not isinstance(value, list):
        raise FormatError(f"expected a list, got {value!r:.80}", source=str(path))
    return value


def parse_object(raw: bytes, source: str, offset: int = 0) -> dict[str, Any]:
    """The object that UTF-8 bytes spell; `offset` is where they stand in their file."""
    return _object(_parse(raw, source, offset), source, offset)


def _parse(raw: bytes, source: str, offset: int = 0) -> Any:
    """The value that UTF-8 bytes spell; no name may be in an object twice."""
    try:
        text = raw.decode("utf-8")
        check_json(text)
        return json.loads(text, object_pairs_hook=_unique)
    except UnicodeDecodeError as error:
        at = offset + error.start
        raise FormatError("not UTF-8", offset=at, source=source) from None
    except json.JSONDecodeError as error:
        at = offset + len(error.doc[: error.pos].encode("utf-8", "surrogatepass"))
        raise FormatError(f"no JSON: {error.msg}", offset=at, source=source) from None
    except (ValueError, RecursionError) as error:  # a name twice, nesting, endless digits
        raise FormatError(f"no JSON: {error}", offset=offset, source=source) from None


def _bytes(path: Path) -> bytes:
    size = path.stat().st_size
    if size > _MOST_BYTES:
        raise FormatError(f"{size:,} bytes, expected at most {_MOST_BYTES:,}", source=str(path))
    return path.read_bytes()


def _object(value: Any, source: str, offset: int | None = None) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise FormatError(f"expected an object, got {value!r:.80}", offset=offset, source=source)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise ValueError(f"the name {twice!r:.80} is there twice")
    return found


def entry(
    values: Mapping[str, Any], name: str, kind: type, source: str, default: Any = None
) -> Any:
    """The entry of that name, checked; `default` where it is absent or null.

    Raises
    ------
    FormatError
        If it has another kind.
    """
    value = values.get(name)
    if value is None:
        return default
    fits = type(value) is kind or (kind is float and type(value) is int)
    if not fits:
        got = repr(value)[:_SHOWN]
        raise FormatError(f"expected {_KINDS[kind]}, got {got}", field=name, source=source)
    return value
