"""Which reader reads, files that are refused, and any bytes under any name."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.documents import Document, chunks, formats, is_text, read, read_file
from abi.errors import AbiError, FormatError, InputError

from .files import docx, epub, pdf

ENDINGS = sorted(ending for endings in formats().values() for ending in endings)
KINDS = {"heading", "paragraph", "code", "list", "table", "quote"}


def test_every_ending_has_one_reader() -> None:
    assert len(ENDINGS) == len(set(ENDINGS))
    assert all(ending.startswith(".") and ending.islower() for ending in ENDINGS)


@pytest.mark.parametrize(
    ("name", "data", "expected"),
    [
        ("A.MD", b"# x", "markdown"), ("README", b"# x", "text"), ("a.unknown", b"x", "text"),
        ("page", b"\n<!DOCTYPE html><p>x", "html"), ("dir.md/file", b"# x", "text"),
        ("a.tsv", b"a\tb", "csv"), ("a.yml", b"a: 1", "source"), ("paper", pdf("x"), "pdf"),
    ],
)  # fmt: skip
def test_the_ending_then_the_content_says_the_format(name: str, data: bytes, expected: str) -> None:
    assert read(data, name).meta["format"] == expected


def test_a_binary_file_of_an_unknown_ending_is_refused() -> None:
    with pytest.raises(FormatError, match=r"a\.out: binary data"):
        read(b"\x7fELF\0\0\0\0", "a.out")


def test_read_file(tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text("# Title\n")
    os.symlink(tmp_path / "a.md", tmp_path / "link.md")
    assert read_file(tmp_path / "link.md").title == "Title"
    assert read_file(str(tmp_path / "a.md"), limit=8).title == "Title"
    with pytest.raises(InputError, match=r"a\.md: 8 bytes, at most 7 are read; pass a larger"):
        read_file(tmp_path / "a.md", limit=7)


def test_a_sparse_file_of_5_gb_is_refused_at_once(tmp_path: Path) -> None:
    with open(tmp_path / "a.txt", "wb") as file:
        file.truncate(5 << 30)
    start = time.monotonic()
    with pytest.raises(InputError, match="5368709120 bytes, at most 67108864"):
        read_file(tmp_path / "a.txt")
    assert time.monotonic() - start < 1


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.txt")
    os.symlink(tmp_path / "loop.txt", tmp_path / "loop.txt")
    for name, message in (
        ("pipe.txt", "a pipe, device or the like; expected a regular file"),
        ("", "a folder; expected a regular file"),
        ("loop.txt", "cannot be read: "),
        ("none.txt", "cannot be read: No such file"),
        ("a\0b.txt", "cannot be read: .*embedded null"),
    ):
        with pytest.raises(InputError, match=message):
            read_file(f"{tmp_path}/{name}")
    with pytest.raises(InputError, match="a pipe, device or the like"):
        read_file("/dev/zero")


def sound(document: Document) -> None:
    """What holds of every document that a reader gives."""
    json.dumps(document.meta, allow_nan=False)
    assert document.meta["format"] in formats()
    for one in document.blocks:
        assert one.kind in KINDS
        assert one.text.strip()
        one.text.encode()
        assert (one.level >= 1) == (one.kind == "heading")
        assert one.line is None or one.line >= 1
        assert not one.lines or len(one.lines) == one.text.count("\n") + 1
        assert list(one.lines) == sorted(one.lines)
    chunks(document, size=20, overlap=5)


def check(data: bytes, name: str) -> None:
    """A document, or an error that names the file."""
    found: Document | str
    try:
        found = read(data, name)
    except AbiError as error:
        found = str(error)
    if isinstance(found, str):
        assert name in found
    else:
        sound(found)


MARKS = [
    *"#*_`[]()<>!-+=|:~\\&;'\"{},.\n\n\n\n  \t\r0aé漢", "```", "<p>", "<ul><li>", "</",
    "<table><tr><td>", ".. x::", "::\n\n ", "---\n", '{"a":', "def f():\n ",
]  # fmt: skip
SAMPLES = {".epub": epub(), ".docx": docx("<w:p><w:t>x</w:t></w:p>"), ".pdf": pdf("Hello")}


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(ENDINGS), st.binary(max_size=300))
def test_any_bytes_give_a_document_or_an_error(ending: str, data: bytes) -> None:
    check(data, f"a{ending}")


@settings(max_examples=600, deadline=None)
@given(
    st.sampled_from([".md", ".html", ".rst", ".py", ".c", ".csv", ".json", ".jsonl", ".txt"]),
    st.lists(st.sampled_from(MARKS), max_size=60).map("".join),
)
def test_any_markup_gives_a_document(ending: str, text: str) -> None:
    data = text.encode()
    if is_text(data):
        sound(read(data, f"a{ending}"))


@settings(max_examples=150, deadline=None)
@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_damaged_files_give_a_document_or_an_error(ending: str, data: st.DataObject) -> None:
    good = bytearray(SAMPLES[ending])
    places = st.tuples(st.integers(0, len(good) - 1), st.integers(0, 255))
    for place, value in data.draw(st.lists(places, max_size=5)):
        good[place] = value
    check(bytes(good[: data.draw(st.integers(0, len(good)))]), f"a{ending}")
