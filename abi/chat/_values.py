"""Plain copies of what a caller gives: a template sees JSON's types and nothing else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

from abi.errors import InputError

__all__ = ["Plain"]

_MAX_DEPTH = 48


class Plain:
    """Copies values, and counts what they hold.

    Attributes
    ----------
    n_values, n_chars : int
        Of everything that was copied so far.
    """

    def __init__(self) -> None:
        self.n_values = self.n_chars = 0

    def copy(self, value: Any, depth: int = 0) -> Any:
        """A copy of plain types.

        Raises
        ------
        InputError
            If it holds something that JSON has no word for, or nests deeper than 48.
        """
        self.n_values += 1
        if depth > _MAX_DEPTH:
            raise InputError(f"a message or tool nests deeper than {_MAX_DEPTH}")
        if isinstance(value, str):
            self.n_chars += len(value)
            return str.__str__(value)
        if value is None or isinstance(value, bool):
            return value
        if isinstance(value, int | float):
            return float(value) if isinstance(value, float) else int(value)
        if isinstance(value, Mapping):
            return {
                self.copy(key, depth + 1): self.copy(item, depth + 1) for key, item in value.items()
            }
        if isinstance(value, list | tuple):
            return [self.copy(item, depth + 1) for item in value]
        return self._object(value, depth)

    def _object(self, value: Any, depth: int) -> Any:
        for name in ("to_dict", "model_dump"):  # ours; Pydantic's
            if not isinstance(value, type) and callable(dump := getattr(value, name, None)):
                return self.copy(dump(), depth + 1)
        if is_dataclass(value) and not isinstance(value, type):
            names = [field.name for field in fields(value)]
            return {name: self.copy(getattr(value, name), depth + 1) for name in names}
        if getattr(value, "shape", None) == () and callable(item := getattr(value, "item", None)):
            return self.copy(item(), depth + 1)  # NumPy's numbers
        raise InputError(
            f"a message or tool holds a {type(value).__name__}: expected texts, numbers, lists "
            "and mappings"
        )
