"""What one rendering may take: steps, memory and processor time, charged as it goes.

A template is a program of the file, and Python can neither interrupt nor meter a long operation.
So every loop, call, filter and operator of a template asks here first: amounts are charged
before they are made, which works without threads and signals. Amounts grow with the messages
that are given, so that a long conversation is no attack.
"""

from __future__ import annotations

from collections.abc import ItemsView, KeysView, Mapping, ValuesView
from contextvars import ContextVar
from typing import Any

from jinja2.runtime import Undefined
from jinja2.utils import Namespace

from abi._platform import peak_memory, thread_seconds

__all__ = [
    "CURRENT", "MAX_CELLS", "MAX_CHARS", "MAX_DEPTH", "MAX_GROWTH", "MAX_HELD_CELLS",
    "MAX_HELD_CHARS", "MAX_INT_BITS", "MAX_SECONDS", "MAX_STEPS", "Budget", "Exhausted", "current",
]  # fmt: skip

# Some templates look at all messages for each, or write the text so far anew with each.
MAX_STEPS = 100_000  # loop rounds, calls, filters; 200 for each value, 4 for a pair of messages
MAX_CHARS = 16 << 20  # characters made on the way; and 64 for each that is given, 4 a message
MAX_CELLS = 1_000_000  # items of lists made on the way; and 200 for each value, 4 a character
MAX_HELD_CELLS = 100_000  # of one list, written out; and 8 for each value that is given
MAX_HELD_CHARS = 4 << 20  # of the same; and 8 for each that is given
MAX_SECONDS = 5.0  # of processor time; and five for each million characters that are given
MAX_GROWTH = 512 << 20  # bytes of this process, past 64 characters made for each that is given
MAX_DEPTH = 64  # lists in lists
MAX_INT_BITS = 1024
_CLOCK_EVERY = 32  # steps between two looks at the clock
_CHARS_A_STEP = 2048  # characters copied or compared in about the time of a step

CURRENT: ContextVar[Budget] = ContextVar("abi.chat.budget")


class Exhausted(Exception):  # noqa: N818 - no error of the caller: the limits say stop
    """A template went past what it may take; no handler inside Jinja2 catches it."""


def current() -> Budget:
    """The budget of the rendering that is under way."""
    return CURRENT.get()


class Budget:
    """What is left for one rendering.

    Parameters
    ----------
    n_values, n_chars : int
        Size of the messages, tools and variables that are given.
    n_messages : int
        How many of them are messages.
    """

    def __init__(self, n_values: int = 0, n_chars: int = 0, n_messages: int = 0) -> None:
        self._steps = MAX_STEPS + 200 * n_values + 4 * n_messages**2
        self._cells = MAX_CELLS + 200 * n_values + 4 * n_chars
        self._chars = MAX_CHARS + (64 + 4 * n_messages) * n_chars
        self._unwatched = 4 * n_messages * n_chars  # with so many characters left memory is watched
        self._peak = peak_memory() or 0
        self._held_cells = MAX_HELD_CELLS + 8 * n_values
        self._held_chars = MAX_HELD_CHARS + 8 * n_chars
        self._seconds = MAX_SECONDS * (1 + n_chars / 1e6)
        self._started = thread_seconds()
        self._unclocked = 0

    def step(self, n: int = 1) -> bool:
        """Charge n steps; true, so that it can stand in a condition."""
        self._steps -= n
        self._unclocked += n
        if self._steps < 0:
            raise Exhausted("more loop rounds and calls than a chat template may make")
        if self._unclocked >= _CLOCK_EVERY:
            self._unclocked = 0
            self._look()
        return True

    def _look(self) -> None:
        """At the clock, and at memory where much text was made."""
        if thread_seconds() - self._started > self._seconds:
            raise Exhausted(f"more than {self._seconds:.1f} seconds")
        if self._chars < self._unwatched and (peak_memory() or 0) > self._peak + MAX_GROWTH:
            raise Exhausted("more memory than a chat template may take")

    def chars(self, n: int) -> None:
        """Charge n characters that are about to be made."""
        self._chars -= n
        if self._chars < 0:
            raise Exhausted("more text than a chat template may make")
        self.step(1 + n // _CHARS_A_STEP)

    def cells(self, n: int) -> None:
        """Charge n items of a list that is about to be made."""
        self._cells -= n
        if self._cells < 0:
            raise Exhausted("longer lists than a chat template may make")
        self.step(1 + n // 64)

    def made(self, value: Any) -> Any:
        """Charge a value that was made, not what lies in it; give it back."""
        if isinstance(value, str):
            self.chars(len(value))
        elif isinstance(value, list | tuple | dict):
            self.cells(len(value))
        return value

    def hold(self, value: Any, *, times: int = 1) -> Any:
        """Check what a list holds, so often, against what one may be written out; give it back.

        Every list that a template makes comes here. So what is done with a whole list takes a
        bounded time, whether it is charged as well or not.
        """
        cells = chars = 0
        stack = [(value, 0)] if times > 0 and not isinstance(value, str) else []
        while stack:
            item, depth = stack.pop()
            chars += len(item) if isinstance(item, str) else 8
            parts = _parts(item)
            cells += len(parts)
            if depth >= MAX_DEPTH and parts:
                raise Exhausted(f"lists nested more than {MAX_DEPTH} deep")
            if cells * times > self._held_cells or chars * times > self._held_chars:
                raise Exhausted("a list that is larger, written out, than a chat template may make")
            stack += [(part, depth + 1) for part in parts]
        self.step(1 + cells // 16)
        return value

    def weigh(self, value: Any, *, copies: int = 0) -> Any:
        """Charge a walk over all of a value, and its text `copies` times; give it back.

        Lists that hold one list many times look small and print huge: they are walked as
        they would be printed.
        """
        if isinstance(value, bool | float | None):
            return value
        if isinstance(value, str):
            self.chars(copies * len(value))
        elif isinstance(value, int):
            if value.bit_length() > MAX_INT_BITS:
                raise Exhausted(f"whole numbers of more than {MAX_INT_BITS} bits")
        elif isinstance(value, range):
            self.step(1 + len(value) // 64)
        else:
            self._walk(value, copies)
        return value

    def _walk(self, value: Any, copies: int) -> None:
        stack = [(value, 0)]
        while stack:
            item, depth = stack.pop()
            size = len(item) if isinstance(item, str) else 8
            self.step(1 + size // _CHARS_A_STEP)
            if copies:
                self.chars(copies * size)
            parts = _parts(item)
            if parts:
                if depth >= MAX_DEPTH:
                    raise Exhausted(f"lists nested more than {MAX_DEPTH} deep")
                self.cells(len(parts))
                stack += [(part, depth + 1) for part in parts]


def _parts(item: Any) -> list[Any]:
    if isinstance(item, Mapping):
        return [*item.keys(), *item.values()]
    if isinstance(item, list | tuple | set | KeysView | ValuesView | ItemsView):
        return list(item)
    if isinstance(item, Namespace) and not isinstance(item, Undefined):
        attributes: dict[str, Any] = object.__getattribute__(item, "_Namespace__attrs")
        return list(attributes.values())
    return []
