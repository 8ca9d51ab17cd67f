"""Vectors of the table that ships: exact, the same in any batch, zero where nothing is known."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abi.embedding import StaticEmbedding, Table, write_table
from abi.embedding import _static as module
from abi.errors import InputError
from tests.oracle.cases import DATA
from tests.oracle.embedding_texts import embedding_texts

EMBEDDING = StaticEmbedding.default()
TEXTS = embedding_texts()


# Of the file that ships; to the bit, as its sums are exact.
GOLDENS = json.loads((DATA / "static-minilm.json").read_text())


@pytest.mark.parametrize("text", GOLDENS["vectors"])
def test_vectors_are_what_they_were(text: str) -> None:
    want = np.array([float.fromhex(x) for x in GOLDENS["vectors"][text]], np.float32)
    assert np.array_equal(EMBEDDING.embed(text)[0][: len(want)], want)


def test_the_file_is_the_one_that_was_made() -> None:
    digest = hashlib.sha256(path().read_bytes()).hexdigest()
    assert (digest, EMBEDDING.name) == (GOLDENS["sha256"], GOLDENS["name"])


@pytest.fixture
def small() -> StaticEmbedding:
    """Three words in four dimensions: red 1 2 3 4, fox 2 0 0 0, es (inside a word) 0 0 0 -2."""
    levels = np.array([[0, 1, 2, -2], [0, 2, 0, -2], [0, 3, 0, -2], [0, 4, 0, -2]], np.float32)
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "\u2581red", "\u2581fox", "es"]
    codes = np.zeros((8, 1), np.uint8)
    codes[5:, 0] = 0b01010101, 0b00000010, 0b11000000
    scales = np.ones(8, np.float16)
    return StaticEmbedding(Table("small", tokens, True, levels, scales, codes, {}))


def test_a_vector_is_the_sum_of_its_tokens(small: StaticEmbedding) -> None:
    # (1, 2, 3, 4) + (2, 0, 0, 0) + (0, 0, 0, -2) = (3, 2, 3, 2), of length sqrt(26).
    got = small.embed(["Red foxes"])
    np.testing.assert_allclose(got, np.array([[3, 2, 3, 2]]) / np.sqrt(26), rtol=1e-6)
    assert (small.dim, small.count("Red foxes!"), small.name) == (4, 4, "small")


def test_a_word_twice_counts_twice(small: StaticEmbedding) -> None:
    got = small.embed("fox red fox")
    np.testing.assert_allclose(got, np.array([[5, 2, 3, 4]]) / np.sqrt(54), rtol=1e-6)


@pytest.mark.parametrize("text", ["", " \n\t", "\u200b", "ไทย", "\ufffd"])
def test_without_known_words_it_is_zero(text: str) -> None:
    got = EMBEDDING.embed(["a cat", text])
    assert np.linalg.norm(got[0]) == pytest.approx(1) and not got[1].any()


def test_no_texts_give_no_rows() -> None:
    assert EMBEDDING.embed([]).shape == (0, EMBEDDING.dim)


def test_vectors_have_length_one() -> None:
    lengths = np.linalg.norm(EMBEDDING.embed(TEXTS), axis=1)
    assert np.all((np.abs(lengths - 1) < 1e-6) | (lengths == 0))
    assert (lengths > 0).mean() > 0.97


def test_a_text_alone_is_as_among_others_to_the_bit() -> None:
    together = EMBEDDING.embed(TEXTS)
    assert together.dtype == np.float32
    for text, row in zip(TEXTS, together, strict=True):
        assert np.array_equal(EMBEDDING.embed(text)[0], row)


def test_where_sums_are_cut_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = EMBEDDING.embed(TEXTS)
    monkeypatch.setattr(module, "_STEP", 7)
    monkeypatch.setattr(module, "_TEXTS", 3)
    assert np.array_equal(StaticEmbedding.load(path()).embed(TEXTS), whole)


def path() -> Path:
    return Path(module.abi.__path__[0]) / "data" / "static-minilm.bin"


def test_a_very_long_text_is_a_text() -> None:
    once, often = EMBEDDING.embed(["the old harbour", "the old harbour " * 100_000])
    np.testing.assert_allclose(once, often, atol=1e-6)


@given(st.lists(st.text(max_size=40), max_size=5))
def test_any_texts_have_vectors(texts: Sequence[str]) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    got = EMBEDDING.embed(texts)
    assert got.shape == (len(texts), EMBEDDING.dim) and np.isfinite(got).all()
    for text, row in zip(texts, got, strict=True):
        assert EMBEDDING.count(text) >= bool(row.any())


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(InputError, match=r"texts\[1\]: expected a text, got int"):
        EMBEDDING.embed(["a", 1])  # type: ignore[list-item]


def test_what_means_alike_is_near() -> None:
    pairs = [
        ("How do I change my password?", "resetting login credentials", "a recipe for fish soup"),
        ("the dog barks at night", "puppies make noise", "quarterly income tax"),
        ("sort a list of numbers", "arrange array elements in order", "the mayor gave a speech"),
    ]
    for query, near, far in pairs:
        a, b, c = EMBEDDING.embed([query, near, far])
        assert a @ b > a @ c + 0.1, (query, float(a @ b), float(a @ c))


def test_it_is_read_once() -> None:
    assert StaticEmbedding.default() is StaticEmbedding.default()


def test_tokens_are_counted_as_the_encoder_counts() -> None:
    assert EMBEDDING.count("The harbours wake, café!") == 7
    assert EMBEDDING.count("") == 0


def test_a_table_of_ones_own_is_used(tmp_path: Path, small: StaticEmbedding) -> None:
    write_table(tmp_path / "t", small._table)
    assert np.array_equal(StaticEmbedding.load(tmp_path / "t").embed("red"), small.embed("red"))
