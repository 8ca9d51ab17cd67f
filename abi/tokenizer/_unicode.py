"""Unicode character classes as llama.cpp has them, and its lenient UTF-8 decoding."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from functools import lru_cache

from abi.errors import InputError
from abi.tokenizer._unicode_overrides import OVERRIDES

__all__ = ["WHITESPACE", "as_text", "char_class", "decode_lenient", "is_valid"]

# What \\s means in llama.cpp: White_Space of Unicode, which is not what Python's `re` takes.
WHITESPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

# Nothing outside is a letter, number, mark, punctuation or symbol.
_PLANES = (range(0x323B0), range(0xE0000, 0xE01F0))


@lru_cache(maxsize=None)
def char_class(category: str) -> str:
    """Inside of a regex class for a general category, such as "L" for `\\p{L}`.

    Examples
    --------
    >>> char_class("N")[:3]
    '0-9'
    """
    return "".join(
        _escaped(first) if first == last else f"{_escaped(first)}-{_escaped(last)}"
        for first, last in _ranges()[category]
    )


def _escaped(code: int) -> str:
    char = chr(code)
    return f"\\{char}" if char in "\\[]^-&~|" else char


def is_valid(text: str) -> bool:
    """Whether the text has no surrogate, so that it stands for valid UTF-8."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def as_text(text: str | bytes) -> str:
    """Text with bytes that are not UTF-8 as surrogate escapes (PEP 383).

    Raises
    ------
    InputError
        If a str holds a surrogate that is no escaped byte, so stands for no bytes at all.
    """
    if isinstance(text, bytes):
        return text.decode("utf-8", "surrogateescape")
    if not isinstance(text, str):
        raise InputError(f"expected str or bytes, got {type(text).__name__}")
    try:
        text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        code = ord(text[error.start])
        raise InputError(
            f"text has a lone surrogate U+{code:04X} at character {error.start}; "
            "pass bytes, or replace it"
        ) from None
    return text


def decode_lenient(raw: bytes) -> str:
    """Decode UTF-8 as llama.cpp does for BPE.

    Overlong forms and surrogates are accepted; every byte that starts no sequence becomes
    U+FFFD. Beyond U+10FFFF, where llama.cpp raises, each byte becomes U+FFFD too.
    """
    out: list[str] = []
    pos = 0
    while pos < len(raw):
        code, size = _code_point(raw, pos)
        out.append(chr(code))
        pos += size
    return "".join(out)


def _code_point(raw: bytes, pos: int) -> tuple[int, int]:
    lead = raw[pos]
    if lead < 0x80:
        return lead, 1
    size = 2 if lead & 0xE0 == 0xC0 else 3 if lead & 0xF0 == 0xE0 else 4
    tail = raw[pos + 1 : pos + size]
    if not 0xC0 <= lead < 0xF8 or len(tail) < size - 1 or any(b & 0xC0 != 0x80 for b in tail):
        return 0xFFFD, 1
    code = lead & (0xFF >> (size + 1))
    for byte in tail:
        code = code << 6 | byte & 0x3F
    return (code, size) if code <= 0x10FFFF else (0xFFFD, 1)


@lru_cache(maxsize=1)
def _ranges() -> dict[str, list[tuple[int, int]]]:
    """First and last code points by category, in one pass over the planes."""
    known = {c: kind for first, last, kind in OVERRIDES for c in range(first, last + 1)}
    category, ranges = unicodedata.category, defaultdict(list)
    start, current = 0, ""
    for plane in _PLANES:
        for code in plane:
            kind = known[code] if code in known else category(chr(code))[0]
            if kind != current:
                ranges[current].append((start, code - 1))
                start, current = code, kind
        ranges[current].append((start, plane[-1]))
        current = ""
    return ranges
