"""Left recursion: rules that would have to be entered again before any byte is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from abi.grammar._nodes import Kind, Node

__all__ = ["find_left_recursion"]

Edges = Callable[[Node], Iterator[Node]]


def find_left_recursion(rules: Mapping[str, Node]) -> str | None:
    """The name of a rule that can begin with itself; nodes must have their floors.

    A rule that comes back to itself only behind parts that may be empty, with nothing left to
    match after it, grows no stack and is let through.
    """
    names = {rule: name for name, rule in rules.items()}
    for component in _components(list(rules.values()), _leftmost):
        members = set(component)
        if any(part in members for node in component for part in _growing(node)):
            return _name(component, names)
    for component in _components(list(rules.values()), _first_parts):
        if len(component) > 1 or component[0] in _first_parts(component[0]):
            return _name(component, names)
    return None


def _name(component: list[Node], names: Mapping[Node, str]) -> str | None:
    return min(names[node] for node in component if node in names)


def _leftmost(node: Node) -> Iterator[Node]:
    """Nodes that can stand first in this one."""
    if node.kind is not Kind.SEQUENCE:
        yield from node.parts
        return
    first, second = node.parts
    yield first
    if not first.floor:
        yield second


def _first_parts(node: Node) -> Iterator[Node]:
    yield from node.parts[:1] if node.kind is Kind.SEQUENCE else node.parts


def _growing(node: Node) -> Iterator[Node]:
    """Nodes that stand first with more to match behind them."""
    if node.kind is Kind.SEQUENCE or (node.kind is Kind.REPEAT and node.high != 1):
        yield node.parts[0]


def _components(roots: list[Node], edges: Edges) -> list[list[Node]]:
    """Strongly connected components (Tarjan 1972), without recursion."""
    order: dict[Node, int] = {}
    low: dict[Node, int] = {}
    stack: list[Node] = []
    on_stack: set[Node] = set()
    found: list[list[Node]] = []
    for root in roots:
        work: list[tuple[Node, Iterator[Node]]] = [] if root in order else [(root, edges(root))]
        while work:
            node, rest = work[-1]
            if node not in order:
                order[node] = low[node] = len(order)
                stack.append(node)
                on_stack.add(node)
            child = next(rest, None)
            if child is None:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[node])
                if low[node] == order[node]:
                    found.append(_pop(stack, on_stack, node))
            elif child not in order:
                work.append((child, edges(child)))
            elif child in on_stack:
                low[node] = min(low[node], order[child])
    return found


def _pop(stack: list[Node], on_stack: set[Node], node: Node) -> list[Node]:
    component: list[Node] = []
    while not component or component[-1] is not node:
        component.append(stack.pop())
        on_stack.discard(component[-1])
    return component
