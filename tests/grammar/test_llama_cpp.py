"""GBNF against what llama.cpp was recorded to say: its own grammars, ours, and bad ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abi.errors import InputError
from abi.gguf import read
from abi.grammar import Grammar, Matcher, Vocabulary, compile_gbnf
from abi.tokenizer import Tokenizer
from tests.oracle import vocabs
from tests.oracle.cases import DATA
from tests.oracle.grammars import CASES, REFUSED, mask_digest, whole_tokens
from tests.require import require

RECORD: dict[str, Any] = json.loads((DATA / "llama-grammars.json").read_text())
OURS = [name for name in CASES if not name.startswith("tokens")]
BY_TOKENS = [name for name in CASES if name.startswith("tokens")]
THEIRS = [f"{name}.gbnf" for name in vocabs.GRAMMARS]


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return vocabs.fetch()
    except OSError as error:
        require("vocabs", False, str(error))
        raise


@pytest.fixture(scope="module")
def vocabulary(folder: Path) -> Vocabulary:
    tokenizer = Tokenizer.from_metadata(read(folder / "ggml-vocab-llama-spm.gguf").metadata)
    pieces = [tokenizer.piece(i, special=False) for i in range(len(tokenizer))]
    return Vocabulary(pieces, tokenizer.vocab.eog)


@pytest.fixture(scope="module")
def whole(vocabulary: Vocabulary) -> list[int]:
    return whole_tokens(vocabulary.tokens)


def taken(grammar: Grammar, raw: bytes) -> tuple[int, bool]:
    """Bytes of a text that are taken, and whether it may end there."""
    n = next((n for n in range(len(raw), -1, -1) if grammar.begins(raw[:n])), -1)
    return n, grammar.matches(raw[:n])


def wrong_texts(grammar: Grammar, name: str) -> list[Any]:
    rows = RECORD[name]["texts"]
    assert len(rows) > 20
    return [row for row in rows if list(taken(grammar, row[0].encode())) != row[1:]]


@pytest.mark.parametrize("name", OURS)
def test_texts_go_as_far_as_with_llama_cpp(name: str) -> None:
    assert wrong_texts(compile_gbnf(CASES[name]), name) == []


@pytest.mark.vocabs
@pytest.mark.parametrize("name", THEIRS)
def test_texts_go_as_far_under_llama_cpps_own_grammars(folder: Path, name: str) -> None:
    assert wrong_texts(compile_gbnf((folder / name).read_text()), name) == []


@pytest.mark.vocabs
@pytest.mark.parametrize("name", [*OURS, *THEIRS])
def test_masks_of_32000_tokens_are_llama_cpps(
    folder: Path, name: str, vocabulary: Vocabulary, whole: list[int]
) -> None:
    grammar = compile_gbnf(CASES[name] if name in CASES else (folder / name).read_text())
    matcher = Matcher(grammar, vocabulary)
    masks = RECORD[name]["masks"]
    assert masks
    for char, expected in masks:
        assert mask_digest(matcher.allowed()[whole]) == expected, matcher.tokens
        matcher.accept_all([3 + byte for byte in char.encode()])


@pytest.mark.vocabs
@pytest.mark.parametrize("name", BY_TOKENS)
def test_token_rules_allow_what_llama_cpp_allows(
    name: str, vocabulary: Vocabulary, whole: list[int]
) -> None:
    matcher = Matcher(compile_gbnf(CASES[name]), vocabulary)
    walk = RECORD[name]["walk"]
    assert len(walk) > 1
    for token, expected, ends in walk:
        assert mask_digest(matcher.allowed()[whole]) == expected
        assert matcher.can_end == ends
        matcher.accept(token)


@pytest.mark.parametrize("grammar", REFUSED)
def test_what_llama_cpp_refuses_is_an_error_with_a_place(grammar: str) -> None:
    if "{3000}" in grammar:  # counted here, not written out
        assert compile_gbnf(grammar).matches("a" * 3000)
        return
    with pytest.raises(InputError, match=r"grammar line \d+, column \d+: .*; "):
        compile_gbnf(grammar)


def test_texts_and_masks_are_many() -> None:
    assert sum(len(case.get("texts", ())) for case in RECORD.values()) > 900
    assert np.sum([len(case.get("masks", ())) for case in RECORD.values()]) > 200
