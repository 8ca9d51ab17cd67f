"""Unicode character classes as llama.cpp has them, and its lenient UTF-8 decoding."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from functools import lru_cache

from abi.errors import InputError
from abi.tokenizer._unicode_overrides import OVERRIDES

__all__ = [
    "HAN", "SYMBOL_BYTES", "WHITE", "WHITESPACE", "as_text", "char_class", "decode_lenient",
    "is_valid", "kind_of", "lower", "sequence_size", "without_accent",
]  # fmt: skip

# What \\s means in llama.cpp: White_Space of Unicode, which is not what Python's `re` takes.
WHITESPACE = "\t-\r \x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"

WHITE = frozenset(
    (*range(0x9, 0xE), 0x20, 0x85, 0xA0, 0x1680, *range(0x2000, 0x200B), 0x2028, 0x2029, 0x202F,
     0x205F, 0x3000)
)  # fmt: skip

# What llama.cpp takes for Chinese characters where it names the script.
HAN = (
    (0x3400, 0x4DBF), (0x4E00, 0x9FFF), (0xF900, 0xFAFF), (0x20000, 0x2A6DF), (0x2A700, 0x2EBEF),
    (0x2F800, 0x2FA1F),
)  # fmt: skip

# Bytes of a character by the upper four bits of its first byte, whatever follows.
SYMBOL_BYTES = (1,) * 12 + (2, 2, 3, 4)

_TAKEN_OUT = {
    "Han": HAN,
    "az": ((ord("a"), ord("z")),),
    "AZ": ((ord("A"), ord("Z")),),
}

# Nothing outside is a letter, number, mark, punctuation or symbol.
_PLANES = (range(0x323B0), range(0xE0000, 0xE01F0))


@lru_cache(maxsize=None)
def char_class(name: str, last: int = 0x10FFFF) -> str:
    """Inside of a regex class, up to a last code point.

    The name is "Han", or letters of general categories such as "LM" for `\\p{L}\\p{M}`, less
    what follows a hyphen: "L-Han", "L-az" or "L-AZ".

    Examples
    --------
    >>> char_class("N", 0x7F)
    '0-9'
    >>> char_class("L-az", 0x7F)
    'A-Z'
    """
    base, _, less = name.partition("-")
    found = list(HAN) if base == "Han" else sorted(r for kind in base for r in _ranges()[kind])
    for hole in _TAKEN_OUT[less] if less else ():
        found = [part for ends in found for part in _cut_out(ends, hole)]
    return "".join(
        _escaped(a) if a == min(b, last) else f"{_escaped(a)}-{_escaped(min(b, last))}"
        for a, b in found
        if a <= last
    )


def _cut_out(ends: tuple[int, int], hole: tuple[int, int]) -> list[tuple[int, int]]:
    parts = [(ends[0], min(ends[1], hole[0] - 1)), (max(ends[0], hole[1] + 1), ends[1])]
    return [(a, b) for a, b in parts if a <= b]


def kind_of(code: int) -> str:
    """First letter of a code point's general category; "U" where it is not assigned."""
    known = _known().get(code)
    if known is not None:
        return known
    category = unicodedata.category(chr(code))
    return "U" if category == "Cn" else category[0]


def lower(code: int) -> int:
    """The simple lower-case mapping."""
    return code if kind_of(code) == "U" else ord(chr(code).lower()[0])


def without_accent(code: int) -> int:
    """The first code point of the canonical decomposition, which llama.cpp takes for it all."""
    if kind_of(code) == "U" or 0xD800 <= code < 0xE000:
        return code
    return ord(unicodedata.normalize("NFD", chr(code))[0])


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


def sequence_size(raw: bytes, pos: int) -> int:
    """Bytes of the character that begins there, by form alone; 0 if none does."""
    lead = raw[pos]
    if lead < 0x80:
        return 1
    size = 2 if lead & 0xE0 == 0xC0 else 3 if lead & 0xF0 == 0xE0 else 4
    tail = raw[pos + 1 : pos + size]
    if not 0xC0 <= lead < 0xF8 or len(tail) < size - 1 or any(b & 0xC0 != 0x80 for b in tail):
        return 0
    return size


def _code_point(raw: bytes, pos: int) -> tuple[int, int]:
    size = sequence_size(raw, pos)
    if size < 2:
        return (raw[pos], 1) if size else (0xFFFD, 1)
    code = raw[pos] & (0xFF >> (size + 1))
    for byte in raw[pos + 1 : pos + size]:
        code = code << 6 | byte & 0x3F
    return (code, size) if code <= 0x10FFFF else (0xFFFD, 1)


@lru_cache(maxsize=1)
def _known() -> dict[int, str]:
    return {c: kind for first, last, kind in OVERRIDES for c in range(first, last + 1)}


@lru_cache(maxsize=1)
def _ranges() -> dict[str, list[tuple[int, int]]]:
    """First and last code points by category, in one pass over the planes."""
    known, category, ranges = _known(), unicodedata.category, defaultdict(list)
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
