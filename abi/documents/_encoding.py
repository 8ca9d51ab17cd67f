"""Bytes to text: marks of byte order, UTF-8, declared names, UTF-16 by its zeros, else a guess.

The guess among legacy encodings is of `_legacy`. Line ends become `\\n`, and zeros U+FFFD.
"""

from __future__ import annotations

import codecs
import re
from typing import NamedTuple

from abi.documents._document import Line
from abi.documents._legacy import guess
from abi.errors import FormatError

__all__ = ["Text", "declared", "decode", "is_text", "lines_of", "text_of"]

_SAMPLE = 1 << 16
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\b\x1b") | {127})
_DECLARED = re.compile(
    rb"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([\w.:-]{1,40})"""
    rb"""|<meta[^>]{0,400}?charset\s*=\s*["']?\s*([\w.:-]{1,40})""",
    re.I,
)
# Codecs that are no character sets of files, and what the web means by some names.
_NOT_FILES = {"utf-7", "idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
_MEANT = {
    "ascii": "cp1252", "iso8859-1": "cp1252", "gb2312": "gb18030", "gbk": "gb18030",
    "shift_jis": "cp932", "euc_kr": "cp949", "iso8859-9": "cp1254", "tis-620": "cp874",
}  # fmt: skip


class Text(NamedTuple):
    """A decoded file."""

    text: str
    encoding: str


def is_text(data: bytes) -> bool:
    """Whether bytes look like text in some encoding, and not like a binary file.

    Judged by the first 64 KiB: text has no zeros, unless they are those of UTF-16 or UTF-32, and
    hardly any control characters.

    Examples
    --------
    >>> is_text("naïve".encode()), is_text("naïve".encode("utf-16")), is_text(b"\\x7fELF\\x02\\0")
    (True, True, False)
    """
    sample = data[:_SAMPLE]
    if any(data.startswith(mark) for mark, _ in _MARKS) or _utf16(sample):
        return True
    if b"\0" in sample or sample.startswith((b"%PDF-", b"PK\x03\x04", b"\x1f\x8b")):
        return False
    controls = len(sample) - len(sample.translate(None, _CONTROLS))
    return controls * 50 <= len(sample)


def text_of(data: bytes, name: str, declared: str | None = None) -> Text:
    """Decode a file, or say that it is binary."""
    if not is_text(data):
        raise FormatError(
            f"binary data, {len(data)} bytes; expected text: name it by its format's ending",
            source=name,
        )
    return decode(data, declared)


def decode(data: bytes, declared: str | None = None) -> Text:
    """Decode by a mark of byte order, the declared encoding, UTF-8, or what fits best."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _text(data[len(mark) :].decode(encoding, "replace"), encoding)
    if wide := _utf16(data[:_SAMPLE]):
        return _text(data.decode(wide, "replace"), wide)
    known = _codec(declared)
    if known and (wanted := _strict(data, known)) is not None and not _rather_utf8(data, known):
        return _text(wanted, known)
    if (plain := _strict(data, "utf-8")) is not None:
        return _text(plain, "utf-8")
    lenient = data.decode("utf-8", "replace")
    bad = lenient.count("\ufffd")
    if bad * 20 <= len(data) - len(lenient):  # most of what is not ASCII is well formed
        return _text(lenient, "utf-8")
    encoding = guess(data)
    return _text(data.decode(encoding, "replace"), encoding)


def declared(data: bytes) -> str | None:
    """The encoding that the beginning of an HTML or XML file names."""
    found = _DECLARED.search(data[:4096])
    return (found[1] or found[2]).decode("ascii", "replace") if found else None


def lines_of(text: str) -> list[Line]:
    """Lines with their numbers; the text has `\\n` alone."""
    return list(enumerate(text.split("\n"), 1))


def _text(text: str, encoding: str) -> Text:
    if "\r" in text:
        text = text.replace("\r\n", "\n").replace("\r", "\n")
    return Text(text.removeprefix("\ufeff").replace("\0", "\ufffd"), encoding)


def _strict(data: bytes, encoding: str) -> str | None:
    try:
        return data.decode(encoding)
    except (UnicodeError, ValueError):
        return None


def _codec(name: str | None) -> str | None:
    """Python's name of a character set, or None if it has none that files are written in."""
    try:
        found = codecs.lookup(name) if name else None
    except (LookupError, ValueError):
        return None
    if not found or found.name in _NOT_FILES or not found._is_text_encoding:
        return None
    return (
        None if found.name.startswith(("utf-16", "utf-32")) else _MEANT.get(found.name, found.name)
    )


def _rather_utf8(data: bytes, known: str) -> bool:
    """Whether text that fits a declared encoding of single bytes is UTF-8 nevertheless."""
    return not data.isascii() and known != "utf-8" and _strict(data, "utf-8") is not None


def _utf16(sample: bytes) -> str | None:
    """UTF-16 without a mark: every second byte of what is mostly ASCII is zero."""
    pairs = len(sample) // 2
    if pairs < 2 or not 3 * sample.count(0) >= pairs:
        return None
    even, odd = sample[: 2 * pairs : 2], sample[1 : 2 * pairs : 2]
    for zeros, others, encoding in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        controls = len(others) - len(others.translate(None, _CONTROLS))
        if zeros.count(0) * 10 >= pairs * 4 and controls * 50 <= pairs:
            return encoding
    return None
