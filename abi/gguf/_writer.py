"""Writing GGUF version 3, tensor by tensor, beside the target and renamed when whole."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Mapping, Sequence
from typing import IO, Any

import numpy as np

from abi._files import replacing
from abi.errors import InputError
from abi.gguf._types import (
    DEFAULT_ALIGNMENT,
    MAGIC,
    MAX_ALIGNMENT,
    MAX_DIMS,
    MAX_KEY,
    MAX_NAME,
    MAX_NESTING,
    SCALARS,
    Typed,
    ValueType,
)
from abi.quant import Tensor

__all__ = ["write"]

_BY_DTYPE = {np.dtype(code): kind for kind, code in SCALARS.items()}
_INT_TYPES = (ValueType.UINT32, ValueType.INT32, ValueType.UINT64, ValueType.INT64)


def write(
    target: str | os.PathLike[str] | IO[bytes],
    metadata: Mapping[str, Any],
    tensors: Iterable[Tensor],
) -> None:
    """Write a GGUF file.

    Parameters
    ----------
    target : path or open binary file
        A path is replaced only when the new file is whole.
    metadata : mapping
        Values are bool, int (UINT32, or INT32, UINT64, INT64 where it does not fit), float
        (FLOAT32), str, sequences and NumPy arrays (their dtype), or `Typed` to say the type.
        `general.alignment` sets the alignment of the data (32 when absent).
    tensors : iterable of Tensor
        Their data are asked for one at a time, so a model need not fit in memory.

    Raises
    ------
    InputError
        If a name, shape, type or value cannot be stored. A path is left as it was.

    Examples
    --------
    >>> import io
    >>> file = io.BytesIO()
    >>> write(file, {"general.architecture": "llama"}, [])
    >>> len(file.getvalue())
    64
    """
    ordered = list(tensors)
    alignment = _alignment(metadata)
    head = _header(metadata, ordered, alignment)
    if not isinstance(target, str | os.PathLike):
        _write_all(target, head, ordered, alignment)
        return
    with replacing(target) as file:
        _write_all(file, head, ordered, alignment)


def _write_all(file: IO[bytes], head: bytes, tensors: Sequence[Tensor], alignment: int) -> None:
    file.write(head)
    for tensor in tensors:
        data = tensor.data
        if data.nbytes != tensor.n_bytes:
            raise InputError(
                f"{tensor.name}: {data.nbytes} bytes, its shape {tensor.shape} "
                f"as {tensor.type.name} needs {tensor.n_bytes}"
            )
        file.write(np.ascontiguousarray(data).data)
        file.write(bytes(-data.nbytes % alignment))


def _alignment(metadata: Mapping[str, Any]) -> int:
    value = metadata.get("general.alignment", DEFAULT_ALIGNMENT)
    if isinstance(value, Typed):
        value = value.value if value.type is ValueType.UINT32 else None
    value = int(value) if isinstance(value, np.uint32) else value
    if type(value) is not int or not 1 <= value <= MAX_ALIGNMENT or value & (value - 1):
        raise InputError(
            f"general.alignment: expected a power of two up to {MAX_ALIGNMENT}, got {value!r}"
        )
    return value


def _header(metadata: Mapping[str, Any], tensors: Sequence[Tensor], alignment: int) -> bytes:
    out = bytearray(MAGIC + struct.pack("<IQQ", 3, len(tensors), len(metadata)))
    for key, value in metadata.items():
        if not isinstance(key, str) or not key or len(key) > MAX_KEY:
            raise InputError(f"a key is a text of 1 to {MAX_KEY} characters, got {key!r:.80}")
        out += _string(key, key) + _value(key, value)
    offset = 0
    names: set[str] = set()
    for tensor in tensors:
        _check(tensor, names)
        names.add(tensor.name)
        dims = tensor.shape[::-1]
        out += _string(tensor.name, tensor.name) + struct.pack(f"<I{len(dims)}Q", len(dims), *dims)
        out += struct.pack("<IQ", tensor.type.id, offset)
        offset += tensor.n_bytes + -tensor.n_bytes % alignment
    return bytes(out) + bytes(-len(out) % alignment)


def _check(tensor: Tensor, names: set[str]) -> None:
    size = len(_string(tensor.name, tensor.name)) - 8
    if not 1 <= size <= MAX_NAME:
        raise InputError(f"{tensor.name!r}: a tensor name has 1 to {MAX_NAME} bytes, got {size}")
    if tensor.name in names:
        raise InputError(f"{tensor.name}: the tensor is there twice")
    if not 1 <= len(tensor.shape) <= MAX_DIMS or min(tensor.shape) < 1:
        raise InputError(f"{tensor.name}: 1 to {MAX_DIMS} dimensions, none 0, got {tensor.shape}")
    if tensor.shape[-1] % tensor.type.block_size:
        raise InputError(
            f"{tensor.name}: row of {tensor.shape[-1]} is not a multiple of the "
            f"{tensor.type.name} block ({tensor.type.block_size})"
        )


def _string(key: str, text: str) -> bytes:
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        raise InputError(f"{key!r}: {error.reason} at character {error.start}") from None
    return struct.pack("<Q", len(raw)) + raw


def _value(key: str, value: Any) -> bytes:
    """A type number and the value's bytes."""
    if isinstance(value, Typed) and not _is_array(value.value):
        return struct.pack("<I", value.type) + _scalar(key, value.value, value.type)
    if isinstance(value, Typed) or _is_array(value):
        return struct.pack("<I", ValueType.ARRAY) + _array(key, value, 0)
    kind = _scalar_type(key, value)
    return struct.pack("<I", kind) + _scalar(key, value, kind)


def _is_array(value: Any) -> bool:
    return isinstance(value, list | tuple | np.ndarray)


def _scalar_type(key: str, value: Any) -> ValueType:
    if isinstance(value, str):
        return ValueType.STRING
    if isinstance(value, bool | np.bool_):
        return ValueType.BOOL
    if isinstance(value, np.generic) and value.dtype in _BY_DTYPE:
        return _BY_DTYPE[value.dtype]
    if isinstance(value, float):
        return ValueType.FLOAT32
    if isinstance(value, int):
        return _int_type(key, value, value)
    raise InputError(f"{key}: {type(value).__name__} cannot be stored in GGUF metadata")


def _int_type(key: str, low: int, high: int) -> ValueType:
    for kind in _INT_TYPES:
        info = np.iinfo(SCALARS[kind])
        if info.min <= low and high <= info.max:
            return kind
    raise InputError(f"{key}: {low if low < 0 else high} does not fit in 64 bits")


def _scalar(key: str, value: Any, kind: ValueType) -> bytes:
    if kind is ValueType.STRING:
        if not isinstance(value, str):
            raise InputError(f"{key}: expected str, got {type(value).__name__}")
        return _string(key, value)
    try:
        exact = kind is not ValueType.ARRAY and _numbers([value], kind)
    except (OverflowError, TypeError, ValueError):
        exact = False
    if exact is False:
        raise InputError(f"{key}: {value!r} cannot be stored as {kind.name}")
    return exact


def _numbers(values: Any, kind: ValueType) -> bytes:
    """Little-endian bytes; ValueError where an integer type would change a value."""
    given = np.asarray(values)
    with np.errstate(over="ignore"):
        stored = given.astype(SCALARS[kind])
    if stored.dtype.kind == "f":
        kept = np.array_equal(np.isfinite(given), np.isfinite(stored))
    else:
        kept = np.array_equal(given, stored)
    if not kept:
        raise ValueError(f"a value does not fit in {kind.name}")
    return stored.tobytes()


def _array(key: str, value: Any, depth: int) -> bytes:
    """Element type, count and elements."""
    if depth == MAX_NESTING:
        raise InputError(f"{key}: arrays nested more than {MAX_NESTING} deep")
    kind, items = (value.type, value.value) if isinstance(value, Typed) else (None, value)
    if isinstance(items, np.ndarray):
        if items.ndim != 1 or items.dtype not in _BY_DTYPE:
            raise InputError(
                f"{key}: expected a flat array of numbers, got {items.dtype} {items.shape}"
            )
        kind = kind or _BY_DTYPE[items.dtype]
    if kind is None:
        kind = _element_type(key, items)
    head = struct.pack("<IQ", kind, len(items))
    if kind is ValueType.STRING:
        return head + b"".join(_scalar(key, item, kind) for item in items)
    if kind is ValueType.ARRAY:
        return head + b"".join(_array(key, item, depth + 1) for item in items)
    try:
        return head + _numbers(items, kind)
    except (OverflowError, TypeError, ValueError) as error:
        raise InputError(f"{key}: cannot be stored as an array of {kind.name}: {error}") from None


def _element_type(key: str, items: Sequence[Any]) -> ValueType:
    if not items:
        raise InputError(f"{key}: an empty list has no element type; use Typed([], ValueType.X)")
    if all(_is_array(getattr(item, "value", item)) for item in items):
        return ValueType.ARRAY
    if any(isinstance(item, Typed) for item in items):
        raise InputError(f"{key}: give the type of the whole list: Typed([...], ValueType.X)")
    if all(isinstance(item, int) and not isinstance(item, bool) for item in items):
        return _int_type(key, min(items), max(items))
    kinds = {_scalar_type(key, item) for item in items}
    if len(kinds) != 1:
        raise InputError(f"{key}: elements of several types: {sorted(k.name for k in kinds)}")
    return kinds.pop()
