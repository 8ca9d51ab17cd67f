"""A corpus for retrieval that every machine has: Python's documentation strings and this project's.

Sections are read at run time, so none of their text is kept here, and a section is known by its
name: `json.dumps`, `pathlib.Path.glob`, `topic:with`, `docs/how-to/chat.md#Templates`. What a
module only imports counts where it is made; equal texts count once. Modules whose import does
something, or opens windows, are left out.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

__all__ = ["Section", "sections", "write"]

ROOT = Path(__file__).parents[2]
PAGES = ("how-to", "explanation", "tutorials")

_LEFT_OUT = {
    "__main__", "__phello__", "antigravity", "curses", "ensurepip", "idlelib", "lib2to3", "nt",
    "ntpath", "pydoc_data", "test", "this", "tkinter", "turtle", "turtledemo",
}  # fmt: skip
_PACKAGES = (
    "collections", "concurrent", "dbm", "email", "html", "http", "importlib", "json", "logging",
    "multiprocessing", "sqlite3", "unittest", "urllib", "wsgiref", "xml", "xml.dom", "xml.etree",
    "xml.sax", "xmlrpc",
)  # fmt: skip
_LEAST = 20  # characters of a text that says something
_WHOLES = ("compound", "specialnames", "types")  # topics that are made of other topics
_HEADING = re.compile(r"^(#{1,6}) +(.+?) *#* *$")


class Section(NamedTuple):
    """A documented thing.

    Parameters
    ----------
    id : str
    title : str
        Its name and, of what is called, its parameters.
    text : str
    """

    id: str
    title: str
    text: str


def sections() -> list[Section]:
    """All of them, in the same order every time."""
    found: dict[str, Section] = {}
    texts: set[str] = set()
    for section in (*_documents(), *_topics(), *_docstrings()):
        if len(section.text) >= _LEAST and section.text not in texts:
            texts.add(section.text)
            found.setdefault(section.id, section)
    return list(found.values())


def write(section: Section, folder: Path, number: int) -> None:
    """As a document of its own, whose name says nothing but its number."""
    kind = "md" if section.id.startswith("docs/") else "txt"
    head = f"# {section.title}" if kind == "md" else section.title
    (folder / f"{number}.{kind}").write_text(f"{head}\n\n{section.text}\n", encoding="utf-8")


def _documents() -> Iterator[Section]:
    """This project's pages, divided at their headings."""
    for path in sorted(p for name in PAGES for p in (ROOT / "docs" / name).glob("*.md")):
        name = path.relative_to(ROOT).as_posix()
        title, heading, lines, fenced = "", "", list[str](), False
        for line in (*path.read_text(encoding="utf-8").split("\n"), None):
            fenced ^= line is not None and line.startswith("```")
            match = None if fenced or line is None else _HEADING.match(line)
            if line is not None and not match:
                lines.append(line)
                continue
            if heading:
                shown = title if heading == title else f"{title}: {heading}"
                yield Section(f"{name}#{heading}", shown, "\n".join(lines).strip())
            heading, lines = (match[2] if match else ""), []
            title = title or heading


def _topics() -> Iterator[Section]:
    """The language reference, as `help()` has it."""
    topics: dict[str, str] = importlib.import_module("pydoc_data.topics").topics
    for name, text in sorted(topics.items()):
        title, _, rest = text.strip().partition("\n")
        if name not in _WHOLES:
            yield Section(f"topic:{name}", title, rest.lstrip("*\n").strip())


def _docstrings() -> Iterator[Section]:
    seen: set[int] = set()
    for module in _modules():
        yield from _of_module(module, seen)


def _modules() -> Iterator[ModuleType]:
    tops = {n for n in sys.stdlib_module_names if not n.startswith("_") and n not in _LEFT_OUT}
    names = {*tops, "builtins"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for package in _PACKAGES:
            parts = pkgutil.iter_modules(importlib.import_module(package).__path__)
            names |= {f"{package}.{m.name}" for m in parts if not m.name.startswith("_")}
        for name in sorted(names):
            try:
                yield importlib.import_module(name)
            except (ImportError, OSError, AttributeError):  # of another system
                continue


def _of_module(module: ModuleType, seen: set[int]) -> Iterator[Section]:
    name = module.__name__
    if isinstance(module.__doc__, str):
        yield Section(name, name, inspect.cleandoc(module.__doc__))
    for key in sorted(vars(module)):
        thing = vars(module)[key]
        documented = inspect.isclass(thing) or inspect.isroutine(thing)
        if documented and not key.startswith("_") and id(thing) not in seen and _is_of(thing, name):
            seen.add(id(thing))
            yield from _of_thing(f"{name}.{key}", thing)


def _is_of(thing: Any, module: str) -> bool:
    made = getattr(thing, "__module__", None)
    if made in ("posix", "nt"):
        made = "os"
    if not isinstance(made, str):
        return False
    return made.lstrip("_") == module or made.startswith(f"{module}.")


def _of_thing(name: str, thing: Any) -> Iterator[Section]:
    doc = thing.__doc__
    if isinstance(doc, str):
        yield Section(name, f"{name}{_parameters(thing)}", inspect.cleandoc(doc))
    if not inspect.isclass(thing):
        return
    for key, value in sorted(vars(thing).items()):
        if key.startswith("_"):
            continue
        inner = getattr(value, "__func__", value)
        if inspect.isroutine(inner) or isinstance(inner, property):
            text = getattr(inner, "__doc__", None)
            if isinstance(text, str):
                title = f"{name}.{key}{_parameters(inner)}"
                yield Section(f"{name}.{key}", title, inspect.cleandoc(text))


def _parameters(thing: Any) -> str:
    """Names of what it takes, without annotations and values: those differ between versions."""
    if isinstance(thing, property):
        return ""
    try:
        names = inspect.signature(thing).parameters
    except (TypeError, ValueError, AttributeError):  # of what is written in C
        return "()"
    return f"({', '.join(n for n in names if n not in ('self', 'cls', 'type'))})"
