"""GBNF, llama.cpp's grammar dialect, into nodes.

Literals, character classes, `.`, groups, alternatives, `* + ?`, `{m}`, `{m,}` and `{m,n}`,
comments, and token rules `<[id]>`, `<text>` with `!` for their negation; a rule that is given
twice counts as given last. Repetitions are counted, not written out, so that `{0,5000}` means
what it says. U+0000 and surrogates are never matched. Groups are parsed without recursion.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from abi.errors import InputError
from abi.grammar._gbnf_check import find_left_recursion
from abi.grammar._gbnf_reader import Reader, TokenId
from abi.grammar._grammar import Grammar
from abi.grammar._nodes import Node

__all__ = ["compile_gbnf"]

_MAX_TEXT = 1 << 18  # characters
_NAME = re.compile(r"[a-zA-Z0-9-]+")


def compile_gbnf(text: str, *, root: str = "root", token_id: TokenId | None = None) -> Grammar:
    """A grammar from GBNF.

    Parameters
    ----------
    text : str
    root : str
        The rule that a whole text has to match.
    token_id : callable, optional
        From a token's text, with its angle brackets, to its id, or None where it is no single
        token: needed for rules such as `<think>`.

    Raises
    ------
    InputError
        If the grammar is malformed, left-recursive, or names a rule that it does not give;
        the message says the line, the column and the cure.

    Examples
    --------
    >>> grammar = compile_gbnf('root ::= [a-z]{2,3} ("-" [0-9]+)?')
    >>> grammar.matches("ab-12"), grammar.matches("a")
    (True, False)
    """
    if not isinstance(text, str):
        raise InputError(f"a grammar is a str, got {type(text).__name__}")
    if len(text) > _MAX_TEXT:
        raise InputError(f"the grammar has {len(text)} characters, at most {_MAX_TEXT} are read")
    return _Parser(text, token_id).compile(root)


class _Group(NamedTuple):
    """An open parenthesis, or the rule itself: its alternatives and the last one's items."""

    start: int
    done: list[Node]
    items: list[Node]


class _Parser(Reader):
    def __init__(self, text: str, token_id: TokenId | None) -> None:
        super().__init__(text, token_id)
        self._rules: dict[str, Node] = {}
        self._seen: dict[str, int] = {}  # where a name first stands
        self._bodies: dict[str, int] = {}  # where its body was given

    def compile(self, root: str) -> Grammar:
        self._skip(lines=True)
        while self._pos < len(self._text):
            self._rule()
        if root not in self._bodies:
            raise self._error(f"there is no rule '{root}'", f"add a rule '{root} ::= ...'", 0)
        for name, pos in self._seen.items():
            if name not in self._bodies:
                raise self._error(f"rule '{name}' is not defined", "define it or remove it", pos)
        self._make.finish()
        recursive = find_left_recursion(self._rules)
        if recursive is not None:
            raise self._error(
                f"rule '{recursive}' can begin with itself (left recursion)",
                "let something else come first, or repeat with * or +", self._bodies[recursive],
            )  # fmt: skip
        return Grammar(self._make, self._rules[root])

    def _named(self) -> Node:
        match = _NAME.match(self._text, self._pos)
        if match is None:
            raise self._error(
                f"expected the name of a rule, got {self._peek() or 'the end'!r}",
                "names are made of letters, digits and dashes",
            )
        name = match[0]
        self._seen.setdefault(name, self._pos)
        self._pos = match.end()
        if name not in self._rules:
            self._rules[name] = self._make.rule()
        return self._rules[name]

    def _rule(self) -> None:
        start = self._pos
        rule = self._named()
        name = self._text[start : self._pos]
        self._skip(lines=False)
        if not self._text.startswith("::=", self._pos):
            raise self._error(f"expected '::=' after '{name}'", "write name ::= what it matches")
        self._pos += 3
        self._skip(lines=True)
        self._make.define(rule, self._body())
        self._bodies[name] = start
        if self._pos < len(self._text) and self._peek() not in "\r\n":
            raise self._error(
                f"unexpected {self._peek()!r}", "end the rule with a line break, or quote the text"
            )
        self._skip(lines=True)

    def _body(self) -> Node:
        """Alternatives up to the end of the rule."""
        stack = [_Group(self._pos, [], [])]
        while True:
            group, char = stack[-1], self._peek()
            if char == "(":
                stack.append(_Group(self._pos, [], []))
                self._pos += 1
                self._skip(lines=True)
            elif char == "|":
                group.done.append(self._make.sequence(group.items))
                group.items.clear()
                self._pos += 1
                self._skip(lines=True)
            elif char == ")" and len(stack) > 1:
                self._pos += 1
                stack.pop()
                stack[-1].items.append(self._closed(group))
                self._skip(lines=len(stack) > 1)
            elif not self._item(group, nested=len(stack) > 1):
                break
        if len(stack) > 1:
            raise self._error("this '(' is not closed", "add a ')'", stack[-1].start)
        return self._closed(stack[0])

    def _closed(self, group: _Group) -> Node:
        """A group's alternatives, as a node that can be told from no item at all."""
        whole = self._make.choice([*group.done, self._make.sequence(group.items)])
        node = self._make.rule()
        self._make.define(node, whole)
        return node

    def _item(self, group: _Group, nested: bool) -> bool:
        """One literal, class, token, name or repetition; False where none stands."""
        char = self._peek()
        if char == '"':
            group.items.append(self._literal())
        elif char == "[":
            group.items.append(self._char_class())
        elif char and char in "<!":
            group.items.append(self._token())
        elif char == ".":
            group.items.append(self._any_char())
        elif char and char in "*+?{":
            self._repetition(group, nested)
        elif _NAME.match(char):
            group.items.append(self._named())
        else:
            return False
        self._skip(lines=nested)
        return True

    def _repetition(self, group: _Group, nested: bool) -> None:
        start, char = self._pos, self._peek()
        bounds = {"*": (0, None), "+": (1, None), "?": (0, 1)}
        low, high = bounds[char] if char in bounds else self._counts(nested)
        self._pos = max(self._pos, start + 1)
        if not group.items or group.items[-1] is self._make.empty:
            raise self._error(
                f"there is nothing before '{char}' to repeat", "quote it or remove it", start
            )
        group.items[-1] = self._make.repeat(group.items[-1], low, high)
