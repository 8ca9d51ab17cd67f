"""Reads a filter, and says by its path what is wrong with one."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping, Sequence
from typing import Any

from abi.errors import InputError
from abi.store.filter._compare import ORDER, instant, kind_of
from abi.store.filter._nodes import And, Filter, Leaf, Not, Or
from abi.store.payload import MAX_DEPTH

__all__ = ["OPERATORS", "parse"]

_NEGATED = {"$ne": "$eq", "$nin": "$in"}
_LOGIC = ("$and", "$or", "$not")
_ON_VALUES = ("$eq", "$ne", *ORDER, "$in", "$nin", "$exists", "$contains", "$not")
OPERATORS = tuple(dict.fromkeys((*_LOGIC, *_ON_VALUES)))

_MAX_PARTS = 4096  # of one list
_MAX_LEAVES = 10_000


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
    try:
        return _Reader().filter(filter, where, 1)
    except InputError:
        raise
    except (ValueError, OverflowError) as error:  # of an integer of too many digits, in a message
        raise InputError(f"{where}: {error}") from None


class _Reader:
    def __init__(self) -> None:
        self._leaves = 0

    def filter(self, given: object, where: str, depth: int) -> Filter:
        if not isinstance(given, Mapping):
            raise InputError(f"{where}: got {type(given).__name__}; expected a dict")
        self._check_depth(where, depth)
        self._count()
        parts = [self._part(key, value, f"{where}.{key}", depth) for key, value in given.items()]
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
        operators = isinstance(value, Mapping) and any(str(k).startswith("$") for k in value)
        if not operators:
            return self._leaf(path, "$eq", value, where)
        self._check_depth(where, depth)
        parts = [self._operator(path, k, v, f"{where}.{k}", depth) for k, v in value.items()]
        return parts[0] if len(parts) == 1 else And(tuple(parts))

    def _operator(
        self, path: tuple[str, ...], op: object, operand: Any, where: str, depth: int
    ) -> Filter:
        if type(op) is not str or op not in _ON_VALUES:
            raise _unknown(str(op), where, _ON_VALUES)
        if op == "$not":
            if not isinstance(operand, Mapping):
                raise InputError(f'{where}: expected operators, as {{"$not": {{"$gt": 3}}}}')
            return Not(self._field(path, operand, where, depth + 1))
        if op in _NEGATED:
            return Not(self._leaf(path, _NEGATED[op], operand, where))
        return self._leaf(path, op, operand, where)

    def _leaf(self, path: tuple[str, ...], op: str, operand: Any, where: str) -> Leaf:
        self._count()
        if op == "$exists" and type(operand) is not bool:
            raise InputError(f"{where}: got {operand!r}; expected True or False")
        if op == "$in":
            items = enumerate(_list(operand, where, 0))
            operand = [_operand(item, f"{where}[{i}]", 1) for i, item in items]
        else:
            operand = _operand(operand, where, 1)
        if op == "$contains" and kind_of(operand) == "moment":
            raise InputError(f"{where}: got a date; no list has dates, give its text")
        if op in ORDER and kind_of(operand) not in ("number", "str", "moment"):
            kind = type(operand).__name__
            raise InputError(f"{where}: got {kind}; only numbers, strings and dates have an order")
        return Leaf(path, op, operand)

    def _count(self) -> None:
        self._leaves += 1
        if self._leaves > _MAX_LEAVES:
            raise InputError(f"filter: more than {_MAX_LEAVES} conditions")

    @staticmethod
    def _check_depth(where: str, depth: int) -> None:
        if depth > MAX_DEPTH:
            raise InputError(f"{where[:80]}: nested more than {MAX_DEPTH} deep")


def _operand(value: Any, where: str, depth: int) -> Any:
    """A value to compare with, plain: NumPy's numbers as Python's."""
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if depth > MAX_DEPTH:
        raise InputError(f"{where[:80]}: nested more than {MAX_DEPTH} deep")
    kind = kind_of(value)
    if kind == "list":
        return [_operand(item, f"{where}[{i}]", depth + 1) for i, item in enumerate(value)]
    if kind == "dict":
        return {str(k): _operand(v, f"{where}.{k}", depth + 1) for k, v in value.items()}
    if type(value) is float and not math.isfinite(value):
        raise InputError(f"{where}: {value}; no payload has such a number")
    if kind == "moment" and instant(value) is None:
        raise InputError(f"{where}: {value} is out of range")
    if kind not in ("number", "str", "bool", "null", "moment"):
        raise InputError(f"{where}: got {kind}; expected what JSON has, or a datetime")
    return value


def _list(value: Any, where: str, least: int = 1) -> list[Any]:
    found = value.tolist() if getattr(value, "ndim", 0) == 1 else value  # NumPy's arrays
    if isinstance(found, str | bytes | Mapping) or not isinstance(found, Sequence):
        raise InputError(f"{where}: got {type(value).__name__}; expected a list")
    if not least <= len(found) <= _MAX_PARTS:
        raise InputError(f"{where}: {len(found)} elements; expected {least} to {_MAX_PARTS}")
    return list(found)


def _unknown(name: str, where: str, known: Sequence[str]) -> InputError:
    near = difflib.get_close_matches(name, known, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    return InputError(f"{where}: unknown operator; expected one of {' '.join(known)}{hint}")
