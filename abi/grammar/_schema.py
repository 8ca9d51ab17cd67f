"""JSON Schema into a grammar that writes valid values and nothing else.

Goals are collected from the root on; those that no finite value can meet are left out, so
that nothing is begun that cannot be ended; the others become rules.
"""

from __future__ import annotations

from abi.errors import InputError
from abi.grammar._grammar import Grammar
from abi.grammar._nodes import Builder, Node
from abi.grammar._regular import Terms
from abi.grammar._schema_counted import CountedText, RestOfText
from abi.grammar._schema_document import Document, Goal
from abi.grammar._schema_nodes import Json
from abi.grammar._schema_plan import Plan
from abi.grammar._schema_shapes import Array, Number, Object, Shape, String, Values
from abi.grammar._schema_solve import Solver
from abi.grammar._schema_write import ArrayWriter, ObjectWriter

__all__ = ["compile_schema"]


def compile_schema(schema: object, *, indent: int | None = 20) -> Grammar:
    """A grammar whose texts are JSON that is valid under a schema.

    Parameters
    ----------
    schema : dict or bool
        Draft 7 or 2020-12, as plain JSON. Properties are written in its order, no name twice.
    indent : int or None
        The longest run of spaces or tabs after a line break between values; a single space may
        stand there too. None: no white space at all.

    Raises
    ------
    InputError
        If a keyword or a combination of them is not supported, malformed, or leaves no valid
        value; the message names its place, `#/properties/a/pattern`, and the cure.

    Examples
    --------
    >>> schema = {
    ...     "type": "object",
    ...     "properties": {"age": {"type": "integer", "minimum": 0}},
    ...     "required": ["age"],
    ...     "additionalProperties": False,
    ... }
    >>> grammar = compile_schema(schema)
    >>> grammar.matches('{"age": 7}'), grammar.matches('{"age": -7}')
    (True, False)
    """
    if indent is not None and (not isinstance(indent, int) or not 0 <= indent <= 1000):
        raise InputError(f"indent={indent!r}: expected None or a whole number up to 1000")
    document = Document(schema)
    solver = Solver(document, Terms())
    plan = Plan(solver, frozenset({()}))
    return _Writer(plan, indent).grammar()


class _Writer:
    """A rule for each goal that can be met."""

    def __init__(self, plan: Plan, indent: int | None) -> None:
        self._plan, self._make = plan, Builder()
        self._json = Json(self._make, indent)
        self._rules = {goal: self._make.rule() for goal in plan.goals}
        self._arrays = ArrayWriter(plan, self._make, self._json, self._rules)
        self._objects = ObjectWriter(plan, self._make, self._json, self._rules)

    def grammar(self) -> Grammar:
        plan, make = self._plan, self._make
        for goal, shapes in plan.goals.items():
            options = [self._shape(goal, shape) for shape in shapes]
            make.define(self._rules[goal], make.choice(options))
        make.finish()
        return Grammar(make, self._rules[plan.root])

    def _shape(self, goal: Goal, shape: Shape) -> Node:
        make, solver = self._make, self._plan.solver
        if isinstance(shape, Values):
            return make.choice([self._json.value(value) for _, value in shape.by_identity])
        if isinstance(shape, Number):
            if shape in (Number(), Number(integer=True)):
                return self._json.number(shape.integer)
            dfa = solver.dfa(solver.number(shape))
            return dfa.rules(make, make.chars, make.empty)[0]
        if isinstance(shape, String):
            return self._string(shape)
        if isinstance(shape, Array):
            return self._arrays.write(shape)
        assert isinstance(shape, Object)
        return self._objects.write(goal, shape)

    def _string(self, shape: String) -> Node:
        make, json = self._make, self._json
        if shape.language is None:
            chars = make.repeat(json.any_char, shape.low, shape.high)
            return make.sequence([json.quote, chars, json.quote])
        dfa, lengths = self._plan.solver.dfa(shape.language), self._plan.solver.lengths(shape)
        if lengths is None:
            return make.sequence([json.quote, dfa.rules(make, json.spell, json.quote)[0]])
        counted = CountedText(json, dfa, lengths)
        rest = make.deferred(RestOfText(counted, 0, shape.low, shape.high))
        return make.sequence([json.quote, rest])
