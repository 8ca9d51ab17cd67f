"""The parts of a GGUF file before the tensor data.

    "GGUF" | version u32 | n_tensors u64 | n_kv u64
    n_kv  x ( key string | type u32 | value )
    n_tensors x ( name string | n_dims u32 | n_dims x u64 | type u32 | offset u64 )
    padding to general.alignment | data; offsets count from here

Strings are a u64 length and bytes; arrays are element type u32, count u64, elements.
Dimensions are stored innermost first. All little endian.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from abi.errors import FormatError
from abi.gguf._cursor import Cursor, Value
from abi.gguf._types import (
    DEFAULT_ALIGNMENT,
    MAGIC,
    MAX_ALIGNMENT,
    MAX_DIMS,
    MAX_KEY,
    MAX_NAME,
    ValueType,
)
from abi.quant import TYPES_BY_ID, TensorType

__all__ = ["Header", "TensorInfo", "read_header"]

_MIN_KV = 8 + 4 + 1
_MIN_INFO = 8 + 4 + 4 + 8
_MAX_ELEMENTS = 2**63 - 1


@dataclass(frozen=True)
class TensorInfo:
    """Where one tensor lies: `start` and `n_bytes` count from the file's first byte."""

    name: str
    shape: tuple[int, ...]
    type: TensorType
    start: int
    n_bytes: int


@dataclass(frozen=True)
class Header:
    version: int
    alignment: int
    metadata: dict[str, Value]
    types: dict[str, ValueType]
    tensors: dict[str, TensorInfo]


def read_header(data: memoryview, source: str) -> Header:
    """Parse and check everything before the data, and that the data is all there."""
    cursor = Cursor(data, source)
    version = _version(cursor)
    n_tensors = cursor.count("n_tensors", _MIN_INFO, "tensors")
    n_kv = cursor.count("n_kv", _MIN_KV, "metadata entries")
    metadata: dict[str, Value] = {}
    types: dict[str, ValueType] = {}
    for i in range(n_kv):
        _read_pair(cursor, i, metadata, types)
    alignment = _alignment(cursor, metadata, types)
    infos = _read_infos(cursor, n_tensors)
    base = -(-cursor.pos // alignment) * alignment
    tensors, end = {}, 0
    for info, at in infos.values():
        tensors[info.name] = _place(cursor, info, at, base, end)
        end += -(-info.n_bytes // alignment) * alignment
    return Header(version, alignment, metadata, types, tensors)


def _version(cursor: Cursor) -> int:
    magic = bytes(cursor.take(4, "magic"))
    if magic != MAGIC:
        raise cursor.error(
            f"not a GGUF file: starts with {magic!r}, expected {MAGIC!r}", "magic", 0
        )
    version = cursor.u32("version")
    swapped = int.from_bytes(version.to_bytes(4, "little"), "big")
    if version not in (2, 3) and swapped in (2, 3):
        cure = "convert it on the machine that made it (gguf-convert-endian)"
        raise cursor.error(
            f"a big-endian GGUF file; only little endian is read, {cure}", "version", 4
        )
    if version not in (2, 3):
        raise cursor.error(f"GGUF version {version}, expected 2 or 3", "version", 4)
    return version


def _read_pair(
    cursor: Cursor, i: int, metadata: dict[str, Value], types: dict[str, ValueType]
) -> None:
    at = cursor.pos
    key = cursor.string(f"key {i}")
    if not key or len(key) > MAX_KEY:
        raise cursor.error(f"a key has 1 to {MAX_KEY} characters, got {len(key)}", f"key {i}", at)
    if key in metadata:
        raise cursor.error("the key is there twice", key, at)
    types[key] = cursor.value_type(key)
    metadata[key] = cursor.value(types[key], key)


def _alignment(cursor: Cursor, metadata: dict[str, Value], types: dict[str, ValueType]) -> int:
    key = "general.alignment"
    value = metadata.get(key, DEFAULT_ALIGNMENT)
    if key in types and types[key] is not ValueType.UINT32:
        raise cursor.error(f"expected UINT32, got {types[key].name}", key)
    if not isinstance(value, int) or not 1 <= value <= MAX_ALIGNMENT or value & (value - 1):
        raise cursor.error(f"expected a power of two up to {MAX_ALIGNMENT}, got {value}", key)
    return value


def _read_infos(cursor: Cursor, n: int) -> dict[str, tuple[TensorInfo, int]]:
    """Infos with `start` still relative to the data, each with its own file offset."""
    infos: dict[str, tuple[TensorInfo, int]] = {}
    for i in range(n):
        at = cursor.pos
        name = cursor.string(f"tensor {i} name")
        if not name or len(name.encode("utf-8", "surrogateescape")) > MAX_NAME:
            message = f"a tensor name has 1 to {MAX_NAME} bytes, got {len(name)} characters"
            raise cursor.error(message, f"tensor {i} name", at)
        if name in infos:
            raise cursor.error("the tensor is there twice", name, at)
        infos[name] = _read_info(cursor, name), at
    return infos


def _read_info(cursor: Cursor, name: str) -> TensorInfo:
    at = cursor.pos
    n_dims = cursor.u32(f"{name} n_dims")
    if not 1 <= n_dims <= MAX_DIMS:
        raise cursor.error(f"1 to {MAX_DIMS} dimensions, got {n_dims}", name, at)
    dims = tuple(cursor.u64(f"{name} dims") for _ in range(n_dims))
    if 0 in dims or prod(dims) > _MAX_ELEMENTS:
        raise cursor.error(f"dimensions {dims} are empty or overflow", name, at)
    at = cursor.pos
    number = cursor.u32(f"{name} type")
    kind = TYPES_BY_ID.get(number)
    if kind is None:
        raise cursor.error(f"tensor type {number} is unknown", name, at)
    if dims[0] % kind.block_size:
        message = f"row of {dims[0]} is not a multiple of the {kind.name} block"
        raise cursor.error(f"{message} ({kind.block_size})", name, at)
    offset = cursor.u64(f"{name} offset")
    return TensorInfo(name, dims[::-1], kind, offset, kind.n_bytes(prod(dims)))


def _place(cursor: Cursor, info: TensorInfo, at: int, base: int, end: int) -> TensorInfo:
    """Make the info's start absolute; `at` is where the info itself stands."""
    start, size = base + info.start, len(cursor.data)
    if info.start != end:
        message = f"data offset {info.start}, expected {end}, where the tensor before it ends"
        raise cursor.error(message, info.name, at)
    if start + info.n_bytes > size:
        message = f"data ends at byte {start + info.n_bytes} of a file of {size}; is it cut?"
        raise FormatError(message, field=info.name, offset=at, source=cursor.source)
    return TensorInfo(info.name, info.shape, info.type, start, info.n_bytes)
