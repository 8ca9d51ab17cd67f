"""Stems of English words, as Porter2's description gives them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.text._english import stem


@pytest.mark.parametrize(
    ("words", "stems"),
    [
        ("consign consigned consigning consignment", "consign consign consign consign"),
        ("knack knackeries knaves knightly knock", "knack knackeri knave knight knock"),
        ("ties cries gas this gaps kiwis", "tie cri gas this gap kiwi"),
        ("luxuriating hopping hoping added egged", "luxuri hop hope add egg"),
        ("cry by say", "cri by say"),
        ("dying herring evenings outing", "die herring evening outing"),
        ("skies sky news only gently", "sky sky news onli gentl"),
        ("general generate generic", "general generat generic"),
        ("past paste university universe", "past paste universiti univers"),
        ("proceed succeeded agreed feed", "proceed succeed agre feed"),
        ("geologist geology internal interment", "geolog geolog internal interment"),
        ("dog's 'quoted' is", "dog quot is"),
    ],
)
def test_stems(words: str, stems: str) -> None:
    got = [stem(word) for word in words.split()]
    assert got == stems.split()


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text())
def test_any_word_has_a_stem_at_most_one_letter_longer(word: str) -> None:
    assert len(stem(word)) <= len(word) + 1
