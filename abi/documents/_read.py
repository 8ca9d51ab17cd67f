"""Which reader reads a file: by the ending of its name, checked against its content.

A name without a known ending is read by what its content begins with, else as plain text.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from importlib import import_module

from abi.documents._document import Document
from abi.errors import AbiError, FormatError, InputError

__all__ = ["formats", "read", "read_bytes", "read_file"]

_LIMIT = 64 << 20

# Each reader's endings; its function is `read_READER` of the module.
_READERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "text": ("_plain", (".txt", ".text", ".log", ".asc")),
    "markdown": ("_markdown", (".md", ".markdown", ".mdown", ".mkd", ".mdx", ".qmd", ".rmd")),
    "html": ("_html", (".html", ".htm", ".xhtml", ".xht")),
    "rst": ("_rst", (".rst", ".rest")),
    "csv": ("_table", (".csv", ".tsv", ".tab", ".psv")),
    "json": ("_json", (".json", ".geojson", ".webmanifest")),
    "jsonl": ("_json", (".jsonl", ".ndjson")),
    "notebook": ("_notebook", (".ipynb",)),
    "epub": ("_epub", (".epub",)),
    "docx": ("_docx", (".docx", ".docm", ".dotx")),
    "pdf": ("_pdf", (".pdf",)),
    "source": (
        "_source",
        (
            ".py", ".pyi", ".pyw", ".c", ".h", ".cc", ".cpp", ".cxx", ".hh", ".hpp", ".cs", ".java",
            ".kt", ".kts", ".scala", ".go", ".rs", ".swift", ".m", ".mm", ".js", ".mjs", ".cjs",
            ".jsx", ".ts", ".tsx", ".vue", ".svelte", ".php", ".rb", ".pl", ".pm", ".lua", ".r",
            ".jl", ".hs", ".ml", ".ex", ".exs", ".erl", ".clj", ".lisp", ".el", ".scm", ".f90",
            ".f", ".pas", ".d", ".nim", ".zig", ".dart", ".sh", ".bash", ".zsh", ".fish", ".ps1",
            ".bat", ".sql", ".css", ".scss", ".less", ".xml", ".xsd", ".svg", ".yaml", ".yml",
            ".toml", ".ini", ".cfg", ".conf", ".proto", ".graphql", ".tf", ".cmake", ".mk", ".tex",
        ),
    ),
}  # fmt: skip
_BY_ENDING = {ending: reader for reader, (_, endings) in _READERS.items() for ending in endings}
_ZIPPED = ((b"META-INF/container.xml", "epub"), (b"word/document.xml", "docx"))


def formats() -> Mapping[str, tuple[str, ...]]:
    """The endings of names that each reader reads.

    Examples
    --------
    >>> formats()["markdown"][:2]
    ('.md', '.markdown')
    """
    return {reader: endings for reader, (_, endings) in _READERS.items()}


def read(data: bytes, name: str) -> Document:
    """Read a file's bytes.

    Parameters
    ----------
    data : bytes
        The whole file.
    name : str
        Its name, whose ending says the format; with another ending, or none, it is read by what
        the content shows, at last as plain text.

    Raises
    ------
    FormatError
        If it is binary where text is expected, or not of the format.
    UnsupportedError
        If it is of the format, but encrypted or the like.
    MissingExtraError
        If the format needs a package that is not installed.

    Examples
    --------
    >>> document = read(b"# Tea\\n\\nBoil *water*.", "tea.md")
    >>> document.title, document.blocks[1].text, document.blocks[1].line
    ('Tea', 'Boil water.', 3)
    """
    ending = os.path.splitext(name)[1].lower()
    reader = _BY_ENDING.get(ending) or _by_content(data)
    module, _ = _READERS[reader]
    function: Callable[[bytes, str], Document] = getattr(
        import_module(f"abi.documents.{module}"), f"read_{reader}"
    )
    try:
        return function(data, name)
    except FormatError as error:
        if error.source:
            raise
        where = {"field": error.field, "offset": error.offset}
        raise FormatError(error.message, source=name, **where) from error  # type: ignore[arg-type]
    except InputError as error:
        raise InputError(f"{name}: {error}") from error


def _by_content(data: bytes) -> str:
    """The reader for a name whose ending says nothing."""
    if data[:1024].lstrip().startswith(b"%PDF-"):
        return "pdf"
    if data.startswith(b"PK\x03\x04"):
        found = [reader for mark, reader in _ZIPPED if mark in data]
        return found[0] if found else "text"
    head = data[:256].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    return "html" if head.startswith((b"<!doctype html", b"<html")) else "text"


def read_file(path: str | os.PathLike[str], limit: int = _LIMIT) -> Document:
    """Read a file.

    Parameters
    ----------
    path : path
        A regular file, or a link to one.
    limit : int
        Bytes that it may have; what is larger is refused before it is read.

    Raises
    ------
    InputError
        If it is too large, no regular file, or cannot be read.
    FormatError, UnsupportedError, MissingExtraError
        As `read`.
    """
    return read(read_bytes(path, limit), os.fspath(path))


def read_bytes(path: str | os.PathLike[str], limit: int = _LIMIT) -> bytes:
    """The bytes of a file that `read_file` would read; `InputError` as there."""
    place = os.fspath(path)
    try:
        return _bytes(place, limit)
    except AbiError:
        raise
    except (OSError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise InputError(f"{place}: cannot be read: {why}") from error


def _bytes(path: str, limit: int) -> bytes:
    _check(path, os.stat(path), limit)
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    with open(os.open(path, flags), "rb") as file:
        _check(path, os.fstat(file.fileno()), limit)  # it may be another by now
        data = file.read(limit + 1)
    if len(data) > limit:
        raise InputError(f"{path}: more than {limit} bytes; pass a larger limit=, or split it")
    return data


def _check(path: str, found: os.stat_result, limit: int) -> None:
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "a pipe, device or the like"
        raise InputError(f"{path}: {what}; expected a regular file")
    if found.st_size > limit:
        raise InputError(
            f"{path}: {found.st_size} bytes, at most {limit} are read; pass a larger limit=, "
            "or split it"
        )
