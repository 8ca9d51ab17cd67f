"""How much an operation will make, charged before it makes it: a table a kind of operation.

Each function takes the budget and the operands. Those of methods give back the arguments to
call with, because an iterator must be read to be measured.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from abi.chat._budget import MAX_INT_BITS, Budget, Exhausted
from abi.chat._widths import brace_fields, percent_fields

__all__ = ["FILTER_GROWTH", "METHOD_GROWTH", "binary_growth", "listed"]

Args = tuple[Any, ...]
Named = Mapping[str, Any]

_LINE_ENDS = "\n\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029"
_MAX_NUMBER = 10_000  # widths, indents, parts, digits


def _same(budget: Budget, text: str, args: Args, named: Named) -> Args:
    """At most three characters for one: `"ΐ".upper()`."""
    budget.chars(3 * len(text))
    return args


def _reads(budget: Budget, text: str, args: Args, named: Named) -> Args:
    budget.step(1 + len(text) // 2048)
    return args


def _reads_backwards(budget: Budget, text: str, args: Args, named: Named) -> Args:
    """CPython searches backwards in time of the product of both lengths."""
    wanted = max((len(a) for a in args if isinstance(a, str)), default=1)
    budget.step(1 + len(text) * min(wanted, len(text)) // 2048)
    budget.chars(len(text))
    return args


def _strips(budget: Budget, text: str, args: Args, named: Named) -> Args:
    """Each character is looked for among those to strip."""
    wanted = max((len(a) for a in args if isinstance(a, str)), default=1)
    budget.step(1 + len(text) * wanted // 2048)
    budget.chars(len(text))
    return args


def _splits(budget: Budget, text: str, args: Args, named: Named) -> Args:
    at = args[0] if args else named.get("sep")
    n = text.count(at) if isinstance(at, str) and at else len(text) // 2
    budget.cells(8 * (n + 1))
    return _reads_backwards(budget, text, args, named)


def _splits_lines(budget: Budget, text: str, args: Args, named: Named) -> Args:
    budget.cells(8 * (1 + sum(text.count(end) for end in _LINE_ENDS)))
    return _same(budget, text, args, named)


def _pads(budget: Budget, text: str, args: Args, named: Named) -> Args:
    budget.chars(len(text) + _number(args[0] if args else 0))
    return args


def _expands(budget: Budget, text: str, args: Args, named: Named) -> Args:
    size = args[0] if args else named.get("tabsize", 8)
    budget.chars(len(text) + text.count("\t") * _number(size))
    return args


def _replaces(budget: Budget, text: str, args: Args, named: Named) -> Args:
    old, new = (str(a) for a in (*args, "", "")[:2])
    budget.chars(len(text) + len(new) * (text.count(old) if old else len(text) + 1))
    return args


def _joins(budget: Budget, text: str, args: Args, named: Named) -> Args:
    if len(args) != 1:
        return args
    items = listed(budget, args[0])
    for item in items:
        budget.weigh(item, copies=1)
    budget.chars(len(text) * len(items))
    return (items,)


def _formats(budget: Budget, text: str, args: Args, named: Named) -> Args:
    budget.chars(8 * len(text))
    specs, numbers = brace_fields(text)
    if any("{" in spec for spec in specs):
        raise Exhausted("format fields inside format fields")
    _fields(budget, text, numbers, len(specs), [*args, *named.values()])
    return args


def _percents(budget: Budget, text: str, values: Sequence[Any]) -> None:
    if "*" in text:
        raise Exhausted("a width that is given by *")
    budget.chars(8 * len(text))
    n_fields, numbers = percent_fields(text)
    _fields(budget, text, numbers, n_fields, values)


def _fields(
    budget: Budget, text: str, numbers: list[str], n_fields: int, values: Sequence[Any]
) -> None:
    """Text, all widths in it, and in each field the longest of the values."""
    budget.chars(len(text) + sum(_number(int(digits[:20])) for digits in numbers))
    for value in values:
        budget.weigh(value, copies=4 * max(1, n_fields))


METHOD_GROWTH: dict[str, Callable[[Budget, str, Args, Named], Args]] = {
    **dict.fromkeys(
        ("capitalize", "casefold", "lower", "partition", "removeprefix", "removesuffix",
         "swapcase", "title", "upper"), _same
    ),
    **dict.fromkeys(("lstrip", "rstrip", "strip"), _strips),
    **dict.fromkeys(
        ("count", "endswith", "find", "index", "isalnum", "isalpha", "isascii", "isdecimal",
         "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle",
         "isupper", "startswith"), _reads
    ),
    **dict.fromkeys(("rfind", "rindex", "rpartition"), _reads_backwards),
    **dict.fromkeys(("split", "rsplit"), _splits),
    **dict.fromkeys(("center", "ljust", "rjust", "zfill"), _pads),
    **dict.fromkeys(("format", "format_map"), _formats),
    "expandtabs": _expands,
    "join": _joins,
    "replace": _replaces,
    "splitlines": _splits_lines,
}  # fmt: skip


def binary_growth(budget: Budget, operator: str, left: Any, right: Any) -> None:
    """Charge `left operator right`, or say that it would be too large."""
    budget.step()
    if operator == "%" and isinstance(left, str):
        _percents(budget, left, right if isinstance(right, tuple) else (right,))
        return
    for a, b in ((left, right), (right, left)):
        if isinstance(a, int):
            budget.weigh(a)
        if operator == "*" and isinstance(a, str | list | tuple) and isinstance(b, int):
            charge = budget.chars if isinstance(a, str) else budget.cells
            charge(len(a) * max(0, b))
            budget.hold(a, times=b)
    if operator == "+" and isinstance(left, str | list | tuple) and hasattr(right, "__len__"):
        charge = budget.chars if isinstance(left, str) else budget.cells
        charge(len(left) + len(right))
        budget.hold([left, right])
    whole = isinstance(left, int) and isinstance(right, int)
    if operator == "**" and whole and left.bit_length() * abs(right) > MAX_INT_BITS:
        raise Exhausted(f"whole numbers of more than {MAX_INT_BITS} bits")


def _number(value: Any) -> int:
    if not isinstance(value, int) or abs(value) > _MAX_NUMBER:
        raise Exhausted(f"a width or count above {_MAX_NUMBER}")
    return abs(value)


def listed(budget: Budget, values: Any) -> list[Any]:
    """The items of an iterable, each charged."""
    items = []
    for item in values:
        budget.cells(1)
        items.append(item)
    return items


def _text_size(values: Sequence[Any]) -> int:
    return len(values[0]) if values and isinstance(values[0], str) else 0


def _filter_items(budget: Budget, values: Sequence[Any], named: Named) -> None:
    """A text is a sequence of its characters."""
    budget.cells(_text_size(values))


def _filter_number(budget: Budget, values: Sequence[Any], named: Named) -> None:
    for value in (*values[1:], *named.values()):
        if isinstance(value, int):
            _number(value)
    budget.chars(_MAX_NUMBER)
    budget.cells(_text_size(values))


def _filter_indent(budget: Budget, values: Sequence[Any], named: Named) -> None:
    width = values[1] if len(values) > 1 else named.get("width", 4)
    size = len(width) if isinstance(width, str) else _number(width)
    if values and isinstance(values[0], str):
        budget.chars((1 + size) * (1 + sum(values[0].count(end) for end in _LINE_ENDS)))
        budget.chars(2 * len(values[0]))


_REPLACE = ("s", "old", "new")


def _filter_replace(budget: Budget, values: Sequence[Any], named: Named) -> None:
    named = {"s": "", "old": "", "new": "", **named, **dict(zip(_REPLACE, values, strict=False))}
    _replaces(budget, str(named["s"]), (named["old"], named["new"]), {})


def _filter_join(budget: Budget, values: Sequence[Any], named: Named) -> None:
    between = values[1] if len(values) > 1 else named.get("d", "")
    if values and hasattr(values[0], "__len__"):
        budget.chars(len(str(between)) * len(values[0]))


def _filter_format(budget: Budget, values: Sequence[Any], named: Named) -> None:
    text = str(values[0]) if values else ""
    _percents(budget, text, [*values[1:], *named.values()])


def _filter_json(budget: Budget, values: Sequence[Any], named: Named) -> None:
    """Six characters for one, twelve in ASCII, and an indent for each level of each item."""
    indent = values[2] if len(values) > 2 else named.get("indent")
    size = len(indent) if isinstance(indent, str) else _number(indent or 0)
    marks = values[3] if len(values) > 3 else named.get("separators")
    size += sum(len(str(mark)) for mark in marks or ())
    if size > 64:
        raise Exhausted("an indent or separator of more than 64 characters")
    ascii_ = values[1] if len(values) > 1 else named.get("ensure_ascii")
    for value in values[:1]:
        budget.weigh(value, copies=(12 if ascii_ else 6) + size // 2)


def _filter_trim(budget: Budget, values: Sequence[Any], named: Named) -> None:
    chars = values[1] if len(values) > 1 else named.get("chars")
    text = str(values[0]) if values and isinstance(values[0], str) else ""
    _strips(budget, text, (chars,), {})


def _filter_case(budget: Budget, values: Sequence[Any], named: Named) -> None:
    budget.chars(8 * _text_size(values))


FILTER_GROWTH: dict[str, Callable[[Budget, Sequence[Any], Named], None]] = {
    **dict.fromkeys(
        ("dictsort", "groupby", "list", "map", "max", "min", "reject", "rejectattr", "reverse",
         "select", "selectattr", "sort", "unique", "wordcount"), _filter_items
    ),
    **dict.fromkeys(("batch", "center", "round", "slice"), _filter_number),
    **dict.fromkeys(
        ("capitalize", "e", "escape", "forceescape", "lower", "string", "title", "upper",
         "urlencode"), _filter_case
    ),
    "trim": _filter_trim,
    "format": _filter_format,
    "indent": _filter_indent,
    "join": _filter_join,
    "replace": _filter_replace,
    "tojson": _filter_json,
}  # fmt: skip
