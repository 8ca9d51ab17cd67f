"""EPUB and DOCX: what they hold, and hostile ones; python-docx writes what is read."""

from __future__ import annotations

import contextlib
import io
import time
from itertools import pairwise

import docx as python_docx
import pytest

from abi.documents import Block, read
from abi.errors import FormatError, UnsupportedError

from .files import CONTAINER, PACKAGE, docx, epub, zipped
from .show import blocks, shown

BOMB = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">'
    + "".join(f'<!ENTITY {b} "{f"&{a};" * 10}">' for a, b in pairwise("abcdefghij"))
    + "]>"
)  # fmt: skip


def test_chapters_are_in_the_order_of_the_spine() -> None:
    document = read(epub(), "a.epub")
    assert document.title == "The Book"
    assert document.meta == {"author": "Ann", "language": "en", "format": "epub"}
    assert list(document.blocks) == [
        Block("One", "heading", 1, section=1),
        Block("First.", "paragraph", section=1),
        Block("Two", "heading", 1, section=2),
        Block("Second.", "paragraph", section=2),
    ]


def test_an_epub_without_its_ending_is_known() -> None:
    assert read(epub(), "download").title == "The Book"
    assert read(docx("<w:p><w:r><w:t>x</w:t></w:r></w:p>"), "download").blocks[0].text == "x"


def test_an_encrypted_chapter_is_said() -> None:
    locked = '<encryption><CipherReference URI="OPS/a.xhtml"/></encryption>'
    parts = {"META-INF_encryption__xml": locked}
    with pytest.raises(UnsupportedError, match=r"a\.epub: OPS/a\.xhtml is encrypted"):
        read(epub(**parts), "a.epub")


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ({"mimetype": ""}, "META-INF/container.xml: missing"),
        ({"META-INF/container.xml": "<a/>"}, "names no package"),
        ({"META-INF/container.xml": "<a>"}, "malformed XML"),
        ({"META-INF/container.xml": CONTAINER}, "OPS/book.opf: missing"),
        ({"META-INF/container.xml": BOMB + "<a>&j;</a>"}, "declares entities"),
        ({"META-INF/container.xml": "<a>" * 5000}, "nested deeper than 2000"),
        (
            {"META-INF/container.xml": CONTAINER, "OPS/book.opf": PACKAGE,
             "OPS/a.xhtml": b"a" * (9 << 20)},
            "OPS/a.xhtml: expands from",
        ),
    ],
)  # fmt: skip
def test_broken_and_hostile_epubs(parts: dict[str, str | bytes], message: str) -> None:
    start = time.monotonic()
    with pytest.raises(FormatError, match=message):
        read(zipped(parts), "a.epub")
    assert time.monotonic() - start < 5


def test_entities_of_a_chapter_do_not_expand() -> None:
    data = epub(OPS_a__xhtml=BOMB + "<p>x &j; y</p>")
    assert len(blocks(data, "a.epub")[0].text) < 100


def test_docx_written_by_python_docx() -> None:
    made = python_docx.Document()
    made.core_properties.title = "Plan"
    made.core_properties.author = "Ann"
    made.add_heading("Top", 0)
    made.add_heading("Part", 2)
    paragraph = made.add_paragraph("A ")
    paragraph.add_run("bold").bold = True
    paragraph.add_run("\tword\nline")
    for item in ("one", "two"):
        made.add_paragraph(item, style="List Bullet")
    made.add_paragraph("Said.", style="Quote")
    table = made.add_table(2, 2)
    for i, row in enumerate(table.rows):
        for j, cell in enumerate(row.cells):
            cell.text = f"{i}{j}"
    file = io.BytesIO()
    made.save(file)
    document = read(file.getvalue(), "a.docx")
    assert (document.title, document.meta["author"]) == ("Plan", "Ann")
    assert shown(file.getvalue(), "a.docx") == [
        ("heading", 1, None, "Top"),
        ("heading", 2, None, "Part"),
        ("paragraph", 0, None, "A bold\tword\nline"),
        ("list", 0, None, "- one\n- two"),
        ("quote", 0, None, "Said."),
        ("table", 0, None, "00 | 01\n10 | 11"),
    ]


def test_deleted_text_and_second_forms_are_left_out() -> None:
    body = (
        "<w:p><w:r><w:t>a</w:t></w:r><w:del><w:r><w:delText>b</w:delText></w:r></w:del>"
        "<w:r><w:instrText>c</w:instrText></w:r><w:Fallback><w:t>d</w:t></w:Fallback></w:p>"
    )
    assert shown(docx(body), "a.docx") == [("paragraph", 0, None, "a")]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not a zip", r"a\.docx: begins with b'not '"),
        (b"PK\x03\x04 cut", "broken zip file"),
        (zipped({"x": "y"}), "without a document"),
        (docx("<w:p>" * 3000), "nested deeper"),
        (docx("")[:-30], "broken zip file"),
        (docx("<w:t>" + "a" * (9 << 20)), "expands from"),
    ],
)
def test_broken_and_hostile_docx(data: bytes, message: str) -> None:
    with pytest.raises(FormatError, match=message):
        read(data, "a.docx")


def test_damaged_bytes_give_an_error_or_a_document() -> None:
    for good, name in ((epub(), "a.epub"), (docx("<w:p><w:t>x</w:t></w:p>"), "a.docx")):
        for i in range(0, len(good), 7):
            broken = good[:i] + bytes([good[i] ^ 0x55]) + good[i + 1 :]
            with contextlib.suppress(FormatError, UnsupportedError):
                read(broken, name)
