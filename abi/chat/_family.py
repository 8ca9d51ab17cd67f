"""How answers are written: the shape of a row of `FAMILIES`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from abi.chat._scanner import Call, Tools

__all__ = ["Calls", "Family", "Headers", "Reader", "Reasoning"]

Reader = Callable[[str, Tools], list[Call]]


@dataclass(frozen=True)
class Calls:
    """Calls between two marks; without `close` they go to the next `open` or the end.

    With `keep` the reader gets the marks too.
    """

    open: str
    read: Reader
    close: str = ""
    keep: bool = False


@dataclass(frozen=True)
class Reasoning:
    """What a model thinks, between two marks; the first is often in the prompt."""

    open: str
    close: str


@dataclass(frozen=True)
class Headers:
    """An answer of several messages, each behind a header that says what it is.

    `recipient` finds the name in a header: one of `think` and `text`, or a tool.
    """

    starts: tuple[str, ...]
    end: str
    stops: tuple[str, ...]
    recipient: str
    think: tuple[str, ...]
    text: tuple[str, ...]
    read: Reader | None = None  # None: the arguments as JSON


@dataclass(frozen=True)
class Family:
    """One way of writing answers.

    Attributes
    ----------
    name : str
    marks : tuple of str
        All in the source of the template.
    calls : tuple of Calls
    reasoning : tuple of Reasoning
    drops : tuple of str
        Marks that stand between parts and belong to none.
    bare : Reader or None
        Of an answer that begins with a bracket and is nothing but calls.
    headers : Headers or None
    inner : tuple of str
        Marks inside calls and headers, for the reader.
    """

    name: str
    marks: tuple[str, ...] = ()
    calls: tuple[Calls, ...] = ()
    reasoning: tuple[Reasoning, ...] = ()
    drops: tuple[str, ...] = ()
    bare: Reader | None = None
    headers: Headers | None = None
    inner: tuple[str, ...] = ()

    @property
    def all_marks(self) -> tuple[str, ...]:
        """Every text that means something in an answer."""
        rows = [(row.open, row.close) for row in self.calls]
        rows += [(row.open, row.close) for row in self.reasoning]
        heads: tuple[str, ...] = ()
        if self.headers is not None:
            heads = (*self.headers.starts, self.headers.end, *self.headers.stops)
        return (*(mark for row in rows for mark in row), *self.drops, *heads, *self.inner)
