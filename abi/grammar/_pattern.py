"""ECMA-262 patterns into regular terms: the part of them that is regular.

Characters, classes, groups, alternatives, quantifiers (greedy or not), anchors and
lookaheads; a pattern without anchors is searched for, as JSON Schema says. Back references,
lookbehinds, word boundaries and `\\p{...}` are refused. Where validators disagree about what
`\\d`, `\\w`, `\\s`, `.` and `$` hold, only what all of them accept is matched; what must not
match is what any of them accepts.
"""

from __future__ import annotations

from abi.errors import InputError
from abi.grammar._pattern_parser import Tree, parse_pattern
from abi.grammar._regular import Term, Terms

__all__ = ["pattern_term"]


def pattern_term(terms: Terms, pattern: str, *, wide: bool = False) -> Term:
    """The language of the texts in which a pattern is found, by all readings or (wide) by any.

    Raises
    ------
    InputError
        If it is malformed or not regular; the message says where.
    """
    tree = parse_pattern(pattern, wide=wide)
    at_start = _Maker(terms, True).make(tree, terms.all)
    if "start" not in tree.kinds:
        return terms.cat(terms.all, at_start)
    later = _Maker(terms, False).make(tree, terms.all)
    return terms.either(at_start, terms.cat(terms.any_char, terms.all, later))


class _Maker:
    """Terms from a tree, each given the language of all that comes after it."""

    def __init__(self, terms: Terms, at_start: bool) -> None:
        self._terms, self._at_start = terms, at_start

    def make(self, tree: Tree, rest: Term) -> Term:
        terms, kind = self._terms, tree.kind
        if not _is_special(tree):
            return terms.cat(self._plain(tree), rest)
        if kind == "start":
            return rest if self._at_start else terms.none
        if kind == "end":
            last = [terms.chars(tree.chars)] if tree.chars else []
            return terms.both(rest, terms.either(terms.empty, *last))
        if kind == "look":
            found = self.make(tree.parts[0], terms.all)
            return terms.both(terms.complement(found) if tree.negated else found, rest)
        if kind == "either":
            return terms.either(*(self.make(part, rest) for part in tree.parts))
        if kind == "repeat":
            return self._repeated(tree, rest)
        return self._sequence(tree, rest)

    def _sequence(self, tree: Tree, rest: Term) -> Term:
        """From the right; past something that reads, the start lies behind."""
        widths = [_may_read(part) for part in tree.parts]
        for i in range(len(tree.parts) - 1, -1, -1):
            before = widths[:i]
            part = tree.parts[i]
            if "start" in part.kinds and any(before):
                if any(not _must_read(earlier) for earlier in tree.parts[:i] if _may_read(earlier)):
                    raise InputError(
                        "'^' stands after something that may be empty; begin the pattern with it"
                    )
                rest = _Maker(self._terms, False).make(part, rest)
            else:
                rest = self.make(part, rest)
        return rest

    def _repeated(self, tree: Tree, rest: Term) -> Term:
        """An anchor or lookahead that is repeated: as often as it is written out."""
        if tree.high == 1:
            return self._terms.either(self.make(tree.parts[0], rest), *([rest] * (tree.low == 0)))
        if _may_read(tree.parts[0]):
            raise InputError("an anchor or lookahead is repeated; take it out of the repetition")
        return rest if tree.low == 0 else self.make(tree.parts[0], rest)

    def _plain(self, tree: Tree) -> Term:
        terms = self._terms
        if tree.kind == "chars":
            return terms.chars(tree.chars)
        parts = [self._plain(part) for part in tree.parts]
        if tree.kind == "either":
            return terms.either(*parts)
        if tree.kind == "repeat":
            return terms.repeat(parts[0], tree.low, tree.high)
        return terms.cat(*parts)


def _is_special(tree: Tree) -> bool:
    return bool(tree.kinds & {"start", "end", "look"})


def _may_read(tree: Tree) -> bool:
    if tree.kind in ("start", "end", "look") or (tree.kind == "repeat" and tree.high == 0):
        return False
    return tree.kind == "chars" or any(_may_read(part) for part in tree.parts)


def _must_read(tree: Tree) -> bool:
    if tree.kind == "chars":
        return True
    if tree.kind == "repeat":
        return tree.low > 0 and _must_read(tree.parts[0])
    if tree.kind == "either":
        return all(_must_read(part) for part in tree.parts)
    return tree.kind == "cat" and any(_must_read(part) for part in tree.parts)
