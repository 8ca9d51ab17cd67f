"""Hostile PDFs: small files that ask for much time or memory end in one error."""

from __future__ import annotations

import time
import tracemalloc
import zlib

import pypdf
import pytest

from abi.documents import _pdf, _pdf_limits, read
from abi.errors import FormatError, MissingExtraError

from .files import pdf, pdf_of

FONT = b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"
TEXT = b"BT /F1 9 Tf (a) Tj ET"


def stream(data: bytes, more: bytes = b"") -> bytes:
    packed = zlib.compress(data, 9)
    return raw(packed, b"/Filter /FlateDecode " + more)


def raw(data: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), more, data)


def page(content: bytes, *others: bytes, fonts: bytes = b"/F1 3 0 R", pages: int = 1) -> bytes:
    """A file whose page is given several times; its content is object 5, others begin with 6."""
    resources = b"<< /Font << %s >> /XObject << /X1 6 0 R /X2 7 0 R >> >>" % fonts
    kids = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"4 0 R " * pages, pages)
    one = b"<< /Type /Page /Parent 2 0 R /Contents 5 0 R /Resources %s >>" % resources
    return pdf_of([b"<< /Type /Catalog /Pages 2 0 R >>", kids, FONT, one, content, *others])


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pdf, "_PAGE_SECONDS", 1.0)


def test_pypdf_is_left_as_it_was() -> None:
    before = pypdf.get_configuration()
    read(pdf("Hello."), "a.pdf")
    assert pypdf.get_configuration() is before


def test_an_older_pypdf_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(pypdf, "apply_configuration")
    with pytest.raises(MissingExtraError, match=r"needs pypdf 7, .* pip install --upgrade"):
        read(pdf("Hello."), "a.pdf")


@pytest.mark.parametrize("filters", [1, 2])
def test_what_unpacks_to_very_much_is_refused(filters: int) -> None:
    data = b" " * (40 << 20) + TEXT
    for _ in range(filters):
        data = zlib.compress(data, 9)
    names = b"/Filter [%s]" % (b"/FlateDecode " * filters)
    with pytest.raises(FormatError, match=r"a\.pdf: a broken PDF: LimitReachedError"):
        read(page(raw(data, names)), "a.pdf")


def test_what_pages_unpack_to_is_not_kept() -> None:
    image = b"BI /W 4194304 /H 1 /BPC 8 /CS /G ID %s EI " % bytes(4 << 20)
    one = stream(image + TEXT)
    catalogue = b"<< /Type /Catalog /Pages 2 0 R >>"
    kids = b" ".join(b"%d 0 R" % (4 + 2 * i) for i in range(40))
    objects = [catalogue, b"<< /Type /Pages /Kids [%s] /Count 40 >>" % kids, FONT]
    for i in range(40):
        resources = b"/Resources << /Font << /F1 3 0 R >> >>"
        objects.append(b"<< /Type /Page /Contents %d 0 R %s >>" % (5 + 2 * i, resources))
        objects.append(one)
    tracemalloc.start()
    try:
        document = read(pdf_of(objects), "a.pdf")
        assert tracemalloc.get_traced_memory()[1] < 80 << 20  # of 160 MB
    finally:
        tracemalloc.stop()
    assert len(document.blocks) == 40


def test_tables_of_fonts_may_not_take_all_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_pdf_limits, "_BLOCKS", 1 << 20)
    names = b" ".join(b"/F%d 6 0 R" % i for i in range(100))
    font = FONT.replace(b">>", b"/ToUnicode 7 0 R >>")
    table = stream(b"beginbfrange\n<0000> <FFFE> <0000>\nendbfrange\n")
    with pytest.raises(FormatError, match="holds over 1048576 pieces in memory"):
        read(page(stream(TEXT), font, table, fonts=names), "a.pdf")


@pytest.mark.usefixtures("hurried")
def test_a_page_that_looks_for_missing_objects_ends_in_time() -> None:
    names = b" ".join(b"/F%d %d 0 R" % (i, 1000 + i) for i in range(20_000))
    start = time.monotonic()
    with pytest.raises(FormatError, match="page 1: over 1 s"):
        read(page(stream(TEXT), b"(%s)" % (b"x" * (4 << 20)), fonts=names), "a.pdf")
    assert time.monotonic() - start < 10


@pytest.mark.usefixtures("hurried")
def test_forms_within_forms_end_in_time() -> None:
    inner = stream(TEXT * 5000, b"/Subtype /Form /Resources << /Font << /F1 3 0 R >> >>")
    outer = stream(b"/X2 Do " * 1000, b"/Subtype /Form /Resources << /XObject << /X2 7 0 R >> >>")
    start = time.monotonic()
    with pytest.raises(FormatError, match="page 1: over 1 s"):
        read(page(stream(b"/X1 Do " * 1000), outer, inner), "a.pdf")
    assert time.monotonic() - start < 10


def test_streams_that_lie_in_one_another_are_refused() -> None:
    inner = b"x" * 100_000
    for i in range(30, 0, -1):
        inner = b"%d 0 obj << /Length %d >> stream\n%s" % (i, len(inner), inner)
    with pytest.raises(FormatError, match="reads its bytes over 8 times"):
        read(b"%PDF-1.4\n" + inner + b"\nendstream endobj\nstartxref\n1\n%%EOF\n", "a.pdf")


def test_strings_and_text_have_their_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    long = page(stream(b"BT /F1 9 Tf (%s) Tj ET" % (b"a" * 40_000)))
    with pytest.raises(FormatError, match="strings of over 32768 bytes on one line"):
        read(long, "a.pdf")
    monkeypatch.setattr(_pdf_limits, "_PAGE_TEXT", 100)
    monkeypatch.setattr(_pdf_limits, "_TEXT", 150)
    for letters, pages in ((90, 1), (40, 3)):
        read(page(stream(b"BT /F1 9 Tf (%s) Tj ET" % (b"a" * letters)), pages=pages), "a.pdf")
    for letters, pages, what in ((110, 1, "a page of over 100"), (40, 4, "over 150 characters")):
        with pytest.raises(FormatError, match=what):
            read(page(stream(b"BT /F1 9 Tf (%s) Tj ET" % (b"a" * letters)), pages=pages), "a.pdf")


@pytest.mark.parametrize("piece", [b"[", b"<</a"])
def test_deep_nesting_is_an_error(piece: bytes) -> None:
    with pytest.raises(FormatError, match=r"a\.pdf: a broken PDF"):
        read(page(stream(TEXT + piece * 100_000)), "a.pdf")


def test_no_program_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("subprocess.Popen", None)
    base = pypdf.get_configuration().with_overwrites(jbig2dec_binary="/bin/false")
    with pypdf.apply_configuration(base), pytest.raises(FormatError, match="DependencyError"):
        read(page(raw(TEXT, b"/Filter /JBIG2Decode")), "a.pdf")


def test_a_page_that_only_draws_is_not_parsed() -> None:
    assert not read(page(stream(b"0 0 m ] ")), "a.pdf").blocks
