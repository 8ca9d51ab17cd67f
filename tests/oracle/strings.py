"""Random strings that find tokenisers' mistakes: mixed scripts, emoji, controls, bad UTF-8.

Made from `random.Random.random` alone, whose stream is the same on every Python.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from random import Random

from tests.oracle.prose import CODE, PROSE

__all__ = ["mixed_strings", "random_strings"]

_RANGES = (  # first and last code point, weight
    (0x20, 0x7E, 12),
    (0x61, 0x7A, 8),
    (0x30, 0x39, 4),
    (0xA0, 0x17F, 3),
    (0x300, 0x36F, 2),
    (0x370, 0x3FF, 2),
    (0x400, 0x52F, 2),
    (0x590, 0x6FF, 2),
    (0x900, 0x97F, 2),
    (0xE00, 0xE7F, 2),
    (0x2000, 0x206F, 3),
    (0x20A0, 0x23FF, 1),
    (0x2581, 0x2581, 1),
    (0x3000, 0x30FF, 2),
    (0x4E00, 0x9FFF, 3),
    (0xAC00, 0xD7A3, 2),
    (0xE000, 0xF8FF, 1),
    (0xFB00, 0xFFFD, 2),
    (0x10000, 0x1FFFF, 2),
    (0x1F300, 0x1FAFF, 4),
    (0x20000, 0x323AF, 2),
    (0xE0000, 0xE01EF, 1),
    (0x0, 0x10FFFF, 2),
)
_WORDS = (
    " ", "  ", "   ", "\n", "\n\n", "\r\n", "\t", " \n ", "'s", "'LL", "'re", "'D", "’s", "'ſ",
    "the", "The quick", " brown", "12345", "3.14", " 1000", "...", "!?", "<s>", "</s>", "<unk>",
    "<|endoftext|>", "<|begin_of_text|>", "<0x41>", "▁", "▁▁a", "def f(x):", "x = y;", "ﬁ", "½",
    "Ⅷ", "é", "e\u0301", "한국어", "日本語", "العربية", "हिन्दी", "👩‍👩‍👧", "🇩🇪", "👍🏽", "\u200b",
    "\ufeff", "\x00", "\x1c", "\x85", "\xa0", "\u2028", "\u3000", "\U0010ffff",
)  # fmt: skip
_BAD = (
    b"\x80", b"\xbf", b"\xc0\x80", b"\xc1", b"\xc3", b"\xe2\x96", b"\xe2\x96\x41", b"\xed\xa0\x80",
    b"\xf0\x9f", b"\xf0\x9f\x98", b"\xf8", b"\xfe\xff", b"\xff", b"\xe0\x80\x80",
    b"\xf0\x80\x80\x80",
)  # fmt: skip
# llama.cpp's BPE raises beyond U+10FFFF, so there is nothing to compare with.
_BEYOND = re.compile(rb"(?:\xf4[\x90-\xbf]|[\xf5-\xf7][\x80-\xbf])[\x80-\xbf]{2}")


def random_strings(n: int, seed: int = 1) -> Iterator[bytes]:
    """n byte strings of up to a few dozen parts, about one in eight not valid UTF-8."""
    rng = Random(seed)
    pool = [(a, b) for a, b, weight in _RANGES for _ in range(weight)]
    made = 0
    while made < n:
        size = 1 + int(24 * rng.random() ** 2)
        bad = rng.random() < 0.125
        raw = b"".join(_part(rng, pool, bad) for _ in range(size))
        if not _BEYOND.search(raw):
            made += 1
            yield raw


def _part(rng: Random, pool: list[tuple[int, int]], bad: bool) -> bytes:
    kind = rng.random()
    if bad and kind < 0.3:
        return _BAD[int(len(_BAD) * rng.random())]
    if kind < 0.45:
        return _WORDS[int(len(_WORDS) * rng.random())].encode()
    first, last = pool[int(len(pool) * rng.random())]
    run = 1 + int(4 * rng.random())
    codes = [first + int((last - first + 1) * rng.random()) for _ in range(run)]
    return "".join(chr(c) for c in codes if not 0xD800 <= c < 0xE000).encode()


def mixed_strings(n: int, seed: int, pieces: Sequence[str]) -> Iterator[bytes]:
    """n byte strings for one vocabulary: half as above, the rest of what texts are made of.

    Prose, code, one script at a time, runs of white space, digits or one character, marks upon
    marks, and tokens of the vocabulary side by side, whole and cut.
    """
    rng = Random(seed)
    plain = random_strings(n, seed)
    makers = (_slice, _slice, _code, _script, _blanks, _digits, _repeated, _marked, _words_of)
    for _ in range(n):
        if rng.random() < 0.5:
            yield next(plain)
            continue
        size = 1 + int(6 * rng.random() ** 2)
        raw = b"".join(_pick(rng, makers)(rng, pieces) for _ in range(size))
        if rng.random() < 0.1:  # somewhere within a character, perhaps
            raw = raw[int(4 * rng.random()) : len(raw) - int(4 * rng.random())]
        yield b" " if _BEYOND.search(raw) else raw


def _pick(rng: Random, items: Sequence[Callable[[Random, Sequence[str]], bytes]]) -> Callable:
    return items[int(len(items) * rng.random())]


def _between(rng: Random, text: str, most: int) -> bytes:
    start = int(len(text) * rng.random())
    return text[start : start + 1 + int(most * rng.random() ** 2)].encode()


def _slice(rng: Random, pieces: Sequence[str]) -> bytes:
    raw = _between(rng, PROSE, 160)
    kind = rng.random()
    return raw if kind < 0.6 else raw.upper() if kind < 0.75 else raw.replace(b"\n", b" ")


def _code(rng: Random, pieces: Sequence[str]) -> bytes:
    return _between(rng, CODE[int(len(CODE) * rng.random())], 80)


def _script(rng: Random, pieces: Sequence[str]) -> bytes:
    first, last, _ = _RANGES[int((len(_RANGES) - 1) * rng.random())]
    size = 1 + int(20 * rng.random() ** 2)
    codes = [first + int((last - first + 1) * rng.random()) for _ in range(size)]
    return "".join(chr(c) for c in codes if not 0xD800 <= c < 0xE000).encode()


def _blanks(rng: Random, pieces: Sequence[str]) -> bytes:
    kinds = (" ", " ", " ", "\n", "\n", "\t", "\r\n", "\u3000", "\xa0", "\u2009", "\x0b", "\x85")
    most = 700 if rng.random() < 0.02 else 12
    char = kinds[int(len(kinds) * rng.random())] if rng.random() < 0.5 else ""
    size = 1 + int(most * rng.random() ** 2)
    return "".join(char or kinds[int(len(kinds) * rng.random())] for _ in range(size)).encode()


def _digits(rng: Random, pieces: Sequence[str]) -> bytes:
    zeros = (0x30, 0x30, 0x30, 0x660, 0x966, 0xFF10, 0x1D7CE)
    zero = zeros[int(len(zeros) * rng.random())]
    size = 1 + int(20 * rng.random() ** 2)
    return "".join(chr(zero + int(10 * rng.random())) for _ in range(size)).encode()


def _repeated(rng: Random, pieces: Sequence[str]) -> bytes:
    chars = "aAeé=-_.!#*0 \n日ㄅ한👍\u0301\u200d'"
    most = 200 if rng.random() < 0.1 else 20
    return (chars[int(len(chars) * rng.random())] * (1 + int(most * rng.random()))).encode()


def _marked(rng: Random, pieces: Sequence[str]) -> bytes:
    size = 1 + int(8 * rng.random())
    marks = "".join(chr(0x300 + int(0x70 * rng.random())) for _ in range(size))
    base = "aeouAEÖñकาか한x1 "
    zwj = ("👩\u200d💻", "🏳️\u200d🌈", "👨\u200d👩\u200d👧\u200d👦", "🇪🇺🇩", "☝🏿", "1️⃣", "")
    return (base[int(len(base) * rng.random())] + marks + zwj[int(7 * rng.random())]).encode()


def _words_of(rng: Random, pieces: Sequence[str]) -> bytes:
    """Tokens of the vocabulary, now and then cut short."""
    size = 1 + int(6 * rng.random())
    out = b""
    for _ in range(size):
        raw = pieces[int(len(pieces) * rng.random())].encode("utf-8", "surrogateescape")
        out += raw[: int(1 + len(raw) * rng.random())] if rng.random() < 0.2 else raw
    return out.replace("\u2581".encode(), b" ") if rng.random() < 0.8 else out
