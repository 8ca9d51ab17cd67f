"""Refuse what nests too deeply before Python's own readers meet it, where they would not say so.

Where `deepest_nesting` is a number, `json` and `ast` end the process instead of raising
RecursionError, so depth is bounded here first: of JSON exactly, of Python from above, by the
operators and brackets that an expression may hang below each other.
"""

from __future__ import annotations

import keyword
import re
import token
from collections.abc import Iterator

import numpy as np

from abi._platform import deepest_nesting

__all__ = ["check_json", "check_python"]

_STRING = re.compile(rb'"(?:[^"\\]|\\.)*+"?', re.DOTALL)
_FLAT = {",", ";", "="}  # what follows stands beside what came before
_OPENING, _CLOSING = set("([{"), set(")]}")


def check_json(text: str | bytes) -> None:
    """Raise RecursionError for JSON that cannot be read for its depth."""
    most = deepest_nesting()
    if most is None or len(text) <= most:
        return
    raw = text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
    if raw.count(b"[") + raw.count(b"{") <= most:
        return
    marks = np.frombuffer(_STRING.sub(b"", raw), np.uint8) & 0xDF  # "[" and "{" become one
    depth = np.cumsum((marks == 0x5B).view(np.int8) - (marks == 0x5D).view(np.int8), dtype=np.int32)
    if depth.max(initial=0) > most:
        raise RecursionError(f"nested more than {most} deep")


def check_python(text: str) -> None:
    """Raise RecursionError for Python that might not be read for its depth.

    Raises
    ------
    SyntaxError
        If it is no Python at all.
    """
    most = deepest_nesting()
    if most is None or len(text) <= most:
        return
    if text.count("elif") > most or _depth(text) > most:
        raise RecursionError(f"nested more than {most} deep")


def _depth(text: str) -> int:
    """Operators, brackets and keywords that may hang below each other in one statement."""
    deepest, outer, here = 0, 0, 0  # `outer`: of the brackets around; `here`: in this one
    held: list[int] = []
    for kind, word in _tokens(text):
        if kind == token.NEWLINE:
            outer, here = 0, 0
            held.clear()
        elif word in _CLOSING and kind == token.OP:
            here = held.pop() if held else 0
            outer -= here
        elif word in _FLAT:
            here = 0
        elif word != ":" and (kind == token.OP or keyword.iskeyword(word)):
            here += 1
            deepest = max(deepest, outer + here)
            if word in _OPENING:
                held.append(here)
                outer += here
                here = 0
    return deepest


def _tokens(text: str) -> Iterator[tuple[int, str]]:
    import io
    import tokenize  # a millisecond or two, for Pyodide alone

    try:
        for one in tokenize.generate_tokens(io.StringIO(text).readline):
            yield one.type, one.string
    except tokenize.TokenError as error:
        raise SyntaxError(str(error.args[0])) from None
