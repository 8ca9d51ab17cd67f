"""Cutting, matching and remembering: what makes tokenising fast must not change it."""

from __future__ import annotations

import re
from itertools import pairwise
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abi.tokenizer import PRETOKENIZERS
from abi.tokenizer._match import Matcher
from abi.tokenizer._merge import _merge_long, _merge_short
from abi.tokenizer._unicode import kind_of
from abi.tokenizer._words import Words, WordTokens
from tests.tokenizer.vocab import bpe, rwkv, spm, unigram

TOKENS = st.lists(st.text("ab\u2581", min_size=1, max_size=4), min_size=1, max_size=12, unique=True)


@given(TOKENS, st.text("ab\u2581", max_size=20))
def test_no_token_crosses_a_cut(tokens: list[str], text: str) -> None:
    parts = Words(tokens, "\u2581").cut(text)
    assert "".join(parts) == text
    for left, right in pairwise(parts):
        assert not any(left[-1] + right[0] in token for token in tokens)


@given(TOKENS, st.text("ab\u2581", max_size=12))
def test_matches_are_those_of_a_search(tokens: list[str], text: str) -> None:
    matcher = Matcher({token: i for i, token in enumerate([*tokens, "a" * 70])})
    text += "a" * 80
    for start in range(len(text)):
        wanted = sorted((t for t in matcher.tokens if text.startswith(t, start)), key=len)
        assert list(matcher.all(text, start)) == [(matcher.tokens[t], len(t)) for t in wanted]
        longest = (matcher.tokens[wanted[-1]], len(wanted[-1])) if wanted else None
        assert matcher.longest(text, start) == longest


@given(
    st.text("abc", max_size=30),
    st.dictionaries(st.text("abc", min_size=2, max_size=5), st.integers(0, 5)),
)
def test_both_ways_to_merge_agree(text: str, ranks: dict[str, int]) -> None:
    def cost(a: str, b: str) -> float | None:
        return ranks.get(a + b)

    assert _merge_short(list(text), cost) == _merge_long(list(text), cost)


@given(st.text("ab \u2581", max_size=24))
def test_unigram_words_give_what_the_whole_text_gives(text: str) -> None:
    pieces = {"\u2581": -1.0, "a": -2.0, "\u2581a": -2.5, "ba": -1.25, "a\u2581": -1.5, "bb": -3.0}
    cut, whole = unigram(pieces), unigram(pieces)
    whole._model._exact_length = 0.0  # type: ignore[attr-defined]
    assert cut.encode(text) == whole.encode(text)


def test_remembered_words_are_bounded() -> None:
    words = WordTokens(lambda word: [len(word)])
    assert all(words[str(i)] == [len(str(i))] for i in range(70_000))
    assert len(words) == 70_000 - (1 << 16)
    assert words["x" * 49] == [49] and "x" * 49 not in words


def test_a_short_word_is_tokenised_once() -> None:
    asked: list[str] = []
    words = WordTokens(lambda word: [asked.append(word)] and [1])
    assert words["a"] is words["a"] and asked == ["a"]


@pytest.mark.parametrize("rule", ["llama-bpe", "gpt-4o", "deepseek-v3", "kimi-k2", "youtu"])
@given(st.text(st.sampled_from("aZé日ا١½9 \n\t\u3000.,'sS$^👍\u0301\u200d"), max_size=20))
def test_words_joined_are_the_text(rule: str, text: str) -> None:
    assert "".join(PRETOKENIZERS[rule].split(text)) == text


def test_classes_outside_ascii_are_those_of_unicode() -> None:
    split = PRETOKENIZERS["gpt-2"].split
    for code in (*range(0x80, 0x3000, 7), *range(0x1F300, 0x1F700, 5), 0x1D7CE, 0x20000):
        joined = split(f"{chr(code)}{chr(code)}a")
        assert (len(joined) == 1) == (kind_of(code) == "L"), hex(code)


@pytest.mark.parametrize(
    ("rule", "text", "words"),
    [
        ("afmoe", "abc1234567", ["abc", "1", "234", "567"]),
        ("superbpe", "1234567", ["1", "234", "567"]),
        ("jais-2", "a      b", ["a", "    ", " ", " b"]),
        ("deepseek-llm", "a  ", ["a", "  "]),
        ("viking", "a b,c12", ["a", " b", ",", "c", "1", "2"]),
        ("chameleon", "IMGIMGABZ a", ["IMGIMGABZ", " a"]),
        ("exaone-moe", "a b cd", ["a b cd"]),
        ("laguna", "a\n\nb", ["a", "\n\n", "b"]),
        ("bailingmoe", "a \n \nb", ["a", " \n \n", "b"]),
        ("kimi-k2", "日本go", ["日本", "go"]),
        ("minicpm5", "12345", ["123", "45"]),
    ],
)
def test_rules_cut_as_they_say(rule: str, text: str, words: list[str]) -> None:
    assert PRETOKENIZERS[rule].split(text) == words


@pytest.mark.parametrize("text", ["a" * 100_000, " " * 100_000 + "5", "ab" * 50_000, "7" * 99_999])
def test_long_runs_take_no_quadratic_time(text: str) -> None:
    tokenizers = [
        spm({"\u2581": -1.0, "a": -2.0, "aa": -1.0, "aaaa": -0.5}),
        bpe(["a", "b", "aa", "ab", "Ġ", "ĠĠ"], ["a a", "Ġ Ġ", "a b"], pre="deepseek-llm"),
        unigram({"a": -1.0, "aa": -1.5, "aaaaaaaa": -3.0, "\u2581": -1.0}),
        rwkv(["aa", "aaaa", "  "]),
    ]
    start = process_time()
    for tokenizer in tokenizers:
        tokenizer.encode(text, add_special=False)
    assert process_time() - start < 10  # a quadratic way would take hours


@pytest.mark.parametrize("name", sorted(PRETOKENIZERS))
def test_no_run_of_one_character_takes_a_rule_long(name: str) -> None:
    start = process_time()
    for char in " aA7\n'日\u0301":
        assert "".join(PRETOKENIZERS[name].split(char * 20_000 + "x"))
    assert process_time() - start < 10


def test_patterns_hold_no_group_that_findall_would_return() -> None:
    patterns = {pattern for rule in PRETOKENIZERS.values() for pattern in rule.patterns}
    assert not any(
        re.search(r"(?<![\[\\^s])\((?!\?)", re.sub(r"\[[^]]*\]", "", p)) for p in patterns
    )
