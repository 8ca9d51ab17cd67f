"""Which goals a schema comes to, and which of them finite values can meet."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf

from abi.errors import InputError
from abi.grammar._dfa import Dfa
from abi.grammar._schema_document import Goal
from abi.grammar._schema_shapes import Array, Object, Shape
from abi.grammar._schema_solve import Solver

__all__ = ["Members", "Plan"]

_MAX_GOALS = 5_000


@dataclass(frozen=True)
class Members:
    """An object's names, once those whose values cannot be met are left out."""

    properties: tuple[tuple[str, Goal], ...]
    groups: tuple[tuple[Dfa, Goal], ...]
    low: int
    high: int | None

    @property
    def n_others(self) -> float:
        """How many names there are beside the properties."""
        counts = [dfa.n_words[0] for dfa, _ in self.groups]
        return sum(inf if count is None else count for count in counts)


class Plan:
    """Goals from the root on, each with the shapes that can be met.

    Attributes
    ----------
    goals : dict
        Shapes by goal; only goals that can be met.
    """

    def __init__(self, solver: Solver, root: Goal) -> None:
        self.solver, self.root = solver, root
        self._names: dict[Object, list[tuple[Dfa, Goal]]] = {}
        self._users: dict[Goal, set[Goal]] = {}  # the goals that a goal is a part of
        self._alive: set[Goal] = set()
        every = self._reach()
        work = list(every)
        while work:
            goal = work.pop()
            if goal not in self._alive and any(self.can_be(shape) for shape in every[goal]):
                self._alive.add(goal)
                work += self._users.get(goal, ())
        if root not in self._alive:
            raise solver.document.error((), "no value is valid under it", "loosen it")
        self.goals: dict[Goal, list[Shape]] = {
            goal: [shape for shape in shapes if self.can_be(shape)]
            for goal, shapes in every.items()
            if goal in self._alive
        }

    def lengths(self, shape: Array) -> tuple[int, int | None]:
        """How many items a list may come to."""
        high = shape.high
        for i, goal in enumerate((*shape.first, shape.rest)):
            if goal not in self._alive:
                high = i if high is None else min(high, i)
                break
        return shape.low, high

    def members(self, shape: Object) -> Members:
        """The names an object may come to."""
        properties = [(name, goal) for name, goal in shape.properties if goal in self._alive]
        groups = [(dfa, goal) for dfa, goal in self._named(shape) if goal in self._alive]
        return Members(tuple(properties), tuple(groups), shape.low, shape.high)

    def can_be(self, shape: Shape) -> bool:
        """Whether a value is known to fit, given the goals that are known to be met."""
        if isinstance(shape, Array):
            low, high = self.lengths(shape)
            return high is None or low <= high
        if isinstance(shape, Object):
            members = self.members(shape)
            names = {name for name, _ in members.properties}
            enough = len(names) + members.n_others >= shape.low
            least = max(shape.low, len(shape.required))
            fits = shape.high is None or least <= shape.high
            return shape.required <= names and enough and fits
        return not self.solver.is_empty(shape)

    # -- inside --------------------------------------------------------------------------

    def _reach(self) -> dict[Goal, tuple[Shape, ...]]:
        found: dict[Goal, tuple[Shape, ...]] = {}
        work = [self.root]
        while work:
            goal = work.pop()
            if goal in found:
                continue
            try:
                found[goal] = self.solver.shapes(goal)
                for part in (part for shape in found[goal] for part in self._parts(shape)):
                    self._users.setdefault(part, set()).add(goal)
                    work.append(part)
            except InputError as error:
                raise self._placed(goal, error) from None
            if len(found) > _MAX_GOALS:
                raise self._placed(goal, InputError(f"more than {_MAX_GOALS} parts; simplify it"))
        return found

    def _placed(self, goal: Goal, error: InputError) -> InputError:
        """An error that says where, if it does not yet."""
        text = str(error)
        if text.startswith("schema ") or not goal:
            return error
        what, _, cure = text.rpartition("; ")
        return self.solver.document.error(min(goal), what, cure)

    def _parts(self, shape: Shape) -> list[Goal]:
        self.solver.is_empty(shape)  # builds what it needs, so that errors have a place
        if isinstance(shape, Array):
            return [*shape.first, shape.rest]
        if isinstance(shape, Object):
            return [goal for _, goal in (*shape.properties, *self._named(shape))]
        return []

    def _named(self, shape: Object) -> list[tuple[Dfa, Goal]]:
        """The names beside the properties."""
        if shape not in self._names:
            terms = self.solver.terms
            others = terms.complement(terms.words(name for name, _ in shape.properties))
            found = [
                (self.solver.dfa(terms.both(lang, others)), goal) for lang, goal in shape.groups
            ]
            self._names[shape] = [(dfa, goal) for dfa, goal in found if not dfa.is_empty]
        return self._names[shape]
