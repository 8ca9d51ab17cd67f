"""PDF, through pypdf: the text of each page, divided at blank lines, with the pages' numbers.

Pages that are pictures have no text here: nothing is recognised. What a broken or hostile file
makes pypdf raise is one FormatError, and so is what goes beyond the bounds of `_pdf_limits`.
"""

from __future__ import annotations

import logging
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from abi.documents._document import Block, Blocks, Document
from abi.documents._encoding import lines_of
from abi.documents._pdf_limits import CONFIGURATION, Exceeded, Watch, open_reader
from abi.documents._plain import paragraphs
from abi.errors import AbiError, FormatError, MissingExtraError, UnsupportedError

__all__ = ["read_pdf"]

_MOST_PAGES = 20_000
_MOST_SECONDS = 300.0  # of a file
_PAGE_SECONDS = 60.0  # of a page, and of what comes before the first
_SHOWS = re.compile(rb"T[jJ]|Do|['\"]")  # in a page with text
_ABOUT = {"/Author": "author", "/Subject": "subject", "/Keywords": "keywords"}


def read_pdf(data: bytes, name: str) -> Document:
    """Paragraphs with their pages.

    Raises
    ------
    FormatError
        If it is broken, or takes more time or memory than a file may.
    MissingExtraError
        If pypdf is not installed, or too old to be bounded.
    UnsupportedError
        If it is encrypted with a password.
    """
    if b"%PDF-" not in data[:1024]:
        raise FormatError(f"begins with {data[:8]!r}, expected PDF (b'%PDF-')", source=name)
    pypdf = _pypdf()
    try:
        with _quiet(), pypdf.apply_configuration(**CONFIGURATION):
            watch = Watch(len(data))
            watch.begin("its tables", _PAGE_SECONDS)
            return _read(open_reader(pypdf, data, watch), name, watch)
    except AbiError:
        raise
    except Exceeded as error:
        raise FormatError(str(error), source=name) from None
    except Exception as error:  # pypdf raises whatever its input leads it to
        message = f"a broken PDF: {type(error).__name__}: {error}"[:500]
        raise FormatError(" ".join(message.split()), source=name) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what pypdf logs and warns of."""
    logger = logging.getLogger("pypdf")
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)


def _read(reader: Any, name: str, watch: Watch) -> Document:
    if reader.is_encrypted and not _opens(reader):
        raise UnsupportedError(f"{name}: encrypted; save it without its password")
    pages = len(reader.pages)
    if pages > _MOST_PAGES:
        raise FormatError(f"{pages} pages, at most {_MOST_PAGES} are read; split it", source=name)
    blocks = Blocks()
    until = time.monotonic() + _MOST_SECONDS
    for number, page in enumerate(reader.pages, 1):
        left = until - time.monotonic()
        if left < 0:
            raise FormatError(f"page {number} not reached in {_MOST_SECONDS:.0f} s", source=name)
        watch.begin(f"page {number}", min(left, _PAGE_SECONDS))
        for found in paragraphs(lines_of(_text(page, watch).replace("\0", "\ufffd"))):
            blocks.add(Block(found.text, found.kind, page=number))
    about = reader.metadata or {}
    meta: dict[str, Any] = {"format": "pdf", "pages": pages}
    for key, value in _ABOUT.items():
        if text := _plain(about.get(key)):
            meta[value] = text
    return Document(_plain(about.get("/Title")) or None, blocks, meta)


def _text(page: Any, watch: Watch) -> str:
    """A page's text; what only draws is not parsed."""
    contents = page.get_contents()
    if contents is None or not _SHOWS.search(contents.get_data()):
        return ""
    text: str = page.extract_text(visitor_operand_before=watch.operator, visitor_text=watch.text)
    return text


def _opens(reader: Any) -> bool:
    """Whether an encrypted file needs no password to be read."""
    try:
        return bool(reader.decrypt(""))
    except Exception:  # an unknown cipher, or one that needs another package
        return False


def _plain(value: Any) -> str:
    return " ".join(str(value).split())[:1000] if isinstance(value, str) else ""


def _pypdf() -> Any:
    try:
        import pypdf
    except ImportError:
        cure = "pip install 'abi-framework[docs]'"
        raise MissingExtraError(f"PDF needs pypdf, which is not installed: {cure}") from None
    if not hasattr(pypdf, "apply_configuration"):
        cure = "pip install --upgrade 'abi-framework[docs]'"
        raise MissingExtraError(f"PDF needs pypdf 7, {pypdf.__version__} is installed: {cure}")
    return pypdf
