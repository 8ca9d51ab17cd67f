"""Matchers over a vocabulary: masks, single checks, steps back, half characters."""

from __future__ import annotations

import random

import numpy as np
import pytest

from abi.errors import InputError
from abi.grammar import Grammar, Matcher, Vocabulary, compile_gbnf, compile_schema
from tests.grammar.schemas import random_schema
from tests.grammar.writing import tiny_vocabulary

BYTES = Vocabulary([*(bytes([byte]) for byte in range(256)), None], end_tokens=[256])


def feed(matcher: Matcher, raw: bytes) -> None:
    for byte in raw:
        matcher.accept(byte)


def by_checks(matcher: Matcher) -> list[bool]:
    return [matcher.check(token) for token in range(len(matcher.vocabulary))]


GRAMMARS = {
    "json": lambda: compile_schema(True),
    "counted": lambda: compile_schema({"type": "string", "maxLength": 5}),
    "pattern": lambda: compile_schema({"type": "string", "pattern": "^(ab|b*c)+d?$"}),
    "ambiguous": lambda: compile_gbnf('root ::= ("a" | "ab" | "b" | "ba")* "."'),
    "unicode": lambda: compile_gbnf("root ::= [^a-z]{2,4} | [é-ü]+"),
}


@pytest.mark.parametrize("name", GRAMMARS)
def test_a_mask_is_every_token_checked_by_itself(name: str) -> None:
    rng, grammar = random.Random(5), GRAMMARS[name]()
    for _ in range(3):
        matcher = Matcher(grammar, tiny_vocabulary())
        for _ in range(12):
            mask = matcher.allowed()
            assert mask.tolist() == by_checks(matcher), bytes(matcher._text)
            token = rng.choice(np.flatnonzero(mask).tolist())
            if token in matcher.vocabulary.end_tokens:
                break
            matcher.accept(token)


@pytest.mark.parametrize("seed", range(8))
def test_masks_under_random_schemas_are_every_token_checked(seed: int) -> None:
    rng = random.Random(1000 + seed)
    try:
        grammar = compile_schema(random_schema(rng, 2))
    except InputError:
        grammar = compile_schema({"type": "object", "minProperties": 2})
    matcher = Matcher(grammar, tiny_vocabulary())
    for _ in range(25):
        mask = matcher.allowed()
        tried = rng.sample(range(len(mask)), 120)
        assert [bool(mask[token]) for token in tried] == [matcher.check(token) for token in tried]
        matcher.accept(rng.choice(np.flatnonzero(mask).tolist()))
        if matcher.finished:
            break


def test_a_token_that_ends_one_name_and_begins_the_next_is_decided_by_the_text() -> None:
    tokens = [b'{"', b"a", b"b", b'":1,"', b'":1,"a', b'":1,"b', b'":1,"a":1', b'":1}', None]
    vocabulary = Vocabulary(tokens, end_tokens=[8])
    matcher = Matcher(compile_schema({"type": "object"}, indent=None), vocabulary)
    matcher.accept(0)
    matcher.accept(1)
    # After `{"a` the name may not come again, though "ab" may still follow from '":1,"a'.
    assert matcher.allowed().tolist() == by_checks(matcher)
    assert matcher.check(4) and matcher.check(5) and not matcher.check(6) and matcher.check(7)


def test_names_used_long_ago_stay_used() -> None:
    matcher = Matcher(compile_schema({"type": "object"}), BYTES)
    feed(matcher, b'{"ab":1,"b":{"ab":2},"a')
    assert matcher.allowed()[ord('"')] and matcher.check(ord("b"))
    feed(matcher, b"b")
    assert not matcher.allowed()[ord('"')] and matcher.allowed()[ord("c")]


def test_half_characters_wait_for_their_other_half() -> None:
    matcher = Matcher(compile_gbnf('root ::= [é€] "!"'), BYTES)
    assert np.flatnonzero(matcher.allowed()).tolist() == [0xC3, 0xE2]
    matcher.accept(0xE2)
    assert np.flatnonzero(matcher.allowed()).tolist() == [0x82]
    assert not matcher.can_end


def test_bytes_that_are_no_utf_8_are_never_allowed() -> None:
    matcher = Matcher(compile_gbnf("root ::= .+"), BYTES)
    mask = matcher.allowed()
    assert not mask[[0, 0x80, 0xC0, 0xC1, *range(0xF5, 0x100)]].any()
    matcher.accept(0xED)  # U+D800 to U+DFFF would follow
    assert np.flatnonzero(matcher.allowed()).tolist() == list(range(0x80, 0xA0))


def test_end_tokens_are_allowed_exactly_where_the_text_may_end() -> None:
    matcher = Matcher(compile_gbnf('root ::= "a" "b"?'), BYTES)
    assert not matcher.can_end and not matcher.allowed()[256] and not matcher.check(256)
    matcher.accept(ord("a"))
    assert matcher.can_end and not matcher.finished and matcher.allowed()[256]
    matcher.accept(256)
    assert matcher.finished and not matcher.allowed().any() and not matcher.check(ord("b"))


def test_rollback_takes_tokens_back_and_copies_go_on_alone() -> None:
    matcher = Matcher(compile_schema({"type": "object"}), BYTES)
    feed(matcher, b'{"a":1,"')
    before = matcher.allowed()
    twin = matcher.copy()
    feed(matcher, b"b")
    matcher.rollback()
    assert (matcher.allowed() == before).all()
    feed(twin, b'c":2}')
    assert twin.can_end and bytes(matcher._text) == b'{"a":1,"'
    matcher.rollback(8)
    assert matcher.tokens == [] and not matcher.check(ord("a"))
    with pytest.raises(InputError, match="cannot take back 1 of 0 tokens"):
        matcher.rollback()


def test_what_is_not_allowed_changes_nothing() -> None:
    matcher = Matcher(compile_gbnf('root ::= "ab"'), BYTES)
    with pytest.raises(InputError, match="token 98 is not allowed by the grammar after 0 tokens"):
        matcher.accept(98)
    assert matcher.tokens == [] and matcher.check(97)
    with pytest.raises(InputError, match="token 300 is not in the vocabulary"):
        matcher.check(300)


def test_accept_all_says_how_far_it_went() -> None:
    matcher = Matcher(compile_gbnf('root ::= "abc"'), BYTES)
    assert matcher.accept_all(list(b"abx")) == 2
    assert matcher.tokens == list(b"ab")


def test_a_vocabulary_that_cannot_go_on_is_an_error_and_no_empty_mask() -> None:
    matcher = Matcher(compile_gbnf('root ::= "ab"'), Vocabulary([b"a", None], end_tokens=[1]))
    matcher.accept(0)
    with pytest.raises(InputError, match="no token of the vocabulary can follow"):
        matcher.allowed()


def test_the_distance_is_that_of_the_shortest_text() -> None:
    schema = {"type": "array", "items": {"enum": ["abc", 1]}, "minItems": 3}
    matcher = Matcher(compile_schema(schema, indent=None), BYTES)
    assert matcher.distance == len("[1,1,1]")
    feed(matcher, b'["')
    assert matcher.distance == len('abc",1,1]')


def test_counters_beyond_a_token_share_one_mask() -> None:
    grammar = compile_schema({"type": "string", "maxLength": 5000})
    matcher = Matcher(grammar, BYTES)
    feed(matcher, b'"' + b"x" * 900)
    for _ in range(50):
        matcher.allowed()
        feed(matcher, b"y")
    assert len(grammar._masks_for(BYTES)._cache) <= 2


@pytest.mark.parametrize(
    ("tokens", "ends"), [([], []), ([b"a"], [1]), ([b"a"], [-1])], ids=["none", "above", "below"]
)
def test_end_tokens_have_to_be_tokens(tokens: list[bytes], ends: list[int]) -> None:
    with pytest.raises(InputError, match="end tokens"):
        Vocabulary(tokens, ends)


def test_grammars_are_shared_and_keep_their_masks() -> None:
    grammar: Grammar = compile_gbnf("root ::= [a-z]+")
    first, second = Matcher(grammar, BYTES), Matcher(grammar, BYTES)
    first.allowed()
    second.allowed()
    assert len(grammar._masks_for(BYTES)._cache) == 1
