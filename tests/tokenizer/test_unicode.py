"""Character classes and lenient decoding."""

from __future__ import annotations

import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from abi.tokenizer._unicode import WHITESPACE, char_class, decode_lenient
from abi.tokenizer._unicode_overrides import OVERRIDES

SUMS = {  # code points of a category in Unicode 15.1, from its DerivedGeneralCategory.txt
    "L": 136_726,
    "N": 1_831,
}


@pytest.mark.parametrize("category", sorted(SUMS))
def test_classes_are_those_of_unicode_15_1(category: str) -> None:
    pattern = re.compile(f"[{char_class(category)}]")
    found = sum(1 for code in range(0x110000) if pattern.match(chr(code)))
    assert found == SUMS[category]


def test_overrides_agree_with_the_version_they_follow() -> None:
    if unicodedata.unidata_version != "15.1.0":
        pytest.skip(f"this Python has Unicode {unicodedata.unidata_version}, not 15.1.0")
    for first, last, kind in OVERRIDES:
        for code in range(first, last + 1):
            category = unicodedata.category(chr(code))
            assert ("U" if category == "Cn" else category[0]) == kind, hex(code)


def test_overrides_cover_what_this_python_has_beyond() -> None:
    covered = {c for first, last, _ in OVERRIDES for c in range(first, last + 1)}
    assert {0x31350, 0x2EBF0, 0x105C0} <= covered  # assigned in 15.0, 15.1 and 16.0


def test_whitespace_is_unicodes_and_not_pythons() -> None:
    pattern = re.compile(f"[{WHITESPACE}]")
    assert [c for c in "\x1c\x1d\x1e\x1f\u200b\ufeff" if pattern.match(c)] == []
    assert sum(1 for code in range(0x110000) if pattern.match(chr(code))) == 25


@given(st.text())
def test_valid_utf8_decodes_as_itself(text: str) -> None:
    assert decode_lenient(text.encode()) == text


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"a\x80b", "a\ufffdb"),
        (b"\xc0\x80", "\0"),  # overlong forms pass
        (b"\xed\xa0\x80", "\ud800"),  # so do surrogates
        (b"\xe2\x96", "\ufffd\ufffd"),
        (b"\xe2\x96\x41", "\ufffd\ufffdA"),
        (b"\xf8\x88", "\ufffd\ufffd"),
        (b"\xf4\x90\x80\x80", "\ufffd" * 4),  # beyond U+10FFFF
    ],
)
def test_bad_utf8_decodes_as_llama_cpp_does(raw: bytes, expected: str) -> None:
    assert decode_lenient(raw) == expected
