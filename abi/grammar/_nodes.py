"""What a grammar is made of: immutable nodes over bytes, equal ones made once.

A node matches a language: nothing but the empty text, one byte of a set, two nodes one after
the other, one of several, a rule (whose body may be given later, so that it can refer to
itself), a repetition that counts instead of being written out, one whole token, or a
`Deferred` that becomes other nodes when it is met. `floor` is the least number of bytes that
a node needs, the shortest derivation of Knuth (1977), and infinite where there is none.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable, Sequence
from enum import IntEnum
from math import inf
from typing import Any, Protocol

from abi.grammar._charset import CharSet, utf8_sequences

__all__ = ["Builder", "Deferred", "Kind", "Node"]

_SHORT = 8


class Kind(IntEnum):
    """What a node is, in the order in which the machine asks."""

    BYTES = 0
    SEQUENCE = 1
    EMPTY = 2
    CHOICE = 3
    RULE = 4
    REPEAT = 5
    DEFERRED = 6
    TOKEN = 7
    UNSURE = 8


class Deferred(Protocol):
    """A node that is worked out when it is met; equal ones compare equal."""

    @property
    def floor(self) -> float:
        """A lower bound of the bytes it needs."""

    @property
    def needs(self) -> tuple[Node, ...]:
        """The nodes whose floors its own hangs on, where it is met before they have theirs."""

    @property
    def by_text(self) -> bool:
        """Whether what it stands for hangs on the text."""

    def expand(self, make: Builder, text: bytes | bytearray | None) -> Node:
        """The node it stands for; `text` is all that was matched, None when that is unknown."""

    def lean(self) -> Deferred:
        """One that allows the same next token and is shared by more states."""


class Node:
    """One node; `kind` says which of the other attributes mean something."""

    __slots__ = ("floor", "high", "kind", "low", "mask", "parts", "value")

    def __init__(self, kind: Kind, parts: tuple[Node, ...] = (), **values: Any) -> None:
        self.kind, self.parts = kind, parts
        self.mask: int = values.get("mask", 0)  # bit b: byte b is in the set
        self.low: int = values.get("low", 0)
        self.high: int | None = values.get("high")  # None: without end
        self.value: Any = values.get("value")
        self.floor: float = values.get("floor", inf)


class Builder:
    """Makes nodes. After `finish` it may go on making them, out of finished ones."""

    def __init__(self) -> None:
        self.empty = Node(Kind.EMPTY, floor=0)
        self.never = Node(Kind.CHOICE)
        self.unsure = Node(Kind.UNSURE, floor=0)
        self._made: dict[Any, Node] = {}
        self._rules: list[Node] = []
        self._open: list[Node] | None = []

    def byte_set(self, mask: int) -> Node:
        if not mask:
            return self.never
        return self._intern((Kind.BYTES, mask), lambda: Node(Kind.BYTES, mask=mask, floor=1))

    def literal(self, text: bytes) -> Node:
        return self.sequence([self.byte_set(1 << byte) for byte in text])

    def sequence(self, parts: Sequence[Node]) -> Node:
        """One after the other."""
        result = self.empty
        for part in reversed(parts):
            result = self._pair(part, result)
        return result

    def choice(self, parts: Iterable[Node]) -> Node:
        """One of the parts."""
        flat: dict[Node, None] = {}
        for part in parts:
            # Long ones stay as they are: a chain of n choices would take n * n parts.
            is_short = part.kind is Kind.CHOICE and len(part.parts) <= _SHORT
            flat.update(dict.fromkeys(part.parts if is_short else (part,)))
        options = tuple(flat)
        if len(options) == 1:
            return options[0]
        if not options:
            return self.never
        return self._intern((Kind.CHOICE, options), lambda: Node(Kind.CHOICE, options))

    def optional(self, part: Node) -> Node:
        return self.choice([part, self.empty])

    def repeat(self, part: Node, low: int, high: int | None) -> Node:
        """`part` at least `low` and at most `high` times (None: without end)."""
        if high == 0 or part is self.empty:
            return self.empty
        if part is self.never:
            return self.never if low else self.empty
        if low == high == 1:
            return part
        key = (Kind.REPEAT, part, low, high)
        return self._intern(key, lambda: Node(Kind.REPEAT, (part,), low=low, high=high))

    def rule(self) -> Node:
        """A node whose body `define` gives."""
        node = Node(Kind.RULE, (self.never,))
        self._note(node)
        return node

    def define(self, rule: Node, body: Node) -> None:
        rule.parts = (body,)

    def token(self, token: int, negated: bool) -> Node:
        key = (Kind.TOKEN, token, negated)
        return self._intern(key, lambda: Node(Kind.TOKEN, value=(token, negated), floor=1))

    def deferred(self, value: Deferred) -> Node:
        key = (Kind.DEFERRED, value)
        return self._intern(key, lambda: Node(Kind.DEFERRED, value=value, floor=value.floor))

    def chars(self, chars: CharSet) -> Node:
        """One character of a set, in UTF-8."""
        return self._intern(("chars", chars), lambda: self._utf8(list(utf8_sequences(chars))))

    def forget(self) -> None:
        """Let go of the table of nodes made since `finish`; nodes in use stay valid."""
        self._made.clear()

    def finish(self) -> None:
        """Work out the floors of everything made so far."""
        assert self._open is not None
        nodes, self._open = self._open, None
        _settle(nodes, [self.empty, self.never, self.unsure])

    # -- inside --------------------------------------------------------------------------

    def _pair(self, first: Node, second: Node) -> Node:
        if second is self.empty or first is self.never:
            return first
        if first is self.empty or second is self.never:
            return second
        key = (Kind.SEQUENCE, first, second)
        return self._intern(key, lambda: Node(Kind.SEQUENCE, (first, second)))

    def _intern(self, key: Any, make: Any) -> Node:
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = make()
            self._note(found)
        return found

    def _note(self, node: Node) -> None:
        if self._open is not None:
            self._open.append(node)
        elif node.floor == inf:
            node.floor = _floor(node)

    def _utf8(self, sequences: list[tuple[tuple[int, int], ...]]) -> Node:
        by_rest: dict[tuple[tuple[int, int], ...], int] = {}
        for (low, high), *following in sequences:
            mask, rest = (1 << (high + 1)) - (1 << low), tuple(following)
            by_rest[rest] = by_rest.get(rest, 0) | mask
        options = []
        for rest, mask in by_rest.items():
            follow = [self.byte_set((1 << (high + 1)) - (1 << low)) for low, high in rest]
            options.append(self.sequence([self.byte_set(mask), *follow]))
        return self.choice(options)


def _floor(node: Node) -> float:
    """The floor of a node whose parts have theirs."""
    if node.kind is Kind.REPEAT:
        return node.low * node.parts[0].floor if node.low else 0
    if node.kind is Kind.CHOICE:
        return min((part.floor for part in node.parts), default=inf)
    if node.kind is Kind.DEFERRED:
        value: Deferred = node.value
        return value.floor
    if node.kind in (Kind.SEQUENCE, Kind.RULE):
        return sum(part.floor for part in node.parts)
    return node.floor


def _settle(nodes: list[Node], settled: list[Node]) -> None:
    """Floors in rising order: a node's floor never lies below those it is made of."""
    parents: dict[Node, list[Node]] = {}
    for node in nodes:
        for part in node.value.needs if node.kind is Kind.DEFERRED else node.parts:
            parents.setdefault(part, []).append(node)
    heap: list[tuple[float, int, Node]] = []
    for i, node in enumerate([*settled, *nodes]):
        if node.floor < inf or (node.kind is Kind.REPEAT and not node.low):
            heap.append((0 if node.kind is Kind.REPEAT else node.floor, i, node))
    heapq.heapify(heap)
    tick, final = len(heap) + len(nodes) + len(settled), set()
    while heap:
        floor, _, node = heapq.heappop(heap)
        if node in final:
            continue
        node.floor = floor
        final.add(node)
        for parent in parents.get(node, ()):
            # The first of a choice to be settled is its shortest.
            value = floor if parent.kind is Kind.CHOICE else _floor(parent)
            if parent not in final and value < inf:
                tick += 1
                heapq.heappush(heap, (value, tick, parent))
