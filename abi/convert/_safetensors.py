"""Reading safetensors files: mapped, every length checked before it is believed.

    header size u64 | header, JSON in UTF-8, padded with spaces | data

The header maps names to {"dtype", "shape", "data_offsets": [begin, end]}, offsets counting from
the end of the header; `__metadata__` maps strings to strings. Data follow each other without
gaps. A model may lie in several files, which `model.safetensors.index.json` maps names to.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from abi._platform import map_file
from abi.convert._json import entry, parse_object, read_object
from abi.errors import FormatError, UnsupportedError
from abi.quant import TYPES, Tensor

__all__ = ["Stored", "read_folder", "read_safetensors"]

INDEX, WHOLE = "model.safetensors.index.json", "model.safetensors"

_MOST_HEADER = 100_000_000  # the format's own limit
_MOST_DIMS = 64
_BYTES = {
    "F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U64": 8,
    "U32": 4, "U16": 2, "U8": 1, "BOOL": 1, "F8_E4M3": 1, "F8_E5M2": 1, "F8_E8M0": 1, "C64": 8,
}  # fmt: skip
_WEIGHTS = ("F32", "F16", "BF16", "F64")


@dataclass(frozen=True)
class Stored:
    """A tensor as a safetensors file holds it.

    Attributes
    ----------
    name, dtype : str
    shape : tuple of int
        Outermost first; empty for a scalar.
    data : (n_bytes,) uint8
        A view of the mapped file.
    source : str
        The file's name.
    """

    name: str
    dtype: str
    shape: tuple[int, ...]
    data: npt.NDArray[np.uint8] = field(repr=False)
    source: str

    def tensor(self, name: str) -> Tensor:
        """The same values under another name, F64 as F32.

        Raises
        ------
        UnsupportedError
            If they are no weights.
        """
        if self.dtype not in _WEIGHTS or not self.shape or 0 in self.shape:
            raise UnsupportedError(
                f"{self.source}, {self.name}: {self.dtype} of shape {self.shape}; expected weights "
                f"({', '.join(_WEIGHTS)})"
            )
        if self.dtype == "F64":
            return Tensor(name, self.shape, TYPES["F32"], self._single)
        return Tensor(name, self.shape, TYPES[self.dtype], self.data)

    def _single(self) -> npt.NDArray[np.uint8]:
        with np.errstate(over="ignore"):  # infinite then, which is refused where it is written
            values = self.data.view("<f8").astype("<f4")
        return values.view(np.uint8)


def read_safetensors(path: str | os.PathLike[str]) -> dict[str, Stored]:
    """The tensors of one file, in the order of its header.

    Raises
    ------
    FormatError
        If the file is malformed or cut, with the field and its offset.
    OSError
        If it cannot be opened.
    """
    source = os.fspath(path)
    with open(path, "rb") as file:
        data = map_file(file)
    if len(data) < 8:
        raise FormatError(f"{len(data)} bytes, expected 8 or more", field="size", source=source)
    size, room = int.from_bytes(data[:8], "little"), len(data) - 8
    if size > min(room, _MOST_HEADER):
        message = f"a header of {size} bytes, {room} are left and {_MOST_HEADER} allowed"
        raise FormatError(message, field="header size", offset=0, source=source)
    header = parse_object(bytes(data[8 : 8 + size]), source, 8)
    notes = entry(header, "__metadata__", dict, source, {})
    if not all(isinstance(value, str) for value in notes.values()):
        raise FormatError("expected strings", field="__metadata__", offset=8, source=source)
    header.pop("__metadata__", None)
    raw = np.frombuffer(data, np.uint8)[8 + size :]
    found = {name: _stored(name, info, raw, source, 8 + size) for name, info in header.items()}
    _check_whole(header, raw.size, source, 8 + size)
    return found


def _stored(name: str, info: Any, raw: npt.NDArray[np.uint8], source: str, base: int) -> Stored:
    """One entry of the header; `base` is where the data begin in the file."""
    if not isinstance(info, dict):
        raise FormatError(f"expected an object, got {info!r:.80}", field=name, source=source)
    dtype = entry(info, "dtype", str, source, "")
    if dtype not in _BYTES:
        known = ", ".join(_BYTES)
        raise FormatError(
            f"dtype {dtype!r:.40}; known: {known}", field=name, offset=8, source=source
        )
    shape = _counts(info.get("shape"), f"{name} shape", source, range(_MOST_DIMS + 1))
    begin, end = _counts(info.get("data_offsets"), f"{name} data_offsets", source, range(2, 3))
    at = base + begin
    if not begin <= end <= raw.size:
        message = f"bytes {begin} to {end} of {raw.size} bytes of data; is the file cut?"
        raise FormatError(message, field=name, offset=at, source=source)
    n_bytes = prod(shape) * _BYTES[dtype]
    if n_bytes != end - begin:
        message = f"{end - begin} bytes, its shape {shape} as {dtype} needs {n_bytes}"
        raise FormatError(message, field=name, offset=at, source=source)
    return Stored(name, dtype, shape, raw[begin:end], source)


def _counts(value: Any, field: str, source: str, lengths: range) -> tuple[int, ...]:
    """A list of sizes, of one of these lengths."""
    if (
        not isinstance(value, list)
        or len(value) not in lengths
        or not all(type(n) is int and 0 <= n < 1 << 63 for n in value)
    ):
        most = lengths[-1]
        expected = f"{most}" if len(lengths) == 1 else f"at most {most}"
        message = f"expected {expected} whole numbers, got {value!r:.80}"
        raise FormatError(message, field=field, offset=8, source=source)
    return tuple(value)


def _check_whole(header: Mapping[str, Any], size: int, source: str, base: int) -> None:
    """Data follow each other to the end: none overlap, and nothing hides between them."""
    end = 0
    for name, info in sorted(header.items(), key=lambda item: tuple(item[1]["data_offsets"])):
        begin = info["data_offsets"][0]
        if begin != end:
            message = f"begins at byte {begin} of the data, expected {end}, where the last one ends"
            raise FormatError(message, field=name, offset=base + begin, source=source)
        end = info["data_offsets"][1]
    if end != size:
        message = f"{size - end} bytes after the last tensor"
        raise FormatError(message, field="data", offset=base + end, source=source)


def read_folder(folder: Path) -> dict[str, Stored]:
    """The tensors of a model's folder: of `model.safetensors`, or of all files of its index.

    Raises
    ------
    FormatError
        If a file is malformed, or the index and its files disagree.
    OSError
        If a file is missing or cannot be read.
    """
    index = folder / INDEX
    if not index.exists():
        return read_safetensors(folder / WHOLE)
    places = entry(read_object(index), "weight_map", dict, str(index), {})
    for name in places.values():
        if not isinstance(name, str) or name in ("", ".", "..") or {*name} & {"/", "\\", "\0"}:
            message = f"expected the names of files beside it, got {name!r:.80}"
            raise FormatError(message, field="weight_map", source=str(index))
    found: dict[str, Stored] = {}
    for name in dict.fromkeys(places.values()):
        for key, stored in read_safetensors(folder / name).items():
            if places.get(key) != name or key in found:
                message = f"{name} holds {key!r:.80}, which the index does not place there"
                raise FormatError(message, field="weight_map", source=str(index))
            found[key] = stored
    if missing := places.keys() - found.keys():
        message = f"{min(missing)!r:.80} is in none of its files"
        raise FormatError(message, field="weight_map", source=str(index))
    return found
