"""Plain values out of a pickle, by walking its opcodes; nothing is imported and nothing called.

Known are the opcodes of dicts, strings, integers and None, and one object: the `PersistentData`
that Chroma wrote up to 0.6, which becomes the dict of its attributes. Everything else, such as
REDUCE or another class, is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from abi.errors import FormatError
from abi.store.foreign._cursor import Cursor

__all__ = ["unpickled"]

_CLASS = ("chromadb.segment.impl.vector.local_persistent_hnsw", "PersistentData")
_MARK, _DATA, _NO_ARGUMENTS = object(), object(), object()
_MAX_LINE = 1000


def unpickled(data: memoryview, source: str) -> dict[Any, Any]:
    """The dict in a pickle.

    Raises
    ------
    FormatError
        If it is cut, or holds anything but plain values.
    """
    return _Machine(Cursor(data, source)).run()


class _Machine:
    """The stack and the memo of a pickle that is being read."""

    def __init__(self, cursor: Cursor) -> None:
        self.cursor = cursor
        self.stack: list[Any] = []
        self.memo: dict[int, Any] = {}

    def run(self) -> dict[Any, Any]:
        cursor = self.cursor
        while True:
            at, opcode = cursor.at, cursor.number("B", "opcode")
            if opcode == _STOP:
                break
            if opcode not in _OPCODES:
                message = f"opcode {bytes([opcode])!r}, which plain values do without: refused"
                raise cursor.error(message, "opcode", at)
            _OPCODES[opcode](self)
        value = self.pop()
        if type(value) is not dict:
            raise cursor.error("no dict", "value")
        return value

    def error(self, message: str) -> FormatError:
        return self.cursor.error(message, "opcode")

    def pop(self) -> Any:
        if not self.stack:
            raise self.error("an empty stack")
        return self.stack.pop()

    def top(self) -> Any:
        if not self.stack:
            raise self.error("an empty stack")
        return self.stack[-1]

    def integer(self, layout: str) -> None:
        self.stack.append(self.cursor.number(layout, "integer"))

    def long(self) -> None:
        size = self.cursor.number("B", "integer")
        start = self.cursor.skip(size, "integer")
        found = self.cursor.data[start : start + size]
        self.stack.append(int.from_bytes(found, "little", signed=True))

    def text(self, layout: str) -> None:
        size = self.cursor.number(layout, "string")
        start = self.cursor.skip(size, "string")
        try:
            self.stack.append(str(self.cursor.data[start : start + size], "utf-8"))
        except UnicodeDecodeError:
            raise self.cursor.error("no UTF-8", "string", start) from None

    def line(self) -> str:
        start = self.cursor.at
        found = bytes(self.cursor.data[start : start + _MAX_LINE])
        end = found.find(b"\n")
        if end < 0:
            raise self.error("a line without an end")
        self.cursor.at += end + 1
        return found[:end].decode("latin-1")

    def set_items(self) -> None:
        """Everything above the last mark, into the dict below it."""
        mark = next((i for i in range(len(self.stack))[::-1] if self.stack[i] is _MARK), None)
        if mark is None:
            raise self.error("no mark")
        items, self.stack = self.stack[mark + 1 :], self.stack[:mark]
        if len(items) % 2:
            raise self.error("a key without a value")
        self.put_all(items[::2], items[1::2])

    def set_item(self) -> None:
        value, key = self.pop(), self.pop()
        self.put_all([key], [value])

    def put_all(self, keys: list[Any], values: list[Any]) -> None:
        target = self.top()
        if type(target) is not dict or any(type(key) not in (str, int) for key in keys):
            raise self.error("items of what is no dict of strings or integers")
        target.update(zip(keys, values, strict=True))

    def store(self, slot: int) -> None:
        self.memo[slot] = self.top()

    def fetch(self, slot: int) -> None:
        if slot not in self.memo:
            raise self.error(f"nothing was kept as {slot}")
        self.stack.append(self.memo[slot])

    def name(self, module: Any, attribute: Any) -> None:
        if (module, attribute) != _CLASS:
            raise self.error(f"{module!s:.100}.{attribute!s:.100} is asked for: refused")
        self.stack.append(_DATA)

    def name_on_stack(self) -> None:
        attribute, module = self.pop(), self.pop()
        self.name(module, attribute)

    def new(self) -> None:
        if self.pop() is not _NO_ARGUMENTS or self.pop() is not _DATA:
            raise self.error("an object other than PersistentData: refused")
        self.stack.append({})

    def build(self) -> None:
        state = self.pop()
        if type(state) is not dict:
            raise self.error("a state that is no dict")
        self.put_all(list(state), list(state.values()))


_STOP = ord(".")

_OPCODES: dict[int, Callable[[_Machine], object]] = {
    0x80: lambda m: m.cursor.skip(1, "protocol"),
    0x95: lambda m: m.cursor.skip(8, "frame"),
    ord("("): lambda m: m.stack.append(_MARK),
    ord("N"): lambda m: m.stack.append(None),
    ord("}"): lambda m: m.stack.append({}),
    ord(")"): lambda m: m.stack.append(_NO_ARGUMENTS),
    ord("K"): lambda m: m.integer("B"),
    ord("M"): lambda m: m.integer("H"),
    ord("J"): lambda m: m.integer("i"),
    0x8A: lambda m: m.long(),
    0x8C: lambda m: m.text("B"),
    ord("X"): lambda m: m.text("I"),
    0x8D: lambda m: m.text("Q"),
    ord("s"): lambda m: m.set_item(),
    ord("u"): lambda m: m.set_items(),
    0x94: lambda m: m.store(len(m.memo)),
    ord("q"): lambda m: m.store(m.cursor.number("B", "memo")),
    ord("r"): lambda m: m.store(m.cursor.number("I", "memo")),
    ord("h"): lambda m: m.fetch(m.cursor.number("B", "memo")),
    ord("j"): lambda m: m.fetch(m.cursor.number("I", "memo")),
    ord("c"): lambda m: m.name(m.line(), m.line()),
    0x93: lambda m: m.name_on_stack(),
    0x81: lambda m: m.new(),
    ord("b"): lambda m: m.build(),
}
