"""Arrays and objects as nodes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from abi.grammar._nodes import Builder, Node
from abi.grammar._schema_deferred import (
    Distinct,
    Group,
    MoreItems,
    MoreNames,
    Names,
    last_number,
    last_string,
)
from abi.grammar._schema_document import Goal, Path
from abi.grammar._schema_nodes import Json
from abi.grammar._schema_plan import Members, Plan
from abi.grammar._schema_shapes import Array, Number, Object, String, Values

__all__ = ["ArrayWriter", "ObjectWriter"]

_MAX_STATES = 50_000


class ArrayWriter:
    """Writes arrays."""

    def __init__(self, plan: Plan, make: Builder, json: Json, rules: Mapping[Goal, Node]) -> None:
        self._plan, self._make, self._json, self._rules = plan, make, json, rules

    def write(self, shape: Array) -> Node:
        make, json = self._make, self._json
        low, high = self._plan.lengths(shape)
        opening, bare = json.opened(b"["), make.literal(b"]")
        if high == 0:
            return make.sequence([opening, bare])
        if shape.unique is not None and high != 1:
            return self._distinct(shape, low, high)
        after = self._after_first(shape, low, high)
        options = [make.sequence([self._rules[shape.item(0)], after])]
        return make.sequence([opening, make.choice([*options, bare] if not low else options)])

    def _after_first(self, shape: Array, low: int, high: int | None) -> Node:
        """What follows the first item, to the closing bracket."""
        make, json = self._make, self._json
        close = json.closed(b"]")
        listed = max(1, len(shape.first))
        found = close
        if high is None or high > listed:
            item = make.sequence([json.comma, self._rules[shape.rest]])
            most = None if high is None else high - listed
            found = make.sequence([make.repeat(item, max(low - listed, 0), most), close])
        for n in range(listed - 1, 0, -1):
            options = [close] if n >= low else []
            if high is None or n < high:
                options.append(make.sequence([json.comma, self._rules[shape.item(n)], found]))
            found = make.choice(options)
        return found

    def _distinct(self, shape: Array, low: int, high: int | None) -> Node:
        make, json, place = self._make, self._json, shape.unique
        assert place is not None
        document = self._plan.solver.document
        shapes = self._plan.goals[shape.rest] if not shape.first else []
        if len(shapes) == 1 and isinstance(shapes[0], String | Number):
            found = self._distinct_texts(shapes[0], low, high, place)
            if found is not None:
                return found
        if not shapes or any(not isinstance(part, Values) for part in shapes):
            raise document.error(
                place,
                "unique items are supported only where all are strings, integers or of one enum",
                "give the items an enum, or remove it",
            )
        pairs = [pair for part in shapes if isinstance(part, Values) for pair in part.by_identity]
        listed = dict(pairs)
        if len(listed) < low:
            raise document.error(
                place, f"{low} different items are asked for, there are {len(listed)}", "ask less"
            )
        items = tuple(json.value(value) for value in listed.values())
        most = len(items) if high is None else min(high, len(items))
        distinct = Distinct(json, items, low, most, json.closed(b"]"))
        return make.sequence([json.opened(b"["), make.deferred(MoreItems(distinct, 0))])

    def _distinct_texts(
        self, shape: String | Number, low: int, high: int | None, place: Path
    ) -> Node | None:
        """Different strings or whole numbers; None for other numbers, which are not one text."""
        make, json, solver = self._make, self._json, self._plan.solver
        if isinstance(shape, String):
            dfa = solver.dfa(solver.language(shape))
            around, spell, last = json.quote, json.spell, last_string
        elif shape.integer:
            dfa = solver.dfa(solver.number(shape))
            around, spell, last = make.empty, make.chars, last_number
        else:
            return None
        n_words = dfa.n_words[0]
        if n_words is not None and n_words < low:
            raise solver.document.error(
                place, f"{low} different items are asked for, there are {n_words}", "ask less"
            )
        group = Group(dfa, dfa.rules(make, spell, around), make.empty)
        names = Names(
            (group,), low, high, json.comma, json.closed(b"]"),
            around, around, make.empty, spell, last,
        )  # fmt: skip
        return make.sequence([json.opened(b"["), make.deferred(MoreNames(names, frozenset(), 0))])


class ObjectWriter:
    """Writes objects: their properties in order, then other names."""

    def __init__(self, plan: Plan, make: Builder, json: Json, rules: Mapping[Goal, Node]) -> None:
        self._plan, self._make, self._json, self._rules = plan, make, json, rules

    def write(self, goal: Goal, shape: Object) -> Node:
        """Nodes from the last property back, one for each number of names before it."""
        make, members = self._make, self._plan.members(shape)
        if members.low <= len(shape.required):
            members = replace(members, low=0)
        counts = self._counts(shape, members)
        if (len(members.properties) + 1) * len(counts) > _MAX_STATES:
            raise self._plan.solver.document.error(
                min(goal), f"{len(members.properties)} properties are too many to count",
                "remove minProperties and maxProperties",
            )  # fmt: skip
        names = self._names(members)
        after = {count: self._end(names, members, count) for count in counts}
        left = 0  # of the required
        for name, value in reversed(members.properties):
            required = name in shape.required
            after = {
                count: self._property(name, value, required, left, count, after, members)
                for count in counts
            }
            left += required
        return make.sequence([self._json.opened(b"{"), after[0]])

    def _counts(self, shape: Object, members: Members) -> range:
        """How far names have to be counted: at least whether there was one."""
        n_names = len(members.properties)
        top = 1
        top = max(top, members.low)
        if members.high is not None and (members.groups or members.high < n_names):
            top = max(top, members.high + 1)
        return range(min(top, n_names + 1) + 1)

    def _names(self, members: Members) -> Names | None:
        if not members.groups:
            return None
        make, json = self._make, self._json
        groups = tuple(
            Group(dfa, dfa.rules(make, json.spell, json.quote), self._rules[goal])
            for dfa, goal in members.groups
        )
        return Names(
            groups, members.low, members.high, json.comma, json.closed(b"}"),
            json.quote, json.quote, json.colon, json.spell, last_string,
        )  # fmt: skip

    def _end(self, names: Names | None, members: Members, count: int) -> Node:
        make = self._make
        if members.high is not None and count > members.high:
            return make.never
        if names is not None and count + members.n_others >= members.low:
            return make.deferred(MoreNames(names, frozenset(), names.counted(count)))
        if count < members.low:
            return make.never
        return self._json.closed(b"}") if count else make.literal(b"}")

    def _property(
        self, name: str, goal: Goal, required: bool, left: int, count: int,
        after: Mapping[int, Node], members: Members,
    ) -> Node:  # fmt: skip
        """From before a property to the end of the object."""
        make, json = self._make, self._json
        options = [] if required else [after[count]]
        last = max(after)
        full = members.high is not None and count + 1 + left > members.high
        if not full:
            start = [json.comma] if count else []
            key = [*start, json.text(name), json.colon, self._rules[goal]]
            options.append(make.sequence([*key, after[min(count + 1, last)]]))
        return make.choice(options)
