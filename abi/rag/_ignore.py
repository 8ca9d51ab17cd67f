"""Which files are left out: the patterns of `.gitignore`, `.ignore` and `.abiignore`.

As git reads them: the last pattern that matches decides, those of deeper folders after those of
outer ones; `!` takes back, `/` at the end is for folders, elsewhere it ties to the file's folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

__all__ = ["IGNORE_FILES", "Ignore"]

IGNORE_FILES = (".gitignore", ".ignore", ".abiignore")

_MAX_PATTERN = 1000  # characters


@dataclass(frozen=True)
class _Rule:
    pattern: re.Pattern[str]
    folders_only: bool
    takes_back: bool


@dataclass(frozen=True)
class Ignore:
    """The patterns that hold in a folder.

    Parameters
    ----------
    base : str
        The folder, relative to the tree, with a slash at its end; empty for the tree itself.
    outer : Ignore or None
        Those of the folder around it.
    """

    base: str = ""
    outer: Ignore | None = None
    _rules: list[_Rule] = field(default_factory=list, repr=False)

    def within(self, base: str, lines: Iterable[str]) -> Ignore:
        """The patterns of a folder inside, which has lines of its own.

        Examples
        --------
        >>> rules = Ignore().within("", ["*.log", "!keep.log", "build/", "/top"])
        >>> [rules.ignores(name, False) for name in ("a.log", "x/keep.log", "build", "x/top")]
        [True, False, False, False]
        >>> rules.ignores("x/build", True), rules.ignores("top", False)
        (True, True)
        """
        rules = [rule for rule in map(_rule, lines) if rule is not None]
        return Ignore(base, self, rules) if rules else self

    def ignores(self, name: str, is_folder: bool) -> bool:
        """Whether a file or folder, by its name relative to the tree, is left out."""
        level: Ignore | None = self
        while level is not None:
            local = name[len(level.base) :]
            for rule in reversed(level._rules):
                if (is_folder or not rule.folders_only) and rule.pattern.fullmatch(local):
                    return not rule.takes_back
            level = level.outer
        return False


def _rule(line: str) -> _Rule | None:
    text = line.rstrip("\r\n")
    if not text.endswith("\\ "):
        text = text.rstrip(" ")
    if not text or text.startswith("#") or len(text) > _MAX_PATTERN:
        return None
    takes_back = text.startswith("!")
    text = text[takes_back:]
    folders_only = text.endswith("/")
    text = text.rstrip("/") if folders_only else text
    tied = "/" in text
    expression = _expression(text.removeprefix("/"))
    if expression is None or not text:
        return None
    try:
        pattern = re.compile(expression if tied else f"(?:.*/)?{expression}", re.S)
    except re.error:  # a range that goes backwards, which matches nothing
        return None
    return _Rule(pattern, folders_only, takes_back)


def _expression(text: str) -> str | None:
    """A pattern as a regular expression; None for one that matches nothing."""
    found, at = "", 0
    while at < len(text):
        rest = text[at:]
        if rest.startswith("**/") and (at == 0 or text[at - 1] == "/"):
            found, at = f"{found}(?:.*/)?", at + 3
        elif rest == "**" and (at == 0 or text[at - 1] == "/"):
            found, at = f"{found}.*", at + 2
        elif rest[0] == "*":
            while at < len(text) and text[at] == "*":
                at += 1
            found += "[^/]*"
        elif rest[0] == "?":
            found, at = f"{found}[^/]", at + 1
        elif rest[0] == "[":
            match = re.match(r"\[([!^]?)(\]?[^\]]*)\]", rest)
            if match is None:
                return None
            inside = match[2].replace("\\", "\\\\").replace("[", "\\[")
            found += f"(?!/)[{'^' if match[1] else ''}{inside}]"
            at += match.end()
        elif rest[0] == "\\" and len(rest) > 1:
            found, at = found + re.escape(rest[1]), at + 2
        else:
            found, at = found + re.escape(rest[0]), at + 1
    return found
