"""Which legacy encoding bytes are in: the likeliest under simple models of how text looks in each.

A model says how probable a byte, or a pair of bytes, beyond ASCII is: the first bytes of common
characters in encodings of Chinese, Japanese and Korean, the frequencies of letters of Russian,
the accents of languages of western Europe. Words of one script decide as well: an accent stands
beside ASCII letters, a Cyrillic letter does not. What no model fits is windows-1252.
"""

from __future__ import annotations

import math
import re
from functools import cache

__all__ = ["guess"]

_SAMPLE = 1 << 14  # bytes judged
_HIGH = re.compile(rb"[\x80-\xff]+")

# First bytes of the commonest characters: kana and kanji, hanzi and hangul of the first level.
_WIDE = {
    "cp932": ((0x82, 0x84), (0x88, 0x98)),
    "euc_jp": ((0xA4, 0xA6), (0xB0, 0xD0)),
    "gb18030": ((0xB0, 0xD8),),
    "big5": ((0xA4, 0xC7),),
    "cp949": ((0xB0, 0xC9),),
}
_RUSSIAN = "оеаинтсрвлкмдпуяыьгзбчйхжшюцщэфъё"
_PER_MILLE = (
    109, 85, 80, 74, 67, 63, 55, 47, 45, 44, 35, 32, 30, 28, 26, 20, 19, 17, 17, 16, 16, 14, 12,
    10, 9, 7, 6, 5, 4, 3, 3, 1, 1,
)  # fmt: skip
_CYRILLIC = ("cp1251", "koi8_r", "cp866")
_WESTERN = "éèàêçüöäßñóíáúãõôîâåøæÉÀÜÖÄ’‘“”–—…•°§©®«»"


def guess(data: bytes) -> str:
    """The name of the likeliest encoding of bytes that are no UTF-8."""
    sample = data[:_SAMPLE]
    if data.isascii() or len(sample) < 2:
        return "cp1252"
    scores = {"cp1252": _western(sample)}
    scores |= {name: _cyrillic(sample, name) for name in _CYRILLIC}
    scores |= {name: _wide(sample, name) for name in _WIDE}
    for name in sorted(scores, key=lambda one: -scores[one]):
        if name == "cp1252" or _fits(data, name):
            return name
    return "cp1252"


def _fits(data: bytes, name: str) -> bool:
    try:
        data.decode(name)
    except (UnicodeError, ValueError):
        return False
    return True


def _western(sample: bytes) -> float:
    """Logarithm of the likelihood as windows-1252: accents, one at a time, beside ASCII letters."""
    table = _western_table()
    score: float = sum(table[byte] for run in _HIGH.findall(sample) for byte in run)
    longer = sum(len(run) - 1 for run in _HIGH.findall(sample))
    return score + longer * math.log(0.05)


@cache
def _western_table() -> list[float]:
    common = {one.encode("cp1252")[0] for one in _WESTERN}
    rare = math.log(0.1 / (128 - len(common)))
    return [math.log(0.9 / len(common)) if byte in common else rare for byte in range(256)]


def _cyrillic(sample: bytes, name: str) -> float:
    """As Russian: letters by their frequency, in words that have no ASCII letter."""
    table = _cyrillic_table(name)
    score: float = sum(table[byte] for run in _HIGH.findall(sample) for byte in run)
    mixed = re.findall(rb"[A-Za-z][\x80-\xff]|[\x80-\xff][A-Za-z]", sample)
    inner = re.findall(_inner_capitals(name), sample)
    return score + (len(mixed) + len(inner)) * math.log(0.02)


@cache
def _cyrillic_table(name: str) -> list[float]:
    table = [math.log(0.02 / 60)] * 256
    for letter, weight in zip(_RUSSIAN, _PER_MILLE, strict=True):
        table[letter.encode(name)[0]] = math.log(0.93 * weight / 1000)
        table[letter.upper().encode(name)[0]] = math.log(0.05 * weight / 1000)
    return table


@cache
def _inner_capitals(name: str) -> bytes:
    small = re.escape(_RUSSIAN.encode(name))
    return b"[" + small + b"][" + re.escape(_RUSSIAN.upper().encode(name)) + b"]"


def _wide(sample: bytes, name: str) -> float:
    """As an encoding of two bytes a character: common first bytes in most of them."""
    ranges = _WIDE[name]
    common = {byte for low, high in ranges for byte in range(low, high)}
    likely, unlikely = math.log(0.92 / len(common) / 94), math.log(0.08 / 100 / 157)
    score, at, end = 0.0, 0, len(sample) - 1
    while at < end:
        byte = sample[at]
        if byte < 0x80:
            at += 1
        elif name == "cp932" and 0xA1 <= byte <= 0xDF:  # halfwidth kana, rare
            score, at = score + unlikely / 2, at + 1
        else:
            score += likely if byte in common else unlikely
            at += 2
    return score
