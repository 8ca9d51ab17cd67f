"""Chroma's SQLite file, opened to read, with every value's type checked.

Tables are looked up by the names of their columns, since versions of Chroma differ in them.
Views, virtual tables and columns that are computed are not let run.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar

from abi.errors import FormatError, InputError, LockedError, MissingExtraError

__all__ = ["Row", "Tables"]

T = TypeVar("T")

_ALLOWED = {20, 21}  # SQLITE_READ, SQLITE_SELECT
_DENY = 1
_BUSY = {5, 6}  # SQLITE_BUSY, SQLITE_LOCKED
_CANNOT = {8, 14}  # SQLITE_READONLY, SQLITE_CANTOPEN
_MANY = 500  # values of one IN (...)
_LEAST = 1 << 16  # bytes that a value may have in any case


class Row:
    """A row of a table, by the names of its columns."""

    def __init__(self, table: str, values: dict[str, Any], source: str) -> None:
        self._table, self._values, self._source = table, values, source

    def get(self, name: str, kind: type[T]) -> T | None:
        """A value of a type, or None where it is NULL or there is no such column."""
        value = self._values.get(name)
        if value is None or type(value) is kind:
            return value
        raise self.error(f"{type(value).__name__}, expected {kind.__name__}", name)

    def need(self, name: str, kind: type[T]) -> T:
        """A value of a type."""
        value = self.get(name, kind)
        if value is None:
            raise self.error("missing", name)
        return value

    def raw(self, name: str) -> Any:
        """A value of any type."""
        return self._values.get(name)

    def error(self, message: str, name: str) -> FormatError:
        return FormatError(message, field=f"{self._table}.{name}", source=self._source)


class Tables:
    """The file; a context manager that closes it.

    Parameters
    ----------
    path : Path

    Raises
    ------
    FormatError
        If it is no SQLite file, or damaged; from every method.
    LockedError
        If another process is writing to it.
    MissingExtraError
        If this Python has no sqlite3.
    """

    def __init__(self, path: Path) -> None:
        self.source = str(path)
        if not path.is_file():
            raise InputError(
                f"{path}: no such file; expected the folder of a chromadb.PersistentClient"
            )
        self._sqlite3 = _sqlite3()
        # Messages quote names, which need not be UTF-8.
        self._errors = (self._sqlite3.Error, UnicodeError)
        try:
            self._open(path, "mode=ro")
        except self._errors as error:
            unfinished = any(Path(f"{path}{end}").exists() for end in ("-journal", "-wal"))
            if _code(error) not in _CANNOT or unfinished:
                raise self._error(error) from None
            # In a folder without leave to write, some files open as immutable ones alone.
            try:
                self._open(path, "mode=ro&immutable=1")
            except self._errors as error:
                raise self._error(error) from None

    def __enter__(self) -> Tables:
        return self

    def __exit__(self, *_: object) -> None:
        self._database.close()

    def rows(
        self, table: str, column: str | None = None, values: Sequence[Any] = (), order: str = ""
    ) -> Iterator[Row]:
        """Rows of a table; with a column, those where it is one of the values."""
        if table not in self._tables:
            return
        if column is None:
            yield from self._select(table, "", [], order)
        for start in range(0, len(values), _MANY):
            chunk = values[start : start + _MANY]
            marks = ", ".join("?" * len(chunk))
            yield from self._select(table, f"WHERE [{column}] IN ({marks})", chunk, order)

    def after(self, table: str, column: str, value: int) -> Iterator[Row]:
        """Rows where an integer is greater than one, in its order."""
        if table in self._tables:
            yield from self._select(table, f"WHERE [{column}] > ?", [value], column)

    def _select(self, table: str, where: str, values: Sequence[Any], order: str) -> Iterator[Row]:
        ordered = f"ORDER BY [{order}]" if order else ""
        try:
            found = self._database.execute(f"SELECT * FROM [{table}] {where} {ordered}", values)
            names = [column[0] for column in found.description]
            for row in found:
                yield Row(table, dict(zip(names, row, strict=True)), self.source)
        except self._errors as error:
            raise self._error(error) from None

    def _open(self, path: Path, how: str) -> None:
        uri = f"{path.resolve().as_uri()}?{how}"
        self._database = self._sqlite3.connect(
            uri, uri=True, isolation_level=None, check_same_thread=False
        )
        try:
            self._database.setlimit(
                self._sqlite3.SQLITE_LIMIT_LENGTH, max(min(path.stat().st_size, 1 << 30), _LEAST)
            )
            self._database.execute("PRAGMA trusted_schema = OFF")
            self._database.execute("PRAGMA cell_size_check = ON")
            query = "SELECT name, sql FROM sqlite_master WHERE type = 'table'"
            self._tables = {name for name, sql in self._database.execute(query) if _plain(sql)}
            self._database.set_authorizer(_authorize)
        except BaseException:
            self._database.close()
            raise

    def _error(self, error: Exception) -> Exception:
        if _code(error) in _BUSY:
            return LockedError(f"{self.source}: in use; close the client that writes to it")
        if _code(error) in _CANNOT:
            return FormatError(
                f"SQLite says {error}; open it once with chromadb, which brings it in order",
                source=self.source,
            )
        return FormatError(f"SQLite says {error}: damaged", source=self.source)


def _sqlite3() -> ModuleType:
    try:
        import sqlite3
    except ImportError:
        raise MissingExtraError(
            "sqlite3: this Python is built without it; use another one, or in Pyodide "
            'await pyodide.loadPackage("sqlite3")'
        ) from None
    return sqlite3


def _code(error: Exception) -> int:
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def _plain(sql: object) -> bool:
    """Whether a table is one of rows that were written to it."""
    return isinstance(sql, str) and "VIRTUAL" not in sql.split("(")[0].upper()


def _authorize(action: int, *_: object) -> int:
    return 0 if action in _ALLOWED else _DENY
