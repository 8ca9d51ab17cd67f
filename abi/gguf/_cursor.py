"""A cursor over untrusted bytes: every length is checked before it is believed."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.gguf._types import MAX_NESTING, SCALARS, ValueType

__all__ = ["Cursor", "Value"]

Value = bool | int | float | str | list["Value"] | npt.NDArray[np.generic]

_U32 = struct.Struct("<I")
_U64 = struct.Struct("<Q")
_MAX_INNER = 100_000  # each takes far more memory than its twelve bytes
_MIN_BYTES = {ValueType.STRING: 8, ValueType.ARRAY: 12}  # the smallest element of each


class Cursor:
    """Reads GGUF primitives from `data` at `pos`, and advances."""

    def __init__(self, data: memoryview, source: str) -> None:
        self.data, self.source, self.pos = data, source, 0
        self._n_inner = 0  # arrays in arrays so far

    def error(self, message: str, field: str, offset: int | None = None) -> FormatError:
        at = self.pos if offset is None else offset
        return FormatError(message, field=field, offset=at, source=self.source)

    def take(self, n: int, field: str) -> memoryview:
        left = len(self.data) - self.pos
        if n > left:
            raise self.error(f"needs {n} bytes, {left} left in the file; is it cut?", field)
        part = self.data[self.pos : self.pos + n]
        self.pos += n
        return part

    def u32(self, field: str) -> int:
        return int(_U32.unpack(self.take(4, field))[0])

    def u64(self, field: str) -> int:
        return int(_U64.unpack(self.take(8, field))[0])

    def count(self, field: str, min_bytes: int, what: str) -> int:
        """A 64-bit count of things that take at least `min_bytes` each."""
        at = self.pos
        n = self.u64(field)
        room = (len(self.data) - self.pos) // min_bytes
        if n > room:
            raise self.error(f"{n} {what} cannot fit, at most {room} would", field, at)
        return n

    def string(self, field: str) -> str:
        """Bytes that are not UTF-8 come back as surrogate escapes, so none is lost."""
        n = self.count(field, 1, "bytes of text")
        return str(self.take(n, field), "utf-8", "surrogateescape")

    def value_type(self, field: str) -> ValueType:
        at = self.pos
        number = self.u32(field)
        try:
            return ValueType(number)
        except ValueError:
            raise self.error(f"value type {number} is not one of 0 to 12", field, at) from None

    def value(self, kind: ValueType, field: str, depth: int = 0) -> Value:
        if kind is ValueType.STRING:
            return self.string(field)
        if kind is ValueType.ARRAY:
            return self._array(field, depth)
        at = self.pos
        code = SCALARS[kind]
        raw = self.take(int(code[-1]), field)
        if kind is ValueType.BOOL:
            return self._bools(np.frombuffer(raw, np.uint8), field, at).item()
        scalar: bool | int | float = np.frombuffer(raw, code)[0].item()
        return scalar

    def _array(self, field: str, depth: int) -> Value:
        at = self.pos
        if depth == MAX_NESTING:
            raise self.error(f"arrays nested more than {MAX_NESTING} deep", field, at)
        kind = self.value_type(field)
        code = SCALARS.get(kind)
        size = int(code[-1]) if code else _MIN_BYTES[kind]
        n = self.count(field, size, f"elements of type {kind.name}")
        if code:
            at = self.pos
            raw = self.take(n * size, field)
            if kind is ValueType.BOOL:
                return self._bools(np.frombuffer(raw, np.uint8), field, at)
            return np.frombuffer(raw, code)
        if kind is ValueType.STRING:
            return self._strings(n, field)
        self._n_inner += n
        if self._n_inner > _MAX_INNER:
            raise self.error(f"more than {_MAX_INNER} arrays in arrays", field, at)
        return [self.value(kind, field, depth + 1) for _ in range(n)]

    def _bools(self, raw: npt.NDArray[np.uint8], field: str, at: int) -> npt.NDArray[np.bool_]:
        if raw.size and raw.max() > 1:
            raise self.error(f"a boolean is 0 or 1, got {raw.max()}", field, at)
        return raw.view(np.bool_)

    def _strings(self, n: int, field: str) -> Value:
        # Vocabularies hold a few hundred thousand strings: no method call for each.
        data, pos, end, unpack = self.data, self.pos, len(self.data), _U64.unpack_from
        out: list[Value] = []
        for _ in range(n):
            start = pos + 8
            if start > end:
                raise self.error("the file ends inside an array of strings", field, pos)
            length = unpack(data, pos)[0]
            if length > end - start:
                left = end - start
                raise self.error(f"string of {length} bytes, {left} left in the file", field, pos)
            pos = start + length
            out.append(str(data[start:pos], "utf-8", "surrogateescape"))
        self.pos = pos
        return out
