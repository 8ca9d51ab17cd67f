"""Reads a filter, and says by its path what is wrong with one."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from abi.errors import InputError
from abi.store.filter._compare import ORDER
from abi.store.filter._nodes import And, Filter, Leaf, Not, Or
from abi.store.payload import MAX_DEPTH
from abi.store.payload._encode import is_number
from abi.store.payload._moments import instant
from abi.store.payload._values import kind_of

__all__ = ["OPERATORS", "parse"]

_NEGATED = {"$ne": "$eq", "$nin": "$in"}
_LOGIC = ("$and", "$or", "$not")
_ON_VALUES = ("$eq", "$ne", *ORDER, "$in", "$nin", "$exists", "$contains", "$not")
OPERATORS = tuple(dict.fromkeys((*_LOGIC, *_ON_VALUES)))

_MAX_PARTS = 4096  # of one list
_MAX_CONDITIONS = 10_000  # those that hold others included
_MAX_VALUES = 100_000  # of all operands
_SHOWN = 80  # characters of a name in a message


def parse(filter: object, where: str = "filter") -> Filter:
    """Read a filter.

    Parameters
    ----------
    filter : dict
        See `abi.store.filter`.
    where : str
        Name for messages.

    Raises
    ------
    InputError
        If it is none; the message has the path of what is wrong.

    Examples
    --------
    >>> str(parse({"year": {"$gte": 2020}, "lang": "en"}))
    "year $gte 2020 and lang $eq 'en'"
    >>> parse({"year": {"$gte": 2020}}).matches({"year": 2021})
    True
    """
    reader = _Reader()
    return reader.filter(filter, where, 1)


class _Reader:
    def __init__(self) -> None:
        self._conditions = self._values = 0

    def filter(self, given: object, where: str, depth: int) -> Filter:
        if not isinstance(given, Mapping):
            raise InputError(f"{where}: got {type(given).__name__}; expected a dict")
        self._check_depth(where, depth)
        self._count()
        parts = [self._part(k, v, _under(where, k), depth) for k, v in given.items()]
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _part(self, key: object, value: Any, where: str, depth: int) -> Filter:
        if type(key) is not str:
            raise InputError(f"{where}: a key is {type(key).__name__}; expected strings")
        if key in ("$and", "$or"):
            parts = [
                self.filter(item, f"{where}[{i}]", depth + 1)
                for i, item in enumerate(_list(value, where))
            ]
            return And(tuple(parts)) if key == "$and" else Or(tuple(parts))
        if key == "$not":
            return Not(self.filter(value, where, depth + 1))
        if key.startswith("$"):
            raise _unknown(key, where, _LOGIC)
        return self._field(tuple(key.split(".")), value, where, depth)

    def _field(self, path: tuple[str, ...], value: Any, where: str, depth: int) -> Filter:
        if len(path) > MAX_DEPTH:
            raise InputError(f"{where[:80]}: a path of {len(path)} steps; {MAX_DEPTH} at most")
        if not _has_operators(value):
            return self._leaf(path, "$eq", value, where)
        self._check_depth(where, depth)
        parts = [self._operator(path, k, v, _under(where, k), depth) for k, v in value.items()]
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _operator(
        self, path: tuple[str, ...], op: object, operand: Any, where: str, depth: int
    ) -> Filter:
        if type(op) is not str or op not in _ON_VALUES:
            raise _unknown(op, where, _ON_VALUES)
        if op == "$not":
            if not _has_operators(operand):
                raise InputError(f'{where}: expected operators, as {{"$not": {{"$gt": 3}}}}')
            return Not(self._field(path, operand, where, depth + 1))
        if op in _NEGATED:
            return Not(self._leaf(path, _NEGATED[op], operand, where))
        return self._leaf(path, op, operand, where)

    def _leaf(self, path: tuple[str, ...], op: str, operand: Any, where: str) -> Leaf:
        self._count()
        if op == "$exists" and type(operand) is not bool:
            raise InputError(f"{where}: got {type(operand).__name__}; expected True or False")
        if op == "$in":
            items = enumerate(_list(operand, where, 0))
            operand = [self._operand(item, f"{where}[{i}]", 1) for i, item in items]
        else:
            operand = self._operand(operand, where, 1)
        if op == "$contains" and kind_of(operand) == "moment":
            raise InputError(f"{where}: got a date; no list has dates, give its text")
        if op in ORDER and kind_of(operand) not in ("number", "str", "moment"):
            kind = type(operand).__name__
            raise InputError(f"{where}: got {kind}; only numbers, strings and dates have an order")
        return Leaf(path, op, operand)

    def _count(self) -> None:
        self._conditions += 1
        if self._conditions > _MAX_CONDITIONS:
            raise InputError(f"filter: more than {_MAX_CONDITIONS} conditions")

    @staticmethod
    def _check_depth(where: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise InputError(f"{where[:80]}: nested more than {MAX_DEPTH} deep")

    def _operand(self, value: Any, where: str, depth: int) -> Any:
        """A value to compare with, plain."""
        self._check_depth(where, depth)
        self._values += 1
        if self._values > _MAX_VALUES:
            raise InputError(f"filter: more than {_MAX_VALUES} values to compare with")
        value = _plain(value, where)
        kind = kind_of(value)
        if kind == "list":
            items = enumerate(value)
            return [self._operand(item, f"{where}[{i}]", depth + 1) for i, item in items]
        if kind != "dict":
            _check_scalar(value, kind, where)
            return value
        if not all(type(name) is str for name in value):
            raise InputError(f"{where}: a key is no string; no payload has such an object")
        return {k: self._operand(v, _under(where, k), depth + 1) for k, v in value.items()}


def _check_scalar(value: Any, kind: str, where: str) -> None:
    if kind == "number" and not is_number(value):
        got = value if isinstance(value, float) else "an integer of too many digits"
        raise InputError(f"{where}: {got}; no payload has such a number")
    if kind == "moment" and instant(value) is None:
        raise InputError(f"{where}: {value} is out of range")
    if kind not in ("number", "str", "bool", "null", "moment"):
        raise InputError(f"{where}: got {kind}; expected what JSON has, or a datetime")


def _plain(value: Any, where: str) -> Any:
    """NumPy's scalars as Python's."""
    if getattr(value, "ndim", None) != 0 or not hasattr(value, "item"):
        return value
    if isinstance(value, np.datetime64):
        found = value.astype("M8[us]").item()  # of nanoseconds, item() is an integer
        if not isinstance(found, datetime):
            raise InputError(f"{where}: {value} is no moment, or out of range")
        return found
    return value if isinstance(value, np.timedelta64) else value.item()


def _has_operators(value: object) -> bool:
    return isinstance(value, Mapping) and any(type(k) is str and k[:1] == "$" for k in value)


def _under(where: str, key: object) -> str:
    """The name of a field; a long one cut, as it is repeated for each of its operands."""
    if type(key) is not str:
        return where  # that it is none is said of where it is
    name = key[:_SHOWN]
    return f"{where}.{name if name.isprintable() else repr(name)}"


def _list(value: Any, where: str, least: int = 1) -> list[Any]:
    found = value.tolist() if getattr(value, "ndim", 0) == 1 else value  # NumPy's arrays
    if isinstance(found, str | bytes | Mapping) or not isinstance(found, Sequence):
        raise InputError(f"{where}: got {type(value).__name__}; expected a list")
    if not least <= len(found) <= _MAX_PARTS:
        raise InputError(f"{where}: {len(found)} elements; expected {least} to {_MAX_PARTS}")
    return list(found)


def _unknown(name: object, where: str, known: Sequence[str]) -> InputError:
    near = difflib.get_close_matches(name[:_SHOWN], known, 1) if isinstance(name, str) else []
    hint = f"; did you mean {near[0]}?" if near else ""
    return InputError(f"{where}: unknown operator; expected one of {' '.join(known)}{hint}")
