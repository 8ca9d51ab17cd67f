"""Metadata value types of GGUF, and limits that hold for every file.

Source: the GGUF specification (docs/gguf.md of ggml) and the checks of its reader.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from abi.errors import InputError

__all__ = [
    "DEFAULT_ALIGNMENT",
    "MAGIC",
    "MAX_ALIGNMENT",
    "MAX_DIMS",
    "MAX_KEY",
    "MAX_NAME",
    "MAX_NESTING",
    "SCALARS",
    "Typed",
    "ValueType",
]

MAGIC = b"GGUF"
DEFAULT_ALIGNMENT = 32
MAX_ALIGNMENT = 1 << 20  # padding is made of it: a larger one is no alignment but an attack
MAX_DIMS = 4  # GGML_MAX_DIMS
MAX_NAME = 63  # GGML_MAX_NAME less the terminator
MAX_KEY = 65535
MAX_NESTING = 8


class ValueType(IntEnum):
    """Number of a metadata value's type in the file."""

    UINT8 = 0
    INT8 = 1
    UINT16 = 2
    INT16 = 3
    UINT32 = 4
    INT32 = 5
    FLOAT32 = 6
    BOOL = 7
    STRING = 8
    ARRAY = 9
    UINT64 = 10
    INT64 = 11
    FLOAT64 = 12


SCALARS: dict[ValueType, str] = {  # NumPy codes, little endian
    ValueType.UINT8: "<u1",
    ValueType.INT8: "<i1",
    ValueType.UINT16: "<u2",
    ValueType.INT16: "<i2",
    ValueType.UINT32: "<u4",
    ValueType.INT32: "<i4",
    ValueType.FLOAT32: "<f4",
    ValueType.BOOL: "|b1",
    ValueType.UINT64: "<u8",
    ValueType.INT64: "<i8",
    ValueType.FLOAT64: "<f8",
}


@dataclass(frozen=True)
class Typed:
    """A metadata value with its type said: `Typed(3, ValueType.UINT16)`.

    For an array, `type` is that of its elements and `value` is a sequence.
    """

    value: Any
    type: ValueType

    def __post_init__(self) -> None:
        if self.type not in SCALARS and self.type is not ValueType.STRING:
            raise InputError(f"Typed: expected a number type, BOOL or STRING, got {self.type!r}")
