"""Terms: what a search for a word finds, in any script."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.errors import InputError
from abi.text import analyse


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", []),
        (" .,;! ", []),
        ("The Quick fox", ["the", "quick", "fox"]),
        ("don't O'Neill", ["don't", "don", "o'neill", "neill"]),
        ("well-known", ["well", "known"]),
        ("max_size", ["max_size", "max", "size"]),
        ("__init__", ["__init__", "init"]),
        ("getValue HTTPServer", ["getvalue", "get", "value", "httpserver", "http", "server"]),
        ("os.path v1.20", ["os.path", "os", "path", "v1.20", "v1", "20"]),
        ("HTML5 x86 B2B", ["html5", "html", "x86", "b2b"]),
        ("utf8Decoder sha256", ["utf8decoder", "utf8", "utf", "decoder", "sha256", "sha", "256"]),
        ("HTML5parser iPhone", ["html5parser", "html5", "html", "parser", "iphone", "phone"]),
        ("URLs größeMax", ["urls", "url", "grossemax", "grosse", "max"]),
        ("___ ._.", []),
        ("it’s Søren Łódź", ["it's", "it", "soren", "lodz"]),
        ("co\u00adoperate", ["cooperate"]),
        ("C++ c# F#", ["c++", "c", "c#", "c", "f#", "f"]),
        ("C++11 C#9 page#top", ["c++", "c", "11", "c#", "c", "9", "page", "top"]),
        ("葛\U000e0100城 a\ufe0f", ["葛", "城", "葛城", "a"]),
        ("end. Next", ["end", "next"]),
        ("Crème BRÛLÉE naïve", ["creme", "brulee", "naive"]),
        ("Straße ΣΊΣΥΦΟΣ Ёлка", ["strasse", "σισυφοσ", "елка"]),
        ("ﬁne ① Ａｂｃ", ["fine", "1", "abc"]),
        ("हिन्दी", ["हिन्दी"]),
        ("검색을 한국", ["검색을", "검색", "색을", "한국"]),
        ("東京都", ["東", "京", "都", "東京", "京都"]),
        ("ラ・メ 々", ["ラ", "メ", "々"]),
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


def test_english_words_are_brought_to_their_stems() -> None:
    assert analyse("The dog's max_sizes connected", "english") == [
        "the",
        "dog",
        "max_sizes",
        "max",
        "size",
        "connect",
    ]


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(InputError, match="'klingon'; known are english"):
        analyse("a", "klingon")


def test_endless_words_are_cut() -> None:
    assert [len(term) for term in analyse("a" * 600)] == [255, 255, 90]
    assert [len(term) for term in analyse("é" * 600)] == [255, 255, 90]


def test_case_does_not_matter() -> None:
    assert analyse("ÉCOLE STRASSE") == analyse("école straße")


def test_endless_marks_are_cut() -> None:
    """All of them would be sorted, in the square of their number."""
    assert analyse("\u05d0" + "\u05b0\u05bc" * 20000) == analyse("\u05d0" + "\u05b0\u05bc" * 16)


@pytest.mark.parametrize("marks", ["\u0e38\u0e48", "\u05b0\u0e48\u05bc", "\u3099\u0323"])
def test_endless_marks_of_scripts_without_spaces_are_cut(marks: str) -> None:
    assert len(analyse("\u304b" + marks * 20000)) < 200
