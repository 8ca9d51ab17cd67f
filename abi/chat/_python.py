"""Readers of calls that are written as Python. Imported when one is read: it needs `ast`."""

from __future__ import annotations

import ast
import warnings
from typing import Any

from abi._nesting import check_python
from abi.chat._readers import read_json
from abi.chat._scanner import Call, Tools

__all__ = ["read_python", "read_python_tag"]

_WORDS = {"true": True, "false": False, "null": None}
_CODE_TOOLS = ("python", "ipython", "code_interpreter")
_MAX_DEPTH = 32


def read_python(text: str, tools: Tools) -> list[Call]:
    """`[name(key='value', other=3)]`."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            check_python(text)
            tree = ast.parse(text.strip(), mode="eval").body
        except (SyntaxError, RecursionError, MemoryError) as error:
            raise ValueError(f"not a list of calls: {error}") from None
    items = tree.elts if isinstance(tree, ast.List | ast.Tuple) else [tree]
    return [_python_call(item) for item in items]


def _python_call(node: ast.expr) -> Call:
    if not isinstance(node, ast.Call) or node.args or any(k.arg is None for k in node.keywords):
        raise ValueError("not a call with named arguments")
    arguments = {str(k.arg): _literal(k.value) for k in node.keywords}
    return Call(_dotted(node.func), arguments)


def _dotted(node: ast.expr) -> str:
    parts = []
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        raise ValueError("not a name of a tool")
    return ".".join([node.id, *reversed(parts)])


def _literal(node: ast.expr, depth: int = 0) -> Any:
    if depth > _MAX_DEPTH:
        raise ValueError("arguments nest too deep")
    if isinstance(node, ast.Constant) and isinstance(node.value, str | int | float | None):
        return node.value
    if isinstance(node, ast.Name) and node.id in _WORDS:
        return _WORDS[node.id]
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item, depth + 1) for item in node.elts]
    if isinstance(node, ast.Dict) and all(isinstance(key, ast.Constant) for key in node.keys):
        keys = [str(key.value) for key in node.keys if isinstance(key, ast.Constant)]
        values = [_literal(value, depth + 1) for value in node.values]
        return dict(zip(keys, values, strict=True))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _literal(node.operand, depth + 1)
        if isinstance(value, int | float):
            return -value
    raise ValueError("an argument is not a plain value")


def read_python_tag(text: str, tools: Tools) -> list[Call]:
    """What follows `<|python_tag|>`: JSON, `tool.call(key="value")`, or code of the interpreter."""
    stripped = text.strip()
    if stripped.startswith(("{", "[")):
        return read_json(text, tools)
    name, dot, rest = stripped.partition(".call(")
    if dot and name.isidentifier():
        (call,) = read_python(f"{name}({rest}", tools)
        return [call]
    runner = next((name for name in _CODE_TOOLS if name in tools), None)
    if runner is None:
        raise ValueError(f"code, but no tool is called {' or '.join(_CODE_TOOLS)}")
    return [Call(runner, {"code": text})]
