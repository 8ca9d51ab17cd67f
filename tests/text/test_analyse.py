"""Terms: what a search for a word finds, in any script."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.text import analyse


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (" .,;! ", []),
        ("The Quick fox", ["the", "quick", "fox"]),
        ("don't O'Neill", ["don't", "don", "t", "o'neill", "o", "neill"]),
        ("well-known", ["well", "known"]),
        ("max_size", ["max_size", "max", "size"]),
        ("__init__", ["__init__", "init"]),
        ("getValue HTTPServer", ["getvalue", "get", "value", "httpserver", "http", "server"]),
        ("os.path v1.20", ["os.path", "os", "path", "v1.20", "v1", "20"]),
        ("HTML5 x86 B2B", ["html5", "x86", "b2b"]),
        ("C++ c# F#", ["c++", "c", "c#", "c", "f#", "f"]),
        ("C++11 C#9 page#top", ["c++", "c", "11", "c#", "c", "9", "page", "top"]),
        ("end. Next", ["end", "next"]),
        ("Crème BRÛLÉE naïve", ["creme", "brulee", "naive"]),
        ("Straße ΣΊΣΥΦΟΣ Ёлка", ["strasse", "σισυφοσ", "елка"]),
        ("ﬁne ① Ａｂｃ", ["fine", "1", "abc"]),
        ("हिन्दी", ["हिन्दी"]),
        ("한국어 검색", ["한국어", "검색"]),
        ("東京都", ["東", "京", "都", "東京", "京都"]),
        ("Python入門2版", ["python", "入", "門", "入門", "2", "版"]),
        ("ภาษา", ["ภ", "า", "ษ", "า", "ภา", "าษ", "ษา"]),
        ("a\ud800b", ["a", "b"]),
    ],
)
def test_terms(text: str, terms: list[str]) -> None:
    assert analyse(text) == terms


@settings(max_examples=300, deadline=None, derandomize=True)
@given(st.text())
def test_any_text_has_terms_that_are_found_again(text: str) -> None:
    """Folding twice changes nothing, and no term is empty or has a space in it."""
    terms = analyse(text)
    for term in terms:
        assert term
        assert not any(c.isspace() for c in term)
        term.encode()
    assert analyse(text.upper()) is not None
    assert set(analyse(" ".join(terms))) >= set(terms)


def test_case_does_not_matter() -> None:
    assert analyse("ÉCOLE STRASSE") == analyse("école straße")
