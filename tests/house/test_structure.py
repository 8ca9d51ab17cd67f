"""The house rules that a machine can hold: layers, exports, sizes, where it runs."""

from __future__ import annotations

import ast
import importlib
import pkgutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import abi

ROOT = Path(abi.__file__).parent
ACCEL = ROOT.parent / "accel" / "abi_accel"

# From the bottom up; what stands on one line is siblings, which never import each other.
LAYERS = (
    {"errors", "_platform"},
    {"_files", "_nesting"},
    {"quant"},
    {"kernels"},
    {"gguf", "grammar", "tokenizer", "chat", "sampling", "index", "text"},
    {"convert", "documents", "embedding", "hub", "model", "store"},
    {"generate", "rag"},
    {"cli", "connectors", "telemetry", "cluster", "train"},
)
TOP = {"__init__", "__main__", "data"}

MODULES = sorted(ROOT.rglob("*.py")) + sorted(ACCEL.rglob("*.py"))
TABLES = {"_rows.py", "_unicode_overrides.py"}  # data: no limit on its length


def layer_of(part: str) -> int:
    return next(i for i, names in enumerate(LAYERS) if part in names)


def imports(path: Path) -> Iterator[str]:
    """Parts of abi that a module imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text())):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            base = node.module or ""
            names = [base] if base != "abi" else [f"abi.{alias.name}" for alias in node.names]
        for name in names:
            if name.startswith("abi."):
                yield name.split(".")[1]


def label(path: Path) -> str:
    return str(path.relative_to(ROOT.parent))


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_imports_point_down(path: Path) -> None:
    if ACCEL in path.parents:
        assert set(imports(path)) <= {"kernels", "quant", "errors", "_platform"}
        return
    part = path.relative_to(ROOT).parts[0].removesuffix(".py")
    if part in TOP:
        return
    for used in set(imports(path)) - {part, "__version__"}:
        assert layer_of(used) < layer_of(part), f"{part} imports {used}"


def test_every_part_has_a_layer() -> None:
    parts = {p.name.removesuffix(".py") for p in ROOT.iterdir() if not p.name.startswith("__pyc")}
    assert parts - TOP - {"py.typed"} <= set().union(*LAYERS)


def packages() -> list[str]:
    found = [m.name for m in pkgutil.walk_packages([str(ROOT)], "abi.") if m.ispkg]
    return ["abi", *found]


@pytest.mark.parametrize("name", packages())
def test_exports_are_what_all_says(name: str) -> None:
    module = importlib.import_module(name)
    assert list(module.__all__) == sorted(module.__all__, key=_case)
    for export in module.__all__:
        assert getattr(module, export) is not None


def _case(name: str) -> tuple[int, str]:
    """Constants, then classes, then functions, as ruff sorts them."""
    return (0 if name.isupper() else 1 if name[:1].isupper() else 2, name)


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_modules_and_functions_are_short(path: Path) -> None:
    text = path.read_text()
    assert path.name in TABLES or text.count("\n") <= 300
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            doc = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            start = (first.end_lineno or 0) if doc else node.lineno
            assert (node.end_lineno or 0) - start + 1 <= 40, f"{path.name}:{node.lineno}"


@pytest.mark.parametrize("path", MODULES, ids=label)
def test_modules_say_what_they_are(path: Path) -> None:
    assert ast.get_docstring(ast.parse(path.read_text()))


def test_only_one_module_asks_where_it_runs() -> None:
    askers = {
        path.name
        for path in sorted(ROOT.rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr == "platform" and _is_sys(node.value)
    }
    assert askers == {"_platform.py"}


def _is_sys(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "sys"


@pytest.mark.parametrize("banned", ["threading", "socket", "fcntl", "multiprocessing", "pickle"])
def test_the_core_does_without(banned: str) -> None:
    users = {p.name for p in ROOT.rglob("*.py") if f"import {banned}" in p.read_text()}
    assert users <= ({"_platform.py"} if banned in ("fcntl", "threading") else set())
