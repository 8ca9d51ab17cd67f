"""Bounds on the time and memory that pypdf takes for one file.

It runs in this process, where nothing stops it from outside, so `Watch` is asked where it comes by:
at each read of the file, each object and each operator of a page. Between two of these lies the
work on one stream, font, object or operator. It is bounded by sizes, but not cut short: a hostile
one takes up to a minute or two beyond the time allowed. Memory is bounded by what is kept of
streams, the bytes read, the text, and how many of Python's blocks are in use, those of other
threads included.
"""

from __future__ import annotations

import io
import sys
import time
from collections import deque
from typing import Any

__all__ = ["CONFIGURATION", "Exceeded", "Watch", "open_reader"]

_DECODED = 32 << 20  # bytes of one stream; they can be packed into 32 kB
CONFIGURATION = {
    "zlib_maximum_output_length": _DECODED,
    "lzw_maximum_output_length": _DECODED,
    "run_length_maximum_output_length": _DECODED,
    "brotli_maximum_output_length": _DECODED,
    "array_based_stream_maximum_output_length": _DECODED,
    "stream_decoding_work_maximum_length": 4 * _DECODED,
    "zlib_maximum_recovery_input_length": 1 << 20,
    "jbig2dec_binary": None,  # else a program that a file can have started
}

_STREAMS = 8  # that are kept decoded
_BLOCKS = 1 << 24  # of memory, some 1 GB: what tables of fonts and pages within pages are held in
_ASKED = 8  # objects between two looks at these
_LARGE = 4096  # bytes of a read that is a stream's, no token's
_READINGS = 8  # how often the file may be read; streams that lie in one another are read often
_PENDING = 1 << 15  # bytes of strings shown since the last text came; one may stand for 256 letters
_TEXT = 1 << 25  # characters of a file
_PAGE_TEXT = 1 << 22  # and of a page
_SHOWING = (b"Tj", b"TJ", b"'", b'"')


class Exceeded(BaseException):
    """A bound is reached. No `Exception`: pypdf goes on after most of these."""


class Watch:
    """What a file has used of what it may use.

    Parameters
    ----------
    size : int
        Bytes of the file.
    """

    def __init__(self, size: int) -> None:
        self._reads = _READINGS * size + _LARGE
        self._until = float("inf")
        self._doing = ""
        self._pending = self._text = self._page_text = 0
        self._decoded: deque[Any] = deque()
        self._asked = 0
        self._blocks = _blocks() + _BLOCKS

    def begin(self, what: str, seconds: float) -> None:
        """From now on, so many seconds for a part of the work."""
        self._doing = f"{what}: over {seconds:.0f} s"
        self._until = time.monotonic() + seconds
        self._pending = self._page_text = 0

    def tick(self) -> None:
        if time.monotonic() > self._until:
            raise Exceeded(self._doing)

    def read(self, size: int) -> None:
        """Bytes of the file were read."""
        self.tick()
        if size > _LARGE:
            self._reads -= size
            if self._reads < 0:
                raise Exceeded(f"reads its bytes over {_READINGS} times; its objects overlap")

    def found(self, one: Any) -> None:
        """An object was asked for; streams that were asked for before forget what was decoded."""
        self._asked += 1
        if self._asked % _ASKED == 0 and _blocks() > self._blocks:
            raise Exceeded(f"holds over {_BLOCKS} pieces in memory")
        if hasattr(one, "decoded_self") and one.decoded_self is None:
            self._decoded.append(one)
            if len(self._decoded) > _STREAMS:
                self._decoded.popleft().decoded_self = None

    def operator(self, operator: bytes, operands: Any, *_: Any) -> None:
        """An operator of a page comes; for `visitor_operand_before`."""
        self.tick()
        if operator in _SHOWING:
            self._pending += sum(map(_length, operands))
            if self._pending > _PENDING:
                raise Exceeded(f"strings of over {_PENDING} bytes on one line")

    def text(self, text: str, *_: Any) -> None:
        """Text of a page came; for `visitor_text`."""
        self._pending = 0
        self._page_text += len(text)
        self._text += len(text)
        if self._page_text > _PAGE_TEXT:
            raise Exceeded(f"a page of over {_PAGE_TEXT} characters")
        if self._text > _TEXT:
            raise Exceeded(f"over {_TEXT} characters; split it")


def _blocks() -> int:
    """Blocks of memory that the interpreter has in use, where it counts them."""
    return sys.getallocatedblocks() if hasattr(sys, "getallocatedblocks") else 0


def _length(operand: Any) -> int:
    """Bytes of a string, or of the strings and numbers of a list."""
    if isinstance(operand, list):
        return sum(len(one) if isinstance(one, str | bytes) else 1 for one in operand)
    return len(operand) if isinstance(operand, str | bytes) else 0


class _File(io.BytesIO):
    """A file whose reads are watched."""

    def __init__(self, data: bytes, watch: Watch) -> None:
        super().__init__(data)
        self._watch = watch

    def read(self, size: int | None = -1, /) -> bytes:
        found = super().read(size)
        self._watch.read(len(found))
        return found


def open_reader(pypdf: Any, data: bytes, watch: Watch) -> Any:
    """pypdf's reader of a file, under a watch."""

    class Reader(pypdf.PdfReader):  # type: ignore[misc]
        def get_object(self, indirect_reference: Any) -> Any:
            watch.tick()
            found = super().get_object(indirect_reference)
            watch.found(found)
            return found

    return Reader(_File(data, watch), strict=False)
