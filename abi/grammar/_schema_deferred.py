"""Parts of a grammar that hang on what was written: other names of an object, unique items.

No name is written twice, and no text or whole number in a list of unique ones. While a name is
being written its states know which of the used ones it may still become; after it the text says
which it was. A mask has no text past its start, so a token that ends one such name and begins the
next is marked as unsure and tried alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass

from abi.grammar import _charset
from abi.grammar._charset import CharSet
from abi.grammar._dfa import Dfa
from abi.grammar._nodes import Builder, Deferred, Node
from abi.grammar._schema_nodes import Json

__all__ = ["Distinct", "Group", "MoreItems", "MoreNames", "Names", "last_number", "last_string"]

_LONGEST_NUMBER = 4096


@dataclass(frozen=True, eq=False)
class Group:
    """Names, and the value after each of them."""

    names: Dfa
    rules: list[Node]  # by state of the automaton, up to the closing quote
    value: Node


@dataclass(frozen=True, eq=False)
class Names:
    """What an object may hold beyond its properties, or a list of different items.

    Attributes
    ----------
    comma, close : Node
        Between two, and after the last.
    opening, ending : Node
        Around a name: quotes, or nothing around a number.
    colon : Node
        Between a name and its value.
    spell : callable
        From a character of a name to how it is written.
    last : callable
        The name that a text ends with.
    """

    groups: tuple[Group, ...]
    low: int
    high: int | None
    comma: Node
    close: Node
    opening: Node
    ending: Node
    colon: Node
    spell: Callable[[CharSet], Node]
    last: Callable[[bytes | bytearray], str]

    def least(self) -> float:
        """The least number of bytes of a comma, a name and its value."""
        around = self.comma.floor + self.opening.floor + self.colon.floor
        return around + min(group.rules[0].floor + group.value.floor for group in self.groups)

    def counted(self, count: int) -> int:
        """The count, no finer than it matters."""
        return min(count, max(self.low, self.high or 0, 1))


@dataclass(frozen=True)
class MoreNames:
    """Between two names, or before the end of the object; `used` is None when unknown."""

    names: Names
    used: frozenset[str] | None
    count: int

    @property
    def by_text(self) -> bool:
        return False

    @property
    def floor(self) -> float:
        missing = self.names.low - self.count
        return 1 + missing * self.names.least() - (not self.count) if missing > 0 else 1

    @property
    def needs(self) -> tuple[Node, ...]:
        groups = self.names.groups if self.count < self.names.low else ()
        return tuple(node for group in groups for node in (group.value, group.rules[0]))

    def lean(self) -> Deferred:
        return self

    def expand(self, make: Builder, text: bytes | bytearray | None) -> Node:
        names = self.names
        options = [names.close] if self.count >= names.low else []
        if names.high is None or self.count < names.high:
            start = [names.comma] if self.count else []
            start.append(names.opening)
            if self.used is None:
                return make.choice([*options, self._unsure(make, start)])
            for group in names.groups:
                if not group.names.outlasts(0, self.used):
                    continue
                name = make.deferred(_Name(names, group, 0, self.used))
                done = make.deferred(_AfterName(names, group, self.used, self.count))
                options.append(make.sequence([*start, name, done]))
        return make.choice(options)

    def _unsure(self, make: Builder, start: list[Node]) -> Node:
        """Whether there is another name at all is known only where they are without end."""
        without_end = any(group.names.n_words[0] is None for group in self.names.groups)
        return make.sequence([*(start if without_end else []), make.unsure])


@dataclass(frozen=True)
class _Name:
    """Inside a name; `avoid` is what must not follow up to its end."""

    names: Names
    group: Group
    state: int
    avoid: frozenset[str]

    @property
    def by_text(self) -> bool:
        return False

    @property
    def floor(self) -> float:
        return self.group.rules[self.state].floor

    @property
    def needs(self) -> tuple[Node, ...]:
        return ()

    def lean(self) -> Deferred:
        return self

    def expand(self, make: Builder, text: bytes | bytearray | None) -> Node:
        if not self.avoid:
            return self.group.rules[self.state]
        dfa, spell = self.group.names, self.names.spell
        firsts = {rest[0] for rest in self.avoid if rest}
        options = []
        if dfa.accepts[self.state] and "" not in self.avoid:
            options.append(self.names.ending)
        for target, chars in dfa.edges[self.state].items():
            other = _charset.difference(chars, _charset.of_text("".join(firsts)))
            if other:
                options.append(make.sequence([spell(other), self.group.rules[target]]))
            for char in sorted(firsts):
                if _charset.contains(chars, ord(char)):
                    avoid = frozenset(rest[1:] for rest in self.avoid if rest[:1] == char)
                    if dfa.outlasts(target, avoid):
                        name = make.deferred(_Name(self.names, self.group, target, avoid))
                        options.append(make.sequence([spell(_charset.of_text(char)), name]))
        return make.choice(options)


@dataclass(frozen=True)
class _AfterName:
    """Behind the end of a name, which the text tells."""

    names: Names
    group: Group
    used: frozenset[str]
    count: int

    @property
    def by_text(self) -> bool:
        return True

    @property
    def floor(self) -> float:
        return self.names.colon.floor + self.group.value.floor + self._more(None).floor

    @property
    def needs(self) -> tuple[Node, ...]:
        return ()

    def lean(self) -> Deferred:
        return _AfterName(self.names, self.group, frozenset(), self.count)

    def expand(self, make: Builder, text: bytes | bytearray | None) -> Node:
        used = None if text is None else self.used | {self.names.last(text)}
        more = make.deferred(self._more(used))
        return make.sequence([self.names.colon, self.group.value, more])

    def _more(self, used: frozenset[str] | None) -> MoreNames:
        return MoreNames(self.names, used, self.names.counted(self.count + 1))


def last_number(text: bytes | bytearray) -> str:
    """The whole number that ends the text."""
    found = bytes(text[-_LONGEST_NUMBER:])
    return found[len(found.rstrip(b"-0123456789")) :].decode()


def last_string(text: bytes | bytearray) -> str:
    """The string whose closing quote ends the text."""
    start = len(text) - 1
    while True:
        start = text.rindex(b'"', 0, start)
        n_slashes = start - len(text[:start].rstrip(b"\\"))
        if n_slashes % 2 == 0:
            found: str = json.loads(bytes(text[start:]))
            return found


@dataclass(frozen=True, eq=False)
class Distinct:
    """A list whose items are all different, out of finitely many."""

    json: Json
    items: tuple[Node, ...]
    low: int
    high: int
    close: Node


@dataclass(frozen=True)
class MoreItems:
    """Between two items; `used` has the bits of those that were written."""

    distinct: Distinct
    used: int

    @property
    def by_text(self) -> bool:
        return False

    @property
    def floor(self) -> float:
        missing = self.distinct.low - self.used.bit_count()
        least = 1 + min(item.floor for item in self.distinct.items)
        return 1 + missing * least - (not self.used) if missing > 0 else 1

    @property
    def needs(self) -> tuple[Node, ...]:
        return self.distinct.items if self.used.bit_count() < self.distinct.low else ()

    def lean(self) -> Deferred:
        return self

    def expand(self, make: Builder, text: bytes | bytearray | None) -> Node:
        distinct, count = self.distinct, self.used.bit_count()
        options = [distinct.close] if count >= distinct.low else []
        start = [distinct.json.comma] if count else []
        for i, item in enumerate(distinct.items if count < distinct.high else ()):
            if not self.used >> i & 1:
                more = make.deferred(MoreItems(distinct, self.used | 1 << i))
                options.append(make.sequence([*start, item, more]))
        return make.choice(options)
