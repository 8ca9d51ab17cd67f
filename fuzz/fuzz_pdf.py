"""Fuzz PDF, through pypdf.

The first byte says what the rest is: a whole file, or parts that zero bytes divide of a file whose
table of objects is sound. In those, the first byte also says how many pages there are, how streams
are packed and which of the objects are streams. Invariant: any bytes give a document or one of
abi's errors, within `SECONDS` and what `-rss_limit_mb` allows; nothing is left changed in pypdf.
"""

import contextlib
import sys
import time
import zlib

import atheris

with atheris.instrument_imports(include=["abi.documents", "pypdf"]):
    import pypdf

    from abi.documents import _pdf, read
    from abi.errors import AbiError

SECONDS = 20
_pdf._PAGE_SECONDS = _pdf._MOST_SECONDS = 5.0
CONFIGURATION = pypdf.get_configuration()
FIXED = (
    b"<< /Type /Catalog /Pages 2 0 R >>",
    b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica /ToUnicode 6 0 R >>",
    b"/Type /Page /Parent 2 0 R /Contents [5 0 R 7 0 R] /Resources 8 0 R",
)
RESOURCES = b"<< /Font << /F1 3 0 R /F2 9 0 R >> /XObject << /X1 7 0 R /X2 10 0 R >> >>"


def one_input(data: bytes) -> None:
    if len(data) < 2:
        return
    choice, rest = data[0], data[1:]
    start = time.monotonic()
    with contextlib.suppress(AbiError):
        read(built(choice, rest.split(b"\0")) if choice % 4 else b"%PDF-1.7\n" + rest, "a.pdf")
    assert time.monotonic() - start < SECONDS
    assert pypdf.get_configuration() is CONFIGURATION


def built(choice: int, parts: list[bytes]) -> bytes:
    """A file of content (5), a font's table (6), a form (7), resources (8) and what else comes."""
    catalog, font, page = FIXED
    content, table, form, resources, *others = [*parts, *[b""] * 4][: max(4, len(parts))]
    pages = 1 + choice // 4 % 4
    kids = b"<< /Type /Pages /Kids [%s] /Count %d >>" % (b"4 0 R " * pages, pages)
    packed = choice & 16 > 0
    objects = [catalog, kids, font, b"<< %s >>" % page, stream(content, b"", packed)]
    objects.append(stream(table, b"", packed))
    objects.append(stream(form, b"/Subtype /Form /Resources 8 0 R", packed))
    objects.append(resources or RESOURCES)
    streams = choice & 32 > 0
    objects += [stream(one, b"/Subtype /Form", packed) if streams else one for one in others]
    return filed(objects)


def stream(data: bytes, more: bytes, packed: bool) -> bytes:
    if packed:
        data, more = zlib.compress(data), more + b" /Filter /FlateDecode"
    return b"<< /Length %d %s >>\nstream\n%s\nendstream" % (len(data), more, data)


def filed(objects: list[bytes]) -> bytes:
    """Objects with a table that says where they are."""
    out, places = b"%PDF-1.7\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    head = b"xref\n0 %d\n0000000000 65535 f \n%s" % (len(objects) + 1, table)
    trailer = b"trailer\n<< /Size %d /Root 1 0 R >>\n" % (len(objects) + 1)
    return out + head + trailer + b"startxref\n%d\n%%%%EOF\n" % len(out)


if __name__ == "__main__":
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()
