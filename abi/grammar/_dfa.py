"""Deterministic automata of regular terms, without states that lead nowhere."""

from __future__ import annotations

from collections.abc import Callable

from abi.errors import InputError
from abi.grammar import _charset
from abi.grammar._charset import CharSet
from abi.grammar._nodes import Builder, Node
from abi.grammar._regular import Term, Terms

__all__ = ["Dfa"]

_MAX_WORK = 60_000  # derivatives taken for one automaton


class Dfa:
    """States from 0, the start.

    Attributes
    ----------
    edges : list of dict
        By state: target state to the characters that lead there; disjoint.
    accepts : list of bool
    n_words : list of (int or None)
        How many texts each state accepts; None: infinitely many.
    """

    def __init__(self, terms: Terms, term: Term) -> None:
        edges, accepts = _explore(terms, term)
        self.edges, self.accepts = _trim(edges, accepts)
        self.n_words = _count(self.edges, self.accepts)

    @property
    def is_empty(self) -> bool:
        return self.n_words[0] == 0

    def outlasts(self, state: int, texts: frozenset[str]) -> bool:
        """Whether a state accepts a text that is none of these."""
        n_words = self.n_words[state]
        return n_words is None or n_words > sum(self.accepts_text(state, text) for text in texts)

    def follow(self, state: int, char: str) -> int | None:
        """The state after a character."""
        for target, chars in self.edges[state].items():
            if _charset.contains(chars, ord(char)):
                return target
        return None

    def accepts_text(self, state: int, text: str) -> bool:
        at: int | None = state
        for char in text:
            at = self.follow(at, char) if at is not None else None
        return at is not None and self.accepts[at]

    def rules(self, make: Builder, spell: Callable[[CharSet], Node], end: Node) -> list[Node]:
        """A rule for each state: its texts spelled out, then `end`."""
        rules = [make.rule() for _ in self.edges]
        for rule, edges, accepts in zip(rules, self.edges, self.accepts, strict=True):
            options = [make.sequence([spell(chars), rules[to]]) for to, chars in edges.items()]
            make.define(rule, make.choice([*options, end] if accepts else options))
        return rules


Edges = list[dict[int, CharSet]]


def _explore(terms: Terms, term: Term) -> tuple[Edges, list[bool]]:
    atoms = terms.atoms(term)
    numbers, order = {term: 0}, [term]
    edges: Edges = []
    for state in order:
        if len(order) * len(atoms) > _MAX_WORK:
            raise InputError(
                f"it needs more than {len(edges)} states; shorten its repetitions or lengths"
            )
        targets: dict[int, list[CharSet]] = {}
        for atom in atoms:
            after = terms.derive(state, atom[0][0])
            if after is terms.none:
                continue
            if after not in numbers:
                numbers[after] = len(order)
                order.append(after)
            targets.setdefault(numbers[after], []).append(atom)
        edges.append({to: _charset.union(*chars) for to, chars in targets.items()})
    return edges, [state.nullable for state in order]


def _trim(edges: Edges, accepts: list[bool]) -> tuple[Edges, list[bool]]:
    """Without the states from which nothing is accepted, the start kept."""
    before: list[list[int]] = [[] for _ in edges]
    for state, targets in enumerate(edges):
        for target in targets:
            before[target].append(state)
    alive = {state for state, accepting in enumerate(accepts) if accepting}
    work = list(alive)
    while work:
        new = [state for state in before[work.pop()] if state not in alive]
        alive.update(new)
        work += new
    kept = sorted(alive | {0})
    number = {state: i for i, state in enumerate(kept)}
    trimmed = [
        {number[to]: chars for to, chars in edges[state].items() if to in alive} for state in kept
    ]
    return trimmed, [accepts[state] for state in kept]


def _count(edges: Edges, accepts: list[bool]) -> list[int | None]:
    """Words by state, from the states without unfinished successors back to the start."""
    before: list[list[int]] = [[] for _ in edges]
    open_ = [len(targets) for targets in edges]
    for state, targets in enumerate(edges):
        for target in targets:
            before[target].append(state)
    counts: list[int | None] = [None] * len(edges)
    work = [state for state, n in enumerate(open_) if not n]
    while work:
        state = work.pop()
        total = int(accepts[state])
        for target, chars in edges[state].items():
            total += (counts[target] or 0) * sum(high - low + 1 for low, high in chars)
        counts[state] = total
        for source in before[state]:
            open_[source] -= 1
            if not open_[source]:
                work.append(source)
    return counts
