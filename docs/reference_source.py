"""Names, signatures and docstrings out of the source, as Markdown: for make_reference.py.

Read with `ast`, because what `inspect` and `repr` print differs between versions of Python.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

__all__ = [
    "ROOT",
    "class_signature",
    "comment",
    "decorated",
    "environment_reads",
    "fields",
    "find",
    "parsed",
    "prose",
    "public_modules",
    "signature",
    "source_of",
    "targets",
]

ROOT = Path(__file__).resolve().parents[1]
SOURCES = {"abi": ROOT / "abi", "abi_accel": ROOT / "accel" / "abi_accel"}

_ITEMS = ("Parameters", "Attributes", "Returns", "Raises")
_SECTION = re.compile(r"^(\w+)\n-{3,}\n", re.M)
_WIDTH = 92

Definition = ast.FunctionDef | ast.ClassDef | ast.Assign | ast.AnnAssign


class Home(NamedTuple):
    """Where a name is defined."""

    module: str
    node: Definition


# -- finding ---------------------------------------------------------------------------------


def public_modules() -> list[str]:
    """Every importable module no part of whose name begins with an underscore."""
    found = []
    for package, folder in SOURCES.items():
        for path in sorted(folder.rglob("*.py")):
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            if parts[-1] == "__init__":
                parts.pop()
            if not any(part.startswith("_") for part in parts):
                found.append(".".join(parts))
    return sorted(found)


@lru_cache(maxsize=None)
def source_of(module: str) -> str:
    package, *rest = module.split(".")
    base = SOURCES[package].joinpath(*rest)
    path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
    return path.read_text(encoding="utf-8")


@lru_cache(maxsize=None)
def parsed(module: str) -> ast.Module:
    return ast.parse(source_of(module))


def find(module: str, name: str) -> Home:
    """The definition of a public name, followed through imports."""
    for node in parsed(module).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef) and node.name == name:
            return Home(module, node)
        if isinstance(node, ast.Assign | ast.AnnAssign) and name in targets(node):
            return Home(module, node)
    imports = [n for n in ast.walk(parsed(module)) if isinstance(n, ast.ImportFrom)]
    for found in imports:
        if name in {alias.asname or alias.name for alias in found.names}:
            return find(found.module or "", name)
    raise LookupError(f"{module}: {name} is in __all__ but its definition was not found")


def environment_reads() -> dict[str, list[str]]:
    """Each environment variable that the code reads, with the files that do."""
    found: dict[str, list[str]] = {}
    folders = (ROOT / "abi", ROOT / "accel" / "abi_accel")
    paths = [p for folder in folders for p in folder.rglob("*.py")]
    for path in sorted([*paths, *(ROOT / "accel").glob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            name = _environment_name(node)
            if name:
                found.setdefault(name, []).append(path.relative_to(ROOT).as_posix())
    return dict(sorted(found.items()))


def _environment_name(node: ast.AST) -> str | None:
    if isinstance(node, ast.Call) and node.args:
        where, key = ast.unparse(node.func), node.args[0]
    elif isinstance(node, ast.Subscript):
        where, key = ast.unparse(node.value), node.slice
    else:
        return None
    reads = re.fullmatch(r"(os\.)?(environ(\.(get|setdefault|pop))?|getenv)", where)
    return str(key.value) if reads and isinstance(key, ast.Constant) else None


def targets(node: ast.Assign | ast.AnnAssign) -> list[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return [t.id for t in targets if isinstance(t, ast.Name)]


# -- signatures ------------------------------------------------------------------------------


def signature(name: str, node: ast.FunctionDef, module: str, *, method: bool = False) -> str:
    """A definition on one line, or a line a parameter where that is too long."""
    returns = f" -> {ast.unparse(node.returns)}" if node.returns else ""
    params = list(_parameters(node.args, module))
    if method and not decorated(node, "staticmethod"):
        params = params[1:]
    return _call(name, params, returns)


def _call(name: str, params: list[str], returns: str = "") -> str:
    flat = f"{name}({', '.join(params)}){returns}"
    if len(flat) <= _WIDTH:
        return flat
    return "\n".join([f"{name}(", *(f"    {p}," for p in params), f"){returns}"])


def _parameters(args: ast.arguments, module: str) -> Iterator[str]:
    plain = [*args.posonlyargs, *args.args]
    gap: list[ast.expr | None] = [None] * (len(plain) - len(args.defaults))
    for arg, default in zip(plain, gap + list(args.defaults), strict=True):
        yield _parameter(arg, default, module)
        if args.posonlyargs and arg is args.posonlyargs[-1]:
            yield "/"
    if args.vararg:
        yield "*" + _parameter(args.vararg, None, module)
    elif args.kwonlyargs:
        yield "*"
    for arg, default in zip(args.kwonlyargs, args.kw_defaults, strict=True):
        yield _parameter(arg, default, module)
    if args.kwarg:
        yield "**" + _parameter(args.kwarg, None, module)


def _parameter(arg: ast.arg, default: ast.expr | None, module: str) -> str:
    text = f"{arg.arg}: {ast.unparse(arg.annotation)}" if arg.annotation else arg.arg
    if default is None:
        return text
    return f"{text}{' = ' if arg.annotation else '='}{_default(default, module)}"


def _default(node: ast.expr, module: str) -> str:
    """The source of a default; of a private constant, its value."""
    if isinstance(node, ast.Name) and node.id.startswith("_"):
        return repr(getattr(import_module(module), node.id))
    return "..." if isinstance(node, ast.Call) else ast.unparse(node)


def fields(node: ast.ClassDef) -> list[ast.AnnAssign]:
    fields = [n for n in node.body if isinstance(n, ast.AnnAssign)]
    return [n for n in fields if not targets(n)[0].startswith("_")]


def decorated(node: ast.FunctionDef | ast.ClassDef, name: str) -> bool:
    return any(re.match(rf"{name}\b", ast.unparse(d)) for d in node.decorator_list)


def class_signature(node: ast.ClassDef, module: str) -> str:
    """How an object is made, where the class itself says it; else its name."""
    if decorated(node, "dataclass"):
        params = []
        for field in fields(node):
            default = f" = {_default(field.value, module)}" if field.value else ""
            params.append(f"{targets(field)[0]}: {ast.unparse(field.annotation)}{default}")
        return _call(node.name, params)
    for inner in node.body:
        if isinstance(inner, ast.FunctionDef) and inner.name == "__init__":
            return _call(node.name, list(_parameters(inner.args, module))[1:])
    return node.name


# -- docstrings ------------------------------------------------------------------------------


def prose(doc: str | None) -> Iterator[str]:
    """A numpydoc docstring as lines of Markdown."""
    head, *rest = _SECTION.split(doc or "")
    if head.strip():
        yield from (head.rstrip(), "")
    for title, body in zip(rest[::2], rest[1::2], strict=True):
        yield from (f"**{title}**", "")
        if title in _ITEMS:
            yield from _items(body)
        elif title == "Examples":
            yield from ("```pycon", body.strip(), "```")
        else:
            yield body.strip()
        yield ""


def _items(body: str) -> Iterator[str]:
    """`name : type` lines and what is indented below them, as a list."""
    for line in body.rstrip().splitlines():
        if line[:1].strip():
            tick = "``" if "`" in line else "`"
            pad = " " if "`" in line else ""
            yield f"- {tick}{pad}{line}{pad}{tick}"
        elif line.strip():
            yield f"  {line.strip()}"


def comment(module: str, node: ast.stmt) -> str:
    """The comment on a definition's first line, else the ones right above it."""
    lines = source_of(module).splitlines()
    trailing = re.search(r"\s#\s(?!type:|noqa|fmt:)(.*)$", lines[node.lineno - 1])
    if trailing:
        return trailing[1]
    above: list[str] = []
    for line in reversed(lines[: node.lineno - 1]):
        if not line.startswith("# ") or line.startswith(("# --", "# fmt:")):
            break
        above.insert(0, line[2:])
    return " ".join(above)
