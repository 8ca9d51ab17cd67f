"""Typed look-ups of one architecture's metadata keys."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from abi.errors import FormatError, UnsupportedError

__all__ = ["Keys"]

_LIMIT = 1 << 31  # more of anything is a broken file
_SHOWN = 80  # characters of a file's value in a message


class Keys:
    """Keys of one architecture; each look-up raises `FormatError` with the key's name."""

    def __init__(self, metadata: Mapping[str, Any], arch: str) -> None:
        self.metadata, self.arch = metadata, arch

    def size(
        self, key: str, default: int | None = None, *, least: int = 1, most: int = _LIMIT
    ) -> int:
        """A whole number from `least` to `most`."""
        name, value = self._get(key, default)
        if hasattr(value, "__len__") and not isinstance(value, str):
            value = self._one(name, value)
        if type(value) is not int or not least <= value < _LIMIT:
            kind = "a positive integer" if least else "an integer not below 0"
            raise FormatError(f"expected {kind}, got {repr(value)[:_SHOWN]}", field=name)
        if value > most:
            raise FormatError(f"expected at most {most}, got {value}", field=name)
        return value

    def real(self, key: str, default: float | None = None) -> float:
        """A finite number, zero or above."""
        name, value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FormatError(f"expected a number, got {repr(value)[:_SHOWN]}", field=name)
        if not 0 <= value < float("inf"):
            raise FormatError(f"expected a finite number not below 0, got {value}", field=name)
        return float(value)

    def text(self, key: str, default: str) -> str:
        name, value = self._get(key, default)
        if not isinstance(value, str):
            raise FormatError(f"expected a string, got {repr(value)[:_SHOWN]}", field=name)
        return value

    def flag(self, key: str, default: bool) -> bool:
        name, value = self._get(key, default)
        if not isinstance(value, bool):
            raise FormatError(f"expected true or false, got {repr(value)[:_SHOWN]}", field=name)
        return value

    def flags(self, key: str, n: int) -> tuple[bool, ...] | None:
        """One flag a layer; None where the key is absent or no list."""
        value = self.metadata.get(self.name(key))
        if value is None or not hasattr(value, "__len__") or isinstance(value, str):
            return None
        whole = isinstance(value, np.ndarray) and value.ndim == 1 and value.dtype.kind in "biu"
        if len(value) < n or not (whole or all(isinstance(v, bool) for v in value)):
            raise FormatError(
                f"expected a list of {n} flags or numbers, one a layer, got {repr(value)[:_SHOWN]}",
                field=self.name(key),
            )
        return tuple(bool(v) for v in value[:n])

    def has(self, key: str) -> bool:
        return self.name(key) in self.metadata

    def name(self, key: str) -> str:
        """The whole name of a key."""
        return f"{self.arch}.{key}"

    def _one(self, name: str, values: Any) -> Any:
        """The value that all layers share."""
        if not isinstance(values, np.ndarray) or values.ndim != 1 or values.dtype.kind not in "iu":
            raise FormatError(f"expected an integer, got {repr(values)[:_SHOWN]}", field=name)
        found = sorted(set(values.tolist()))
        if len(found) != 1:
            shown = repr(found)[:_SHOWN]
            raise UnsupportedError(f"{name}: different values a layer ({shown}) are not supported")
        return found[0]

    def _get(self, key: str, default: Any) -> tuple[str, Any]:
        name = self.name(key)
        value = self.metadata.get(name, default)
        if value is None:
            raise FormatError("the key is missing", field=name)
        return name, value
