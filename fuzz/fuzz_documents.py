"""Fuzz the readers of documents, and the chunks of what they give.

The first byte chooses the ending, and so the reader; after it, an even second byte of EPUB and DOCX
gives the rest as parts of a zip file that is sound. Invariant: any bytes give a document or one of
abi's errors; every character but spaces of a document is in its chunks, in order, whose sizes are
within the limit.
"""

import contextlib
import io
import sys
import zipfile

import atheris

with atheris.instrument_imports(include=["abi.documents"]):
    from abi.documents import (
        Chunk,
        Document,
        _docx,
        _epub,
        _html,
        _json,
        _markdown,
        _notebook,
        _plain,
        _rst,
        _source,
        _table,
        chunks,
        read,
    )
    from abi.documents._pieces import estimate
    from abi.errors import AbiError

ENDINGS = (".md", ".html", ".rst", ".py", ".c", ".csv", ".json", ".jsonl", ".ipynb", ".txt",
           ".epub", ".docx")  # fmt: skip
PARTS = {
    ".epub": ("META-INF/container.xml", "OPS/book.opf", "OPS/a.xhtml", "META-INF/encryption.xml"),
    ".docx": ("word/document.xml", "word/styles.xml", "docProps/core.xml", "word/footnotes.xml"),
}
SIZE = 24
READERS = (_docx, _epub, _html, _json, _markdown, _notebook, _plain, _rst, _source, _table)


def one_input(data: bytes) -> None:
    if len(data) < 2:
        return
    ending, rest = ENDINGS[data[0] % len(ENDINGS)], data[1:]
    if ending in PARTS and rest[0] % 2 == 0:
        rest = zipped(ending, rest[1:])
    with contextlib.suppress(AbiError):
        check(read(rest, f"a{ending}"))


def zipped(ending: str, data: bytes) -> bytes:
    """Parts that zeros divide, in a sound zip file."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        for name, part in zip(PARTS[ending], data.split(b"\0"), strict=False):
            archive.writestr(name, part)
    return file.getvalue()


def check(document: Document) -> None:
    found = chunks(document, SIZE, 0)
    whole = "".join(bare(block.text) for block in document.blocks)
    assert "".join(bare(chunk.text) for chunk in found) == whole
    for chunk in [*found, *chunks(document, SIZE, 8)]:
        assert_sound(chunk)


def assert_sound(chunk: Chunk) -> None:
    assert estimate(chunk.text) <= SIZE
    assert (chunk.line is None) == (chunk.end_line is None)


def bare(text: str) -> str:
    return "".join(text.split())


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
