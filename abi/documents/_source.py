"""Source code: definitions of Python with their names as headings; else what blank lines divide.

In Python that parses, a class or function is a section: a heading that names it, and its code;
the methods of a class are sections of it. In other languages, and what does not parse, a block
ends at a blank line that is followed by a line without indent.
"""

from __future__ import annotations

import ast
import os
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

from abi._nesting import check_python
from abi.documents._document import Block, Blocks, Document, Line, block
from abi.documents._encoding import lines_of, text_of

__all__ = ["outline", "read_source"]

_DEEPEST = 6
_LARGEST_PARSED = 2 << 20  # characters; a syntax tree takes many times that
_LANGUAGES = {
    "py": "python", "pyi": "python", "pyw": "python", "h": "c", "cc": "cpp", "cxx": "cpp",
    "hh": "cpp", "hpp": "cpp", "cs": "csharp", "kt": "kotlin", "kts": "kotlin", "rs": "rust",
    "m": "objective-c", "mm": "objective-c", "js": "javascript", "mjs": "javascript",
    "cjs": "javascript", "jsx": "javascript", "ts": "typescript", "tsx": "typescript",
    "rb": "ruby", "pl": "perl", "pm": "perl", "jl": "julia", "hs": "haskell", "ml": "ocaml",
    "ex": "elixir", "exs": "elixir", "erl": "erlang", "clj": "clojure", "el": "lisp",
    "scm": "scheme", "f90": "fortran", "f": "fortran", "pas": "pascal", "sh": "shell",
    "bash": "shell", "zsh": "shell", "fish": "shell", "ps1": "powershell", "bat": "batch",
    "yml": "yaml", "cfg": "ini", "conf": "ini", "tf": "terraform", "mk": "make", "xsd": "xml",
}  # fmt: skip

_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def read_source(data: bytes, name: str) -> Document:
    """Code with its lines; the language is told by the ending of the name."""
    text, encoding = text_of(data, name)
    ending = os.path.splitext(name)[1].lower().removeprefix(".")
    language = _LANGUAGES.get(ending, ending)
    meta: dict[str, Any] = {"format": "source", "encoding": encoding, "language": language}
    lines = lines_of(text)
    tree = _parsed(text) if language == "python" else None
    blocks = Blocks()
    blocks.add_all(outline(lines) if tree is None else _python(tree, lines))
    doc = tree and _first_line(tree)
    return Document(doc or None, blocks, meta)


def outline(lines: Sequence[Line]) -> Iterator[Block]:
    """Blocks that end at a blank line before a line without indent."""
    held: list[Line] = []
    blank = False
    for number, text in lines:
        bare = text.strip()
        starts = blank and bare and not text[0].isspace() and bare[0] not in "}])"
        if starts and (found := block(held, "code")):
            yield found
            held = []
        held.append((number, text))
        blank = not bare
    if found := block(held, "code"):
        yield found


def _parsed(text: str) -> ast.Module | None:
    if len(text) > _LARGEST_PARSED:
        return None
    try:
        check_python(text)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return ast.parse(text)
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError):
        return None


def _first_line(tree: ast.Module) -> str | None:
    doc = ast.get_docstring(tree)
    return doc.strip().partition("\n")[0].strip() if doc else None


def _python(tree: ast.Module, lines: Sequence[Line]) -> Iterator[Block]:
    """The code of a module, with headings where definitions begin."""
    starts: list[tuple[int, Block | None]] = []
    _find(tree.body, 1, starts)
    starts.append((len(lines) + 1, None))
    at = 1
    for start, heading in starts:
        while heading and start > at and lines[start - 2][1].lstrip().startswith("#"):
            start -= 1
        if start > at:
            yield from outline(lines[at - 1 : start - 1]) if at == 1 else _code(lines, at, start)
            at = start
        if heading:
            yield heading


def _code(lines: Sequence[Line], start: int, end: int) -> Iterator[Block]:
    if found := block(lines[start - 1 : end - 1], "code"):
        yield found


def _find(body: Sequence[ast.stmt], level: int, starts: list[tuple[int, Block | None]]) -> None:
    """Where definitions begin, their decorators included, and where code goes on after them."""
    after = False
    for node in body:
        first = node.lineno
        if isinstance(node, _Definition):
            first = min([first, *(one.lineno for one in node.decorator_list)])
            word = {ast.ClassDef: "class", ast.FunctionDef: "def"}.get(type(node), "async def")
            name = f"{word} {node.name}"
            starts.append((first, Block(name, "heading", level, node.lineno)))
            if isinstance(node, ast.ClassDef) and level < _DEEPEST:
                _find(node.body, level + 1, starts)
            after = True
        elif after:
            starts.append((first, None))
            after = False
