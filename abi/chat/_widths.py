"""The fields of format strings and the numbers in them, read in one pass as CPython reads them.

A width is what makes a short format string give a long text.
"""

from __future__ import annotations

import re
from string import Formatter

__all__ = ["brace_fields", "percent_fields"]

_BRACKET = re.compile(r"[()]")
_NUMBERS = re.compile(r"[-+ #0]*([0-9]*)(?:\.([0-9]*))?[hlL]?")
_DIGITS = re.compile(r"[0-9]+")


def percent_fields(text: str) -> tuple[int, list[str]]:
    """How many fields `text % values` has, and all widths and precisions in them.

    Examples
    --------
    >>> percent_fields("%5.2f %% %(a(b))9d")
    (3, ['5', '2', '9'])
    """
    numbers: list[str] = []
    n_fields, pos = 0, text.find("%")
    while pos >= 0:
        n_fields, pos = n_fields + 1, pos + 1
        if text.startswith("(", pos):
            pos = _after_key(text, pos)
        if pos < 0:  # no end of the key: formatting fails there
            break
        found = _NUMBERS.match(text, pos)
        assert found is not None  # it matches nothing at the least
        numbers += [digits for digits in found.groups() if digits]
        pos = text.find("%", found.end() + 1)  # past the conversion's letter
    return n_fields, numbers


def _after_key(text: str, pos: int) -> int:
    """Where a key in brackets ends, brackets inside counted; -1 for nowhere."""
    depth = 0
    for found in _BRACKET.finditer(text, pos):
        depth += 1 if found[0] == "(" else -1
        if not depth:
            return found.end()
    return -1


def brace_fields(text: str) -> tuple[list[str], list[str]]:
    """The format of each field of `text.format(...)`, and all numbers in them.

    Raises
    ------
    ValueError
        If the text is no format string, as formatting would.

    Examples
    --------
    >>> brace_fields("{} {{}} {a:9,.3f}")
    (['', '9,.3f'], ['9', '3'])
    """
    specs = [spec or "" for _, name, spec, _ in Formatter().parse(text) if name is not None]
    return specs, _DIGITS.findall(" ".join(specs))
