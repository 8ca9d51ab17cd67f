"""Patterns, formats and numeric ranges against independent oracles."""

from __future__ import annotations

import base64
import random
import re
import uuid
from decimal import Decimal
from fractions import Fraction
from functools import partial

import jsonschema
import pytest

from abi.grammar._dfa import Dfa
from abi.grammar._formats import FORMATS
from abi.grammar._numbers import Bound, Numbers
from abi.grammar._pattern import pattern_term
from abi.grammar._regular import Terms
from tests.grammar.schemas import PATTERNS

CHECKER = jsonschema.Draft202012Validator.FORMAT_CHECKER
MORE = (
    "ab|cd", r"^(\d{3}-)?\d{4}$", "(^a|b)c", "a$|^b", "", "^$", "(a|b)*c{0,2}$", "^(a?){3}$",
    r"^[a-c-]+[\]\-]$", "^(?:a|b)+?c??$", r"x{2}|\.", "^(?=a)(?!ab)", r"^[^\W]$", "a{2,3}b{2,}",
    "^(?<name>a)+$", r"^\x61\u0062[\t\n]?$", "^{a}$", "(?=b)c|a", "^(a(?=b)b)?c$",
)  # fmt: skip


@pytest.mark.parametrize("pattern", [*PATTERNS, *MORE])
def test_patterns_are_found_where_python_finds_them(pattern: str) -> None:
    terms, rng = Terms(), random.Random(pattern)
    term = pattern_term(terms, pattern)
    dfa = Dfa(terms, term)
    for _ in range(800):
        text = "".join(rng.choice('abcdfox019-@. ]ABä\n{}",') for _ in range(rng.randrange(8)))
        python = pattern.replace("(?<name>", "(?P<name>").replace("$", r"\Z")
        expected = bool(re.search(python, text, re.ASCII))
        assert (terms.matches(term, text), dfa.accepts_text(0, text)) == (expected, expected), text


def sample(dfa: Dfa, rng: random.Random) -> str:
    state, text = 0, ""
    while not (dfa.accepts[state] and (not dfa.edges[state] or rng.random() < 0.3)):
        target = rng.choice(list(dfa.edges[state]))
        low, high = rng.choice(dfa.edges[state][target])
        text += chr(rng.randint(low, min(high, low + 300)))
        state = target
    return text


@pytest.mark.parametrize("name", FORMATS)
def test_what_a_format_gives_passes_jsonschemas_checker(name: str) -> None:
    terms, rng = Terms(), random.Random(name)
    dfa = Dfa(terms, pattern_term(terms, FORMATS[name]))
    texts = [sample(dfa, rng) for _ in range(300)]
    if name == "byte":  # OpenAPI's
        assert all(base64.b64decode(text, validate=True) is not None for text in texts)
        return
    if name.startswith("uuid") and name != "uuid":  # Pydantic's
        assert {uuid.UUID(text).version for text in texts} == {int(name[4:])}
        name = "uuid"
    assert name in CHECKER.checkers
    if name == "relative-json-pointer":  # jsonschema takes any 0 for a leading one
        texts = [text for text in texts if "0" not in text.split("/")[0].rstrip("#")[1:]]
    assert len(set(texts)) > 50
    assert [text for text in texts if not CHECKER.conforms(text, name)] == []


COMMON = {
    "date": ["2024-02-29", "1999-12-31"], "time": ["23:59:59Z", "08:30:06.283185+02:00"],
    "date-time": ["2026-11-23T10:00:00Z"], "duration": ["P3Y6M4DT12H30M5S", "PT1H", "P2W"],
    "uuid": ["123e4567-e89b-12d3-a456-426614174000"], "ipv4": ["127.0.0.1", "255.255.255.255"],
    "email": ["first.last+tag@mail.example.co.uk"], "hostname": ["a", "www.example.com"],
    "ipv6": ["::1", "2001:db8::8a2e:370:7334", "::ffff:1.2.3.4", "1:2:3:4:5:6:7:8", "::"],
    "uri": ["https://user@example.com:8080/a/b?q=1&r=%20#f", "urn:isbn:123", "mailto:a@b.c"],
    "uri-reference": ["../a?b#c", "//host/x", ""], "json-pointer": ["", "/a/b~1c/0"],
    "relative-json-pointer": ["1/a", "0"], "byte": ["", "YQ==", "YWI=", "YWJj"],
    **{f"uuid{n}": [f"123e4567-e89b-{n}2d3-a456-426614174000"] for n in (1, 3, 4, 5, 6, 7, 8)},
}  # fmt: skip


@pytest.mark.parametrize("name", FORMATS)
def test_common_texts_of_a_format_are_taken(name: str) -> None:
    terms = Terms()
    term = pattern_term(terms, FORMATS[name])
    assert [text for text in COMMON[name] if not terms.matches(term, text)] == []


def number(rng: random.Random) -> Decimal:
    scale = rng.choice([1, 1, 10, 100])
    return Decimal(rng.randint(-20, 20) * rng.choice([1, 15, 100])) / scale


def test_braces_that_count_nothing_stand_for_themselves() -> None:
    terms = Terms()
    term = pattern_term(terms, "^a{,2}$")  # as in ECMA-262; Python reads a count
    assert terms.matches(term, "a{,2}") and not terms.matches(term, "aa")


def is_between(
    low: Bound | None, high: Bound | None, integer: bool, multiples: frozenset[Decimal], x: Decimal
) -> bool:
    above = low is None or x > low.value or (x == low.value and not low.open)
    below = high is None or x < high.value or (x == high.value and not high.open)
    whole = not integer or x == x.to_integral_value()
    return above and below and whole and all(Fraction(x) % Fraction(m) == 0 for m in multiples)


def test_ranges_of_numbers_are_those_of_decimal_arithmetic() -> None:
    terms, rng = Terms(), random.Random(2)
    numbers = Numbers(terms)
    for _ in range(150):
        ends = sorted(number(rng) for _ in "lh")
        low, high = (Bound(end, rng.random() < 0.4) if rng.random() < 0.7 else None for end in ends)
        integer = rng.random() < 0.4
        multiples = frozenset(
            rng.sample([Decimal(2), Decimal(7), Decimal("0.25")], 1)[: rng.randrange(2)]
        )

        fits = partial(is_between, low, high, integer, multiples)
        dfa = Dfa(terms, numbers.between(low, high, integer, multiples))
        texts = [] if dfa.is_empty else [sample(dfa, rng) for _ in range(8)]
        assert [text for text in texts if not fits(Decimal(text))] == []
        for x in (number(rng) for _ in range(25)):
            text = format(x.normalize() + 0, "f")
            assert dfa.accepts_text(0, text) == fits(x), (text, low, high, integer, multiples)
