"""A place in foreign bytes, from which numbers and arrays are taken in turn.

All numbers are little endian. Every length is compared with what is left before anything of
that length is made.
"""

from __future__ import annotations

import os
import struct
from typing import Any

import numpy as np
import numpy.typing as npt

from abi._platform import map_file
from abi.errors import FormatError

__all__ = ["Cursor", "map_path"]


def map_path(path: str | os.PathLike[str]) -> memoryview:
    """A whole file, mapped; OSError if there is none."""
    with open(path, "rb") as file:
        return map_file(file)


class Cursor:
    """Bytes that are read from front to back.

    Parameters
    ----------
    data : memoryview
    source : str
        Name for messages.
    """

    def __init__(self, data: memoryview, source: str) -> None:
        self.data, self.source, self.at = data, source, 0

    @property
    def left(self) -> int:
        """Bytes that were not taken."""
        return len(self.data) - self.at

    def error(self, message: str, field: str, at: int | None = None) -> FormatError:
        """An error at a place; where nothing was taken last, at this one."""
        offset = self.at if at is None else at
        return FormatError(message, field=field, offset=offset, source=self.source)

    def skip(self, n_bytes: int, field: str) -> int:
        """Go on by so many bytes; where they began."""
        if n_bytes > self.left:
            message = f"{n_bytes} bytes expected, {self.left} left: cut or damaged"
            raise self.error(message, field)
        self.at += n_bytes
        return self.at - n_bytes

    def numbers(self, layout: str, field: str) -> tuple[Any, ...]:
        """Numbers of a `struct` layout, without padding."""
        kind = struct.Struct("<" + layout)
        return kind.unpack_from(self.data, self.skip(kind.size, field))

    def number(self, layout: str, field: str) -> int:
        """One integer."""
        return int(self.numbers(layout, field)[0])

    def code(self, field: str) -> bytes:
        """Four characters that name what follows."""
        start = self.skip(4, field)
        return bytes(self.data[start : self.at])

    def array(self, dtype: str, n: int, field: str) -> npt.NDArray[Any]:
        """An array in place."""
        kind = np.dtype(dtype)
        start = self.skip(n * kind.itemsize, field)
        return np.frombuffer(self.data[start : self.at], kind)

    def counted(self, dtype: str, field: str) -> npt.NDArray[Any]:
        """An array in place, whose length stands before it."""
        return self.array(dtype, self.number("Q", field), field)

    def done(self, field: str) -> None:
        """FormatError if anything is left."""
        if self.left:
            raise self.error(f"{self.left} bytes after its end: damaged, or of a newer kind", field)
