"""Equality with llama.cpp on its own vocabularies: its test texts, and 20,000 random strings."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from abi.gguf import read
from abi.tokenizer import PRETOKENIZERS, Tokenizer
from tests.oracle import vocabs
from tests.oracle.cases import DATA, N_RULE_STRINGS, N_STRINGS, RULES, digest
from tests.oracle.strings import random_strings
from tests.require import require

pytestmark = pytest.mark.vocabs


@pytest.fixture(scope="module")
def folder() -> Path:
    try:
        return vocabs.fetch()
    except OSError as error:
        require("vocabs", False, str(error))
        raise


@pytest.fixture(scope="module", params=vocabs.VOCABS)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def tokenizer(folder: Path, name: str) -> Tokenizer:
    return Tokenizer.from_metadata(read(folder / f"ggml-vocab-{name}.gguf").metadata)


def test_the_vocabulary_is_the_one_that_was_recorded(folder: Path, name: str) -> None:
    file = f"ggml-vocab-{name}.gguf"
    recorded = json.loads((DATA / "provenance.json").read_text())["files"][file]
    assert hashlib.sha256((folder / file).read_bytes()).hexdigest() == recorded


def test_llama_cpps_own_texts(folder: Path, name: str, tokenizer: Tokenizer) -> None:
    cases = vocabs.read_cases(folder, name)
    assert len(cases) > 40
    wrong = [text for text, ids in cases if tokenizer.encode(text, add_special=False) != ids]
    assert wrong == []


@pytest.mark.parametrize("special", [False, True])
def test_20000_random_strings(name: str, tokenizer: Tokenizer, special: bool) -> None:
    recorded = np.load(DATA / f"llama-tokens-{name}.npy")[special::2]
    wrong = [
        raw
        for raw, expected in zip(random_strings(N_STRINGS), recorded, strict=True)
        if digest(tokenizer.encode(raw, special, special)) != expected
    ]
    assert wrong == []


@pytest.mark.parametrize("more", vocabs.MORE_VOCABS)
def test_llama_cpps_own_texts_of_other_vocabularies(folder: Path, more: str) -> None:
    metadata = read(folder / f"ggml-vocab-{more}.gguf").metadata
    tokenizer = Tokenizer.from_metadata(metadata)
    cases = vocabs.read_cases(folder, more)
    assert len(cases) > 40
    assert [text for text, ids in cases if tokenizer.encode(text, add_special=False) != ids] == []


@pytest.mark.parametrize("rule", RULES)
def test_every_pretokenizer_on_4000_random_strings(folder: Path, rule: str) -> None:
    metadata = read(folder / "ggml-vocab-llama-bpe.gguf").metadata
    tokenizer = Tokenizer.from_metadata(metadata, pre=rule)
    recorded = np.load(DATA / "llama-rules.npz")[rule]
    wrong = [
        raw
        for raw, expected in zip(random_strings(N_RULE_STRINGS), recorded, strict=True)
        if digest(tokenizer.encode(raw, add_special=False)) != expected
    ]
    assert wrong == []


def test_every_rule_is_compared() -> None:
    compared = [PRETOKENIZERS[name] for name in (*RULES, "llama-bpe")]
    assert all(rule in compared for rule in PRETOKENIZERS.values())


def test_encode_then_decode_gives_the_text_back(tokenizer: Tokenizer) -> None:
    for raw in random_strings(2000, seed=3):
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            continue
        if tokenizer.kind == "llama":
            text = text.replace("\u2581", " ")  # SentencePiece's own sign for a space
        assert tokenizer.decode(tokenizer.encode(text, add_special=False)) == text
