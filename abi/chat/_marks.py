"""The next mark in a text that is still coming."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

__all__ = ["Found", "Marks"]


class Found(NamedTuple):
    """Text before `at` holds no mark, whatever follows; `mark` is "" where none is complete."""

    at: int
    mark: str
    action: Any


class Marks:
    """Texts to look for, each with what it means; the first in the text, then the longest.

    Examples
    --------
    >>> Marks({"<a>": 1, "<a>b": 2}).find("x<a>", final=False)
    Found(at=1, mark='', action=None)
    >>> Marks({"<a>": 1, "<a>b": 2}).find("x<a>", final=True)
    Found(at=1, mark='<a>', action=1)
    """

    def __init__(self, actions: Mapping[str, Any]) -> None:
        self._actions = {mark: action for mark, action in actions.items() if mark}
        longest_first = sorted(self._actions, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._prefixes = {mark[:n] for mark in self._actions for n in range(1, len(mark))}
        self._longest = max(map(len, self._actions), default=1)

    def find(self, text: str, *, final: bool, start: int = 0) -> Found:
        """The next mark from `start` on; where more text may change the answer, none."""
        match = self._pattern.search(text, start)
        limit = len(text) if match is None else match.start() + 1
        if not final:
            for at in range(max(start, len(text) - self._longest + 1), limit):
                if text[at:] in self._prefixes:
                    return Found(at, "", None)
        if match is None:
            return Found(len(text), "", None)
        return Found(match.start(), match[0], self._actions[match[0]])
