"""Opening GGUF files: one file or the parts of a split one, mapped and zero-copy."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np

from abi._platform import map_file
from abi.errors import FormatError, InputError
from abi.gguf._cursor import Value
from abi.gguf._header import Header, TensorInfo, read_header
from abi.gguf._types import Typed, ValueType
from abi.quant import Tensor

__all__ = ["GGUFFile", "Source", "read"]

Source = str | os.PathLike[str] | IO[bytes] | bytes | bytearray | memoryview

_SPLIT_NAME = re.compile(r"(?P<stem>.*)-(?P<no>\d{5})-of-(?P<count>\d{5})\.gguf", re.S)
_MAX_PARTS = 65535  # split.count is a UINT16


class GGUFFile:
    """The contents of a GGUF file.

    Attributes
    ----------
    metadata : dict
        Key to value: bool, int, float, str, a list of str, a nested list, or a NumPy array
        (a view of the file) for arrays of numbers.
    types : dict of str to ValueType
        The type each metadata value has in the file.
    tensors : dict of str to Tensor
        In file order. Their data are views of the mapped file.
    version, alignment : int
    source : str
        Name for messages.
    """

    def __init__(self, header: Header, tensors: dict[str, Tensor], source: str) -> None:
        self.metadata: dict[str, Value] = header.metadata
        self.types: dict[str, ValueType] = header.types
        self.version, self.alignment = header.version, header.alignment
        self.tensors, self.source = tensors, source

    def typed(self) -> dict[str, Value | Typed]:
        """The metadata with its types said, so that `write` stores it unchanged."""
        return {key: self._typed(key, value) for key, value in self.metadata.items()}

    def _typed(self, key: str, value: Value) -> Value | Typed:
        if self.types[key] is not ValueType.ARRAY:
            return Typed(value, self.types[key])
        # Numbers carry their dtype; an empty list is one of strings as far as can be told.
        return Typed([], ValueType.STRING) if isinstance(value, list) and not value else value

    def __repr__(self) -> str:
        return f"<GGUFFile {self.source!r}: {len(self.tensors)} tensors, {self.n_bytes} bytes>"

    @property
    def n_bytes(self) -> int:
        """Bytes of all tensors as stored."""
        return sum(t.n_bytes for t in self.tensors.values())


def read(source: Source) -> GGUFFile:
    """Read a GGUF file; of a split model, name any of its parts.

    Parameters
    ----------
    source : path, open binary file, or bytes
        A path is mapped, so tensors cost no memory until they are used.

    Returns
    -------
    GGUFFile

    Raises
    ------
    FormatError
        If the file is malformed or cut, with offset and field.
    OSError
        If a path cannot be opened.
    """
    data, name = _open(source)
    header = read_header(data, name)
    count = header.metadata.get("split.count", 1)
    if not isinstance(count, int) or not 0 <= count <= _MAX_PARTS:
        raise FormatError(
            f"expected 0 to {_MAX_PARTS}, got {count}", field="split.count", source=name
        )
    if count <= 1:
        return GGUFFile(header, dict(_tensors(header, data)), name)
    return _read_split(source, name, count)


def _open(source: Source) -> tuple[memoryview, str]:
    if isinstance(source, bytes | bytearray | memoryview):
        return memoryview(source).toreadonly().cast("B"), "<bytes>"
    if isinstance(source, str | os.PathLike):
        name = os.fspath(source)
        if "\0" in name:
            raise InputError(f"path {name!r}: a path holds no null")
        with open(source, "rb") as file:
            if stat.S_ISCHR(os.fstat(file.fileno()).st_mode):
                raise InputError(f"{name}: a device, which may never end; expected a file")
            return map_file(file), name
    if hasattr(source, "read"):
        data = map_file(source)
        return data.cast("B") if data.c_contiguous else data, str(getattr(source, "name", "<file>"))
    raise InputError(f"expected a path, an open binary file or bytes, got {type(source).__name__}")


def _tensors(header: Header, data: memoryview) -> Iterator[tuple[str, Tensor]]:
    raw = np.frombuffer(data, np.uint8)
    for info in header.tensors.values():
        yield info.name, _tensor(info, raw)


def _tensor(info: TensorInfo, raw: np.ndarray[tuple[int], np.dtype[np.uint8]]) -> Tensor:
    part = raw[info.start : info.start + info.n_bytes]
    return Tensor(info.name, info.shape, info.type, part)


def _read_split(source: Source, name: str, count: int) -> GGUFFile:
    match = _SPLIT_NAME.fullmatch(name)
    if not isinstance(source, str | os.PathLike) or match is None:
        cure = "open it by a path named like NAME-00001-of-00002.gguf with its siblings beside it"
        raise FormatError(f"one of {count} parts; {cure}", field="split.count", source=name)
    first: Header | None = None
    tensors: dict[str, Tensor] = {}
    for no in range(count):
        path = Path(f"{match['stem']}-{no + 1:05d}-of-{count:05d}.gguf")
        if not path.exists():
            raise FormatError(f"part {no + 1} of {count} is missing: {path}", source=name)
        data, part_name = _open(path)
        header = read_header(data, part_name)
        _check_part(header, part_name, no, count)
        first = first or header
        for key, tensor in _tensors(header, data):
            if key in tensors:
                raise FormatError("the tensor is in two parts", field=key, source=part_name)
            tensors[key] = tensor
    if first is None:
        raise FormatError("no parts", source=name)
    total = first.metadata.get("split.tensors.count", len(tensors))
    if total != len(tensors):
        message = f"{len(tensors)} tensors in all parts, expected {total}"
        raise FormatError(message, field="split.tensors.count", source=name)
    return GGUFFile(first, tensors, name)


def _check_part(header: Header, source: str, no: int, count: int) -> None:
    got = header.metadata.get("split.no"), header.metadata.get("split.count")
    if got != (no, count):
        message = f"says part {got[0]} of {got[1]}, expected {no} of {count} by its name"
        raise FormatError(message, field="split.no", source=source)
