"""Sets of code points as sorted, disjoint, inclusive ranges, and their UTF-8 spelling.

Surrogates are never members: they have no UTF-8. `utf8_sequences` splits a set so that each
part is a product of byte ranges, as in Thompson's construction for UTF-8.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

__all__ = [
    "ANY", "CharSet", "contains", "difference", "intersection", "invert", "of_text", "union",
    "utf8_sequences",
]  # fmt: skip

CharSet = tuple[tuple[int, int], ...]
ByteRanges = tuple[tuple[int, int], ...]

ANY: CharSet = ((0, 0xD7FF), (0xE000, 0x10FFFF))
_LENGTH_ENDS = (0x7F, 0x7FF, 0xFFFF, 0x10FFFF)


def union(*sets: Iterable[tuple[int, int]]) -> CharSet:
    """Every code point of any of the ranges; surrogates are left out."""
    ranges = sorted((low, high) for part in sets for low, high in part if low <= high)
    merged: list[tuple[int, int]] = []
    for low, high in ranges:
        if merged and low <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(high, merged[-1][1]))
        else:
            merged.append((low, high))
    return intersection(tuple(merged), ANY)


def intersection(a: CharSet, b: CharSet) -> CharSet:
    found: list[tuple[int, int]] = []
    i = j = 0
    while i < len(a) and j < len(b):
        low, high = max(a[i][0], b[j][0]), min(a[i][1], b[j][1])
        if low <= high:
            found.append((low, high))
        if a[i][1] < b[j][1]:
            i += 1
        else:
            j += 1
    return tuple(found)


def invert(a: CharSet) -> CharSet:
    """Every code point that is not in `a`."""
    found, start = [], 0
    for low, high in a:
        if start < low:
            found.append((start, low - 1))
        start = high + 1
    if start <= 0x10FFFF:
        found.append((start, 0x10FFFF))
    return intersection(tuple(found), ANY)


def difference(a: CharSet, b: CharSet) -> CharSet:
    return intersection(a, invert(b))


def contains(a: CharSet, point: int) -> bool:
    return any(low <= point <= high for low, high in a)


def of_text(text: str) -> CharSet:
    """The characters of a text."""
    return union((ord(char), ord(char)) for char in text)


def utf8_sequences(chars: CharSet) -> Iterator[ByteRanges]:
    """Sequences of byte ranges whose products are the UTF-8 of the set, disjointly."""
    work = [(low, high) for low, high in reversed(intersection(chars, ANY))]
    while work:
        low, high = work.pop()
        cut = _cut(low, high)
        if cut is None:
            first, last = chr(low).encode(), chr(high).encode()
            yield tuple(zip(first, last, strict=True))
        else:
            work += [(cut + 1, high), (low, cut)]


def _cut(low: int, high: int) -> int | None:
    """Where a range has to be split so that its parts are products of byte ranges."""
    for end in _LENGTH_ENDS:
        if low <= end < high:
            return end
    if high < 0x80:
        return None
    for bits in (6, 12, 18):
        mask = (1 << bits) - 1
        if low & ~mask != high & ~mask:
            if low & mask:
                return low | mask
            if high & mask != mask:
                return (high & ~mask) - 1
    return None
