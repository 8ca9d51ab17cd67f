"""PDF: text with pages; encrypted, broken, and read without pypdf."""

from __future__ import annotations

import contextlib
import io
import sys

import pypdf
import pytest

from abi.documents import Block, chunks, read
from abi.errors import AbiError, FormatError, MissingExtraError, UnsupportedError

from .files import pdf


def test_pages_have_their_numbers() -> None:
    document = read(pdf("Hello there.\nAgain.", "Second page."), "a.pdf")
    assert document.title == "The Paper"
    assert document.meta == {"format": "pdf", "pages": 2, "author": "Ann"}
    assert list(document.blocks) == [
        Block("Hello there.\nAgain.", "paragraph", page=1),
        Block("Second page.", "paragraph", page=2),
    ]
    assert [one.page for one in chunks(document, size=6, overlap=0)] == [1, 2]


@pytest.mark.parametrize("password", ["", "secret"])
def test_encrypted_files(password: str) -> None:
    writer = pypdf.PdfWriter(clone_from=io.BytesIO(pdf("Hidden.")))
    writer.encrypt(password, "owner", algorithm="RC4-128")
    file = io.BytesIO()
    writer.write(file)
    if password:
        with pytest.raises(UnsupportedError, match=r"a\.pdf: encrypted; save it without"):
            read(file.getvalue(), "a.pdf")
    else:
        assert read(file.getvalue(), "a.pdf").blocks[0].text == "Hidden."


def test_without_pypdf_the_cure_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdf", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'abi-framework\[docs\]'"):
        read(pdf("x"), "a.pdf")


def test_what_is_no_pdf_is_an_error() -> None:
    with pytest.raises(FormatError, match=r"a\.pdf: begins with b'<html>'"):
        read(b"<html>", "a.pdf")
    with pytest.raises(FormatError, match=r"a\.pdf: a broken PDF"):
        read(b"%PDF-1.4\n", "a.pdf")


def test_damaged_bytes_give_an_error_or_a_document() -> None:
    good = pdf("Hello there.")
    for i in range(0, len(good), 13):
        with contextlib.suppress(AbiError):
            read(good[:i] + bytes([good[i] ^ 0x15]) + good[i + 1 :], "a.pdf")
