"""Regular languages over code points, with intersection and complement, by derivatives.

Terms are made once each (`Terms`), and a derivative by a character is again a term: Brzozowski
(1964), with the weak equivalences of Owens, Reppy and Turon (2009) that keep the number of
derivatives finite. Repetitions are counted, not written out.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum, auto
from functools import reduce

from abi.errors import InputError
from abi.grammar import _charset
from abi.grammar._charset import CharSet

__all__ = ["Term", "Terms"]

_MAX_DEPTH = 120
_MAX_WORK = 500_000  # parts of terms that are looked at: a few seconds


class _Op(Enum):
    CHARS = auto()
    CAT = auto()
    OR = auto()
    AND = auto()
    NOT = auto()
    REPEAT = auto()
    MULTIPLE = auto()


class Term:
    """One language; equal terms are the same object."""

    __slots__ = ("chars", "depth", "high", "low", "nullable", "number", "op", "parts", "value")

    def __init__(self, op: _Op, parts: tuple[Term, ...], number: int) -> None:
        self.op, self.parts, self.number = op, parts, number
        self.chars: CharSet = ()
        self.low = 0
        self.high: int | None = None
        self.value: tuple[int, int, int, bool] = (1, 0, 0, False)
        self.nullable = False
        self.depth: int = 1 + max((part.depth for part in parts), default=0)


class Terms:
    """Makes terms and derives them."""

    def __init__(self) -> None:
        self.work = 0
        self._made: dict[object, Term] = {}
        self._derived: dict[tuple[Term, int], Term] = {}
        self.empty = self._make(_Op.CAT, ())
        self.empty.nullable = True
        self.none = self._make(_Op.OR, ())
        self.any_char = self.chars(_charset.ANY)
        self.all = self.repeat(self.any_char, 0, None)

    def chars(self, chars: CharSet) -> Term:
        if not chars:
            return self.none
        term = self._make(_Op.CHARS, (), chars)
        term.chars = chars
        return term

    def text(self, text: str) -> Term:
        return self.cat(*(self.chars(((ord(char), ord(char)),)) for char in text))

    def words(self, texts: Iterable[str], depth: int = 0) -> Term:
        """Some texts, those that begin alike together."""
        if depth > _MAX_DEPTH // 4:
            return self.either(*map(self.text, texts))
        groups: dict[str, list[str]] = {}
        for text in texts:
            groups.setdefault(text[:1], []).append(text)
        found = [self.empty] if "" in groups else []
        for first, group in groups.items():
            if first:
                same = _common_beginning(min(group), max(group))
                rest = self.words([text[len(same) :] for text in group], depth + 1)
                found.append(self.cat(self.text(same), rest))
        return self.either(*found)

    def cat(self, *parts: Term) -> Term:
        """One after the other."""
        flat: list[Term] = []
        for part in parts:
            flat += part.parts if part.op is _Op.CAT else [part]
        if self.none in flat:
            return self.none
        if len(flat) == 1:
            return flat[0]
        term = self._make(_Op.CAT, tuple(flat))
        term.nullable = all(part.nullable for part in flat)
        return term

    def either(self, *parts: Term) -> Term:
        """Any of them."""
        flat = self._flat(_Op.OR, parts)
        sets = [part.chars for part in flat if part.op is _Op.CHARS]
        if len(sets) > 1:
            flat = {part for part in flat if part.op is not _Op.CHARS}
            flat.add(self.chars(_charset.union(*sets)))
        if self.all in flat:
            return self.all
        return self._of_set(_Op.OR, flat)

    def both(self, *parts: Term) -> Term:
        """All of them at once."""
        flat = self._flat(_Op.AND, parts) - {self.all}
        if self.none in flat:
            return self.none
        if not flat:
            return self.all
        if self.empty in flat:
            return self.empty if all(part.nullable for part in flat) else self.none
        sets = [part.chars for part in flat if part.op is _Op.CHARS]
        if len(sets) > 1:
            flat = {part for part in flat if part.op is not _Op.CHARS}
            flat.add(self.chars(reduce(_charset.intersection, sets)))
            return self.both(*flat)
        return self._of_set(_Op.AND, flat)

    def complement(self, part: Term) -> Term:
        if part.op is _Op.NOT:
            return part.parts[0]
        if part is self.none:
            return self.all
        if part is self.all:
            return self.none
        term = self._make(_Op.NOT, (part,))
        term.nullable = not part.nullable
        return term

    def repeat(self, part: Term, low: int, high: int | None) -> Term:
        low = 0 if part.nullable else low
        if high == 0 or part is self.empty or (part is self.none and not low):
            return self.empty
        if part is self.none or low == high == 1:
            return part
        if (part.op, part.low, part.high) == (_Op.REPEAT, 0, None):
            return part
        term = self._make(_Op.REPEAT, (part,), low, high)
        term.low, term.high = low, high
        term.nullable = low == 0
        return term

    def multiple(self, modulus: int, rest: int, places: int, pointed: bool) -> Term:
        """Decimals that are multiples of `modulus / 10**places`.

        `rest` is the remainder of what was read, `places` how many digits may still follow the
        point, `pointed` whether the point was read.
        """
        term = self._make(_Op.MULTIPLE, (), modulus, rest, places, pointed)
        term.value = (modulus, rest, places, pointed)
        term.nullable = rest * 10**places % modulus == 0
        return term

    def optional(self, part: Term) -> Term:
        return self.either(part, self.empty)

    def derive(self, term: Term, point: int) -> Term:
        """What may follow the character `point`."""
        key = (term, point)
        found = self._derived.get(key)
        if found is None:
            found = self._derived[key] = self._derive(term, point)
        return found

    def matches(self, term: Term, text: str) -> bool:
        for char in text:
            term = self.derive(term, ord(char))
            if term is self.none:
                return False
        return term.nullable

    def atoms(self, term: Term) -> list[CharSet]:
        """The coarsest partition of all characters that no set in the term cuts."""
        seen, work, sets = {term}, [term], []
        while work:
            node = work.pop()
            if node.op is _Op.CHARS:
                sets.append(node.chars)
            elif node.op is _Op.MULTIPLE:
                sets += [_charset.of_text(char) for char in "0123456789."]
            new = [part for part in node.parts if part not in seen]
            seen.update(new)
            work += new
        return _partition(sets)

    # -- inside --------------------------------------------------------------------------

    def _derive(self, term: Term, point: int) -> Term:
        parts = term.parts
        if term.op is _Op.CHARS:
            return self.empty if _charset.contains(term.chars, point) else self.none
        if term.op is _Op.OR:
            return self.either(*(self.derive(part, point) for part in parts))
        if term.op is _Op.AND:
            return self.both(*(self.derive(part, point) for part in parts))
        if term.op is _Op.NOT:
            return self.complement(self.derive(parts[0], point))
        if term.op is _Op.MULTIPLE:
            return self._derive_multiple(term, chr(point))
        if term.op is _Op.REPEAT:
            high = None if term.high is None else term.high - 1
            rest = self.repeat(parts[0], max(term.low - 1, 0), high)
            return self.cat(self.derive(parts[0], point), rest)
        found = []
        for i, part in enumerate(parts):
            found.append(self.cat(self.derive(part, point), *parts[i + 1 :]))
            if not part.nullable:
                break
        return self.either(*found)

    def _derive_multiple(self, term: Term, char: str) -> Term:
        modulus, rest, places, pointed = term.value
        if char == "." and places and not pointed:
            return self.multiple(modulus, rest, places, True)
        if char not in "0123456789" or (pointed and not places):
            return self.none
        rest = (rest * 10 + int(char)) % modulus
        return self.multiple(modulus, rest, places - pointed, pointed)

    def _flat(self, op: _Op, parts: Iterable[Term]) -> set[Term]:
        flat: set[Term] = set()
        for part in parts:
            flat.update(part.parts if part.op is op else (part,))
        return flat

    def _of_set(self, op: _Op, flat: set[Term]) -> Term:
        parts = tuple(sorted(flat, key=lambda part: part.number))
        if len(parts) == 1:
            return parts[0]
        term = self._make(op, parts)
        found = (part.nullable for part in parts)
        term.nullable = any(found) if op is _Op.OR else all(found)
        return term

    def _make(self, op: _Op, parts: tuple[Term, ...], *key: object) -> Term:
        self.work += 1 + len(parts)
        if self.work > _MAX_WORK:
            raise InputError("the patterns are too large together; shorten their repetitions")
        whole = (op, parts, key)
        term = self._made.get(whole)
        if term is None:
            term = self._made[whole] = Term(op, parts, len(self._made))
            if term.depth > _MAX_DEPTH:
                raise InputError("the pattern nests too deeply; take groups out of one another")
        return term


def _common_beginning(a: str, b: str) -> str:
    size = next((i for i, pair in enumerate(zip(a, b, strict=False)) if pair[0] != pair[1]), None)
    return a[: min(len(a), len(b)) if size is None else size]


def _partition(sets: list[CharSet]) -> list[CharSet]:
    edges: dict[int, set[int]] = {}
    for number, chars in enumerate(dict.fromkeys(sets)):
        for low, high in chars:
            edges.setdefault(low, set()).symmetric_difference_update({number})
            edges.setdefault(high + 1, set()).symmetric_difference_update({number})
    groups: dict[frozenset[int], list[tuple[int, int]]] = {}
    inside: frozenset[int] = frozenset()
    start = 0
    for cut in [*sorted(edges), 0x110000]:
        if start < cut:
            groups.setdefault(inside, []).append((start, cut - 1))
        inside, start = inside ^ edges.get(cut, set()), cut
    return [chars for ranges in groups.values() if (chars := _charset.union(ranges))]
