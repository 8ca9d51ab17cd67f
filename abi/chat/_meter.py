"""Puts the budget into a parsed template: what the sandbox's own hooks do not see.

Jinja2 compiles loops, output, `~`, comparisons, slices and literals straight into Python. Here
they become calls of hooks that charge the budget: functions that a template cannot name.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.runtime import str_join
from jinja2.visitor import NodeTransformer

from abi.chat._budget import current

__all__ = ["HOOKS", "MAX_NODES", "MAX_TREE_DEPTH", "meter"]

MAX_NODES = 8_000  # the longest template that llama.cpp keeps has 1,300
MAX_TREE_DEPTH = 120


def _round() -> bool:
    return current().step()


def _out(value: Any) -> str:
    """What `{{ }}` prints."""
    budget = current()
    if isinstance(value, str):
        budget.chars(len(value))
        return value
    return str(budget.weigh(value, copies=4))


def _concat(*values: Any) -> str:
    for value in values:
        current().weigh(value, copies=1)
    return str_join(values)


def _compared(value: Any) -> Any:
    budget = current()
    if isinstance(value, str):
        budget.step(1 + len(value) // 2048)
        return value
    return budget.weigh(value)


def _literal(value: Any) -> Any:
    return current().hold(current().made(value))


def _slice(value: Any, start: Any, stop: Any, step: Any) -> Any:
    return current().made(value[start:stop:step])


HOOKS: dict[str, Callable[..., Any]] = {
    "_hook_round": _round,
    "_hook_out": _out,
    "_hook_concat": _concat,
    "_hook_compared": _compared,
    "_hook_literal": _literal,
    "_hook_slice": _slice,
}


def meter(tree: nodes.Template, environment: Environment) -> nodes.Template:
    """Insert the hooks.

    Raises
    ------
    TemplateSyntaxError
        If the template is too large or nests too deep to be compiled, or needs other files.
    """
    _check_size(tree)
    _Meter().visit(tree)
    tree.set_environment(environment)
    return tree


def _check_size(tree: nodes.Node) -> None:
    stack, count = [(tree, 0)], 0
    while stack:
        node, depth = stack.pop()
        count += 1
        line = getattr(node, "lineno", None) or 1
        if depth > MAX_TREE_DEPTH or count > MAX_NODES:
            raise TemplateSyntaxError("too large, or nested too deep", line)
        if isinstance(node, nodes.Include | nodes.Import | nodes.FromImport | nodes.Extends):
            raise TemplateSyntaxError("a chat template has no other files to take in", line)
        stack += [(child, depth + 1) for child in node.iter_child_nodes()]


def _hook(name: str, line: int, *args: nodes.Expr) -> nodes.Call:
    target = nodes.EnvironmentAttribute(f"_hook_{name}", lineno=line)
    return nodes.Call(target, list(args), [], None, None, lineno=line)


class _Meter(NodeTransformer):
    """Children first, so that what is wrapped is metered already."""

    def visit_Output(self, node: nodes.Output) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        node.nodes = [_hook("out", node.lineno, child) for child in node.nodes]
        return node

    def visit_For(self, node: nodes.For) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        line = node.lineno
        node.body.insert(0, nodes.ExprStmt(_hook("round", line), lineno=line))
        if node.test is not None:
            node.test = nodes.And(_hook("round", line), node.test, lineno=line)
        return node

    def visit_Concat(self, node: nodes.Concat) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _hook("concat", node.lineno, *node.nodes)

    def visit_Compare(self, node: nodes.Compare) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        parts: list[Any] = [node, *node.ops]
        for part in parts:
            if not isinstance(part.expr, nodes.Const):
                part.expr = _hook("compared", node.lineno, part.expr)
        return node

    def visit_Getitem(self, node: nodes.Getitem) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        cut, line = node.arg, node.lineno
        if not isinstance(cut, nodes.Slice):
            return node
        ends = [part or nodes.Const(None, lineno=line) for part in (cut.start, cut.stop, cut.step)]
        return _hook("slice", line, node.node, *ends)

    def visit_Pair(self, node: nodes.Pair) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        if not isinstance(node.key, nodes.Const):
            node.key = _hook("compared", node.lineno, node.key)
        return node

    def visit_List(self, node: nodes.Expr) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _hook("literal", node.lineno, node)

    visit_Dict = visit_List  # noqa: N815

    def visit_Tuple(self, node: nodes.Tuple) -> nodes.Node:  # noqa: N802
        self.generic_visit(node)
        return _hook("literal", node.lineno, node) if node.ctx == "load" else node
