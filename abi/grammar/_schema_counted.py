"""Strings of a pattern and a length: the automaton's states with a count beside them.

The product of the two is never built. A table says of every state which lengths it can still
come to, and states with their counts are made as they are met.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.grammar._dfa import Dfa
from abi.grammar._nodes import Builder, Deferred, Node
from abi.grammar._schema_nodes import Json

__all__ = ["CountedText", "Lengths", "RestOfText", "lengths_always_fit"]

_MAX_CELLS = 8_000_000

Flags = npt.NDArray[np.bool_]


class Lengths:
    """Which numbers of characters each state of an automaton can come to.

    Parameters
    ----------
    dfa : Dfa
    low, high : int, int or None
        The longest that will be asked for: `high`, or `low` where there is no end.
    """

    def __init__(self, dfa: Dfa, low: int, high: int | None) -> None:
        n_states, top = len(dfa.edges), low if high is None else high
        if n_states * (top + 1) > _MAX_CELLS:
            raise InputError(
                f"a length of {top} is too much for a pattern of {n_states} states; shorten either"
            )
        self._bounded = high is not None
        accepts = np.array(dfa.accepts)
        ways = _steps(dfa, accepts if self._bounded else np.ones(n_states, np.bool_))
        rows = np.stack([next(ways) for _ in range(top + 1)])
        self._table = np.cumsum(rows, axis=0, dtype=np.int32) if self._bounded else rows
        self.nearest = _nearest(dfa, accepts)

    def reach(self, state: int, low: int, high: int | None) -> bool:
        """Whether a state can come to a number of characters between two bounds."""
        if high is None:
            return bool(self._table[low, state])
        if high < low:
            return False
        below = self._table[low - 1, state] if low else 0
        return bool(self._table[high, state] > below)


def lengths_always_fit(dfa: Dfa, low: int, high: int | None) -> bool:
    """Whether the bounds leave out nothing that the automaton accepts."""
    if dfa.is_empty or _nearest(dfa, np.array(dfa.accepts))[0] < low:
        return False
    if high is None:
        return True
    if dfa.n_words[0] is None or high > 10_000:
        return False
    return not Lengths(dfa, high + 1, None).reach(0, high + 1, None)


def _steps(dfa: Dfa, flags: Flags) -> Iterator[Flags]:
    """The states from which a flagged one is 0, 1, 2... characters away."""
    pairs = [(state, to) for state, edges in enumerate(dfa.edges) for to in edges]
    source, target = np.array(pairs, np.int64).reshape(-1, 2).T
    while True:
        yield flags
        following = np.zeros_like(flags)
        following[source[flags[target]]] = True
        flags = following


def _nearest(dfa: Dfa, accepts: Flags) -> list[int]:
    """The least number of characters to an end, by state."""
    nearest = np.full(len(accepts), -1)
    for distance, flags in enumerate(_steps(dfa, accepts)):
        new = flags & (nearest < 0)
        nearest[new] = distance
        if not (nearest < 0).any() or distance > len(accepts):
            break
    return nearest.tolist()


@dataclass(frozen=True, eq=False)
class CountedText:
    """What a pattern and a length allow."""

    json: Json
    dfa: Dfa
    lengths: Lengths


@dataclass(frozen=True)
class RestOfText:
    """From inside such a string to its closing quote, so many characters at least and at most."""

    text: CountedText
    state: int
    low: int
    high: int | None

    @property
    def by_text(self) -> bool:
        return False

    @property
    def floor(self) -> float:
        return 1 + max(self.low, self.text.lengths.nearest[self.state])

    @property
    def needs(self) -> tuple[Node, ...]:
        return ()

    def lean(self) -> Deferred:
        return self

    def expand(self, make: Builder, text: bytes | bytearray | None) -> Node:
        dfa, json = self.text.dfa, self.text.json
        low, high = max(self.low - 1, 0), None if self.high is None else self.high - 1
        options = [json.quote] if dfa.accepts[self.state] and not self.low else []
        for target, chars in dfa.edges[self.state].items():
            if self.text.lengths.reach(target, low, high):
                rest = make.deferred(RestOfText(self.text, target, low, high))
                options.append(make.sequence([json.spell(chars), rest]))
        return make.choice(options)
