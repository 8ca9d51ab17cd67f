"""Equality with llama.cpp: its own test texts, and random strings of which it was recorded."""

from __future__ import annotations

import hashlib
import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abi.gguf import read
from abi.tokenizer import PRETOKENIZERS, Tokenizer
from tests.oracle import vocabs
from tests.oracle.cases import (
    DATA,
    KINDS,
    N_STRINGS,
    RULES,
    RULES_VOCAB,
    both_ways,
    digest,
    mixed_cases,
)
from tests.oracle.pieces import synthetic
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


@pytest.fixture(scope="module")
def rules_metadata(folder: Path) -> dict[str, Any]:
    return dict(read(folder / f"ggml-vocab-{RULES_VOCAB}.gguf").metadata)


@pytest.mark.parametrize("rule", RULES)
def test_every_pretokenizer_on_500_strings(rules_metadata: dict[str, Any], rule: str) -> None:
    recorded = np.load(DATA / "llama-rules.npz")[rule]
    tokenizer = Tokenizer.from_metadata(rules_metadata, pre=rule)
    assert _differing(tokenizer, rules_metadata, recorded) == []


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_on_500_strings(folder: Path, kind: str) -> None:
    recorded = np.load(DATA / "llama-kinds.npz")[kind]
    ours = kind.startswith("+")
    metadata = synthetic(kind[1:]) if ours else read(folder / f"ggml-vocab-{kind}.gguf").metadata
    assert _differing(Tokenizer.from_metadata(metadata), metadata, recorded) == []


def _differing(tokenizer: Tokenizer, metadata: Any, recorded: Any) -> list[bytes]:
    def detokenize(ids: list[int], remove: bool, unparse: bool) -> bytes:
        return tokenizer.detokenize(ids, remove_special=remove, unparse_special=unparse)

    cases = mixed_cases(metadata["tokenizer.ggml.tokens"])
    compare = partial(both_ways, encode=tokenizer.encode, detokenize=detokenize)
    return [raw for raw, want in zip(cases, recorded, strict=True) if compare(raw) != want]


def test_every_name_that_llama_cpp_knows_is_known() -> None:
    assert set(json.loads((DATA / "llama-pre-names.json").read_text())) == PRETOKENIZERS.keys()


def test_every_rule_is_compared() -> None:
    compared = [PRETOKENIZERS[name] for name in RULES]
    assert "+whitespace" in KINDS
    assert all(PRETOKENIZERS[name] in compared for name in PRETOKENIZERS if name != "whitespace")


def test_encode_then_decode_gives_the_text_back(tokenizer: Tokenizer) -> None:
    for raw in random_strings(2000, seed=3):
        try:
            text = raw.decode()
        except UnicodeDecodeError:
            continue
        if tokenizer.kind == "llama":
            text = text.replace("\u2581", " ")  # SentencePiece's own sign for a space
        assert tokenizer.decode(tokenizer.encode(text, add_special=False)) == text
