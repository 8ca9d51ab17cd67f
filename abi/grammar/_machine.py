"""The machine: which bytes may follow, over a graph of stacks.

A `State` is a set of stacks that share their lower parts, each with a byte set or a token on
top, and says whether the text may end. Stacks with equal tops are merged, as in Tomita's
graph-structured stack, so ambiguity costs memory in proportion to the text and never doubles
it. States are values: a matcher goes back by keeping the old one. Nothing here recurses to a
depth that a grammar or a text decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf

from abi.errors import InputError
from abi.grammar._nodes import Builder, Kind, Node

__all__ = ["MAX_STEPS", "Machine", "State"]

MAX_STEPS = 50_000  # expansions for one byte; a grammar that needs more is refused
_MAX_MADE = 200_000  # shared states kept before the table is emptied
_LEAN_DEPTH = 24  # frames that are looked into when states are compared

_TOPS = (Kind.BYTES, Kind.TOKEN, Kind.UNSURE)

Cell = tuple[Node, "State"]
Text = bytes | bytearray | None


class State:
    """Stacks by their tops, and whether the empty stack is one of them.

    Attributes
    ----------
    cells : tuple
        Pairs of a node and the state below it.
    ends : bool
        The text may end here.
    floor : float
        The least number of bytes to an end.
    """

    __slots__ = ("cells", "ends", "floor")

    def __init__(self, cells: tuple[Cell, ...], ends: bool) -> None:
        self.cells, self.ends = cells, ends
        floors = [node.floor + below.floor for node, below in cells]
        self.floor: float = 0 if ends else min(floors, default=inf)


class Machine:
    """Steps through a finished grammar.

    Parameters
    ----------
    make : Builder
    root : Node
    """

    def __init__(self, make: Builder, root: Node) -> None:
        self._make = make
        self._made: dict[object, State] = {}
        self.bottom = self._state((), True)
        self.dead = self._state((), False)
        self._lost = self._state(((make.unsure, self.bottom),), False)
        self.start = self._close([(root, self.bottom)], b"")

    def advance(self, state: State, byte: int, text: Text) -> State:
        """The state after one more byte; without stacks and end when it does not fit.

        `text` is what was matched, that byte included, or None when it is not known.
        """
        found = [
            (self._make.empty, below)
            for node, below in state.cells
            if node.kind is Kind.BYTES and node.mask >> byte & 1
        ]
        return self._close(found, text) if found else self.dead

    def advance_token(self, state: State, token: int, has_bytes: bool) -> State:
        """The state after a token that a token rule matches as a whole.

        A negated rule matches only tokens that have bytes.
        """
        found = []
        for node, below in state.cells:
            if node.kind is Kind.TOKEN:
                wanted, negated = node.value
                if token != wanted and has_bytes if negated else token == wanted:
                    found.append((self._make.empty, below))
        return self._close(found, b"") if found else self.dead

    def merge(self, a: State, b: State) -> State:
        """Everything that either of two states allows."""
        if a is b or not (b.cells or b.ends):
            return a
        if not (a.cells or a.ends):
            return b
        return self._collect([*a.cells, *b.cells], a.ends or b.ends)

    def alike(self, state: State, byte: int) -> int:
        """The bytes (as bits) after which the state is the same as after this one."""
        same = (1 << 256) - 1
        for node, _ in state.cells:
            if node.kind is Kind.BYTES:
                same &= node.mask if node.mask >> byte & 1 else ~node.mask
        return same

    def lean(self, state: State, reach: int) -> State:
        """A state with the same next `reach` bytes, the same for as many states as possible.

        Counters beyond the reach are rounded and stacks that it cannot get to are cut off.
        """
        memo: dict[object, State] = {}
        return self._lean(state, reach, _LEAN_DEPTH, memo)

    def forget(self) -> None:
        """Empty the tables when they have grown large; states in use stay valid."""
        if len(self._made) > _MAX_MADE:
            self._made.clear()
            self._make.forget()
            for state in (self.bottom, self.dead):  # they are told by identity
                self._made[frozenset(state.cells), state.ends] = state

    # -- inside --------------------------------------------------------------------------

    def _lean(self, state: State, reach: int, depth: int, memo: dict[object, State]) -> State:
        if not depth or state is self.bottom:
            return state
        if reach < 0:
            return self._lost
        key = (state, reach, depth)
        if key not in memo:
            cells = []
            for node, below in state.cells:
                left = reach - int(min(node.floor, reach + 1))
                cells.append((self._rounded(node, reach), self._lean(below, left, depth - 1, memo)))
            memo[key] = self._state(tuple(cells), state.ends)
        return memo[key]

    def _rounded(self, node: Node, reach: int) -> Node:
        """The node with counters that no text of `reach` bytes tells apart."""
        if node.kind is Kind.DEFERRED:
            return self._make.deferred(node.value.lean())
        if node.kind is not Kind.REPEAT or not node.parts[0].floor:
            return node
        most = int(reach // min(node.parts[0].floor, reach + 1)) + 1
        high = node.high if node.high is not None and node.high <= most else None
        return self._make.repeat(node.parts[0], min(node.low, most), high)

    def _close(self, found: Iterable[Cell], text: Text) -> State:
        """Replace what stands on top by what it is made of, down to bytes and tokens.

        It goes in rounds: equal nodes of one round are expanded once, above all their stacks.
        """
        seen: set[Cell] = set()
        tops: list[Cell] = []
        ends = False
        pending = _grouped(found)
        n_joined = 0
        while pending:
            made: list[Cell] = []
            for node, states in pending.items():
                below = self._union(states)
                n_joined += len(below.cells) if len(states) > 1 else 0
                if (node, below) in seen:
                    continue
                seen.add((node, below))
                if node.kind in _TOPS:
                    tops.append((node, below))
                elif node.kind is Kind.EMPTY:
                    ends = ends or below.ends
                    made += below.cells
                else:
                    made += self._follow(node, below, text)
            if len(seen) + len(made) + n_joined > MAX_STEPS:
                raise InputError(
                    f"the grammar needs more than {MAX_STEPS} steps for one byte of text; "
                    "it is too ambiguous, give its repetitions distinct beginnings"
                )
            pending = _grouped(cell for cell in made if cell not in seen)
        return self._collect(tops, ends)

    def _follow(self, node: Node, below: State, text: Text) -> Iterable[Cell]:
        """What a node that is neither top nor empty is replaced by."""
        if node.kind is Kind.SEQUENCE:
            return ((node.parts[0], self._push(node.parts[1], below)),)
        if node.kind is Kind.REPEAT:
            return self._repeat(node, below)
        if node.kind is Kind.DEFERRED:
            return ((self._expanded(node, text), below),)
        return [(part, below) for part in node.parts]

    def _expanded(self, node: Node, text: Text) -> Node:
        """What a deferred node stands for, kept when it does not hang on the text."""
        if node.value.by_text:
            made: Node = node.value.expand(self._make, text)
            return made
        if not node.parts:
            node.parts = (node.value.expand(self._make, None),)
        return node.parts[0]

    def _repeat(self, node: Node, below: State) -> list[Cell]:
        (part,), low, high = node.parts, node.low, node.high
        found = [(self._make.empty, below)] if not low or not part.floor else []
        if high is not None and high <= 1:
            return [*found, (part, below)]
        rest = self._make.repeat(part, max(low - 1, 0), None if high is None else high - 1)
        return [*found, (part, self._push(rest, below))]

    def _push(self, node: Node, below: State) -> State:
        return self._state(((node, below),), False)

    def _collect(self, tops: list[Cell], ends: bool) -> State:
        cells = tuple((node, self._union(states)) for node, states in _grouped(tops).items())
        return self._state(cells, ends)

    def _union(self, states: list[State]) -> State:
        if len(states) == 1:
            return states[0]
        cells = dict.fromkeys(cell for state in states for cell in state.cells)
        return self._state(tuple(cells), any(state.ends for state in states))

    def _state(self, cells: tuple[Cell, ...], ends: bool) -> State:
        key = (frozenset(cells), ends) if len(cells) != 1 else (*cells[0], ends)
        found = self._made.get(key)
        if found is None:
            found = self._made[key] = State(cells, ends)
        return found


def _grouped(cells: Iterable[Cell]) -> dict[Node, list[State]]:
    """The states below each node, each once."""
    found: dict[Node, dict[State, None]] = {}
    for node, below in cells:
        found.setdefault(node, {})[below] = None
    return {node: list(states) for node, states in found.items()}
