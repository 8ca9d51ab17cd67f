"""Arrays of a file that are read when they are taken."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy.typing as npt

__all__ = ["Lazy"]

Array = npt.NDArray[Any]


class Lazy(Mapping[str, Array]):
    """Arrays by short names.

    Parameters
    ----------
    read : callable
        Takes a name, and reads the array.
    names : mapping of str to str
        The name that `read` knows, by the short one.
    """

    def __init__(self, read: Callable[[str], Array], names: Mapping[str, str]) -> None:
        self._read, self._names = read, names

    def __getitem__(self, name: str) -> Array:
        return self._read(self._names[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)
