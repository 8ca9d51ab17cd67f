"""Documents in zip files, and a small PDF, made by the standard library."""

from __future__ import annotations

import io
import zipfile

__all__ = ["docx", "epub", "pdf", "pdf_of", "zipped"]

CONTAINER = '<container><rootfiles><rootfile full-path="OPS/book.opf"/></rootfiles></container>'
PACKAGE = """<?xml version="1.0"?>
<package xmlns="http://www.idpf.org/2007/opf" xmlns:dc="http://purl.org/dc/elements/1.1/">
<metadata><dc:title>The Book</dc:title><dc:creator>Ann</dc:creator><dc:language>en</dc:language>
</metadata><manifest>
<item id="b" href="b%20b.xhtml" media-type="application/xhtml+xml"/>
<item id="a" href="a.xhtml" media-type="application/xhtml+xml"/>
<item id="c" href="cover.png" media-type="image/png"/></manifest>
<spine><itemref idref="c"/><itemref idref="a"/><itemref idref="b"/><itemref idref="none"/></spine>
</package>"""
CHAPTERS = {
    "OPS/a.xhtml": "<?xml version='1.0'?><html><title/><h1>One</h1><p>First.</p></html>",
    "OPS/b b.xhtml": "<html><h1>Two</h1><p>Second.</p></html>",
}
W = 'xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"'


def zipped(parts: dict[str, str | bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in parts.items():
            archive.writestr(name, data)
    return file.getvalue()


def epub(**changed: str | bytes) -> bytes:
    """An EPUB of two chapters; keywords replace or add parts, with `_` for `/`."""
    parts: dict[str, str | bytes] = {
        "mimetype": "application/epub+zip",
        "META-INF/container.xml": CONTAINER,
        "OPS/book.opf": PACKAGE,
        **CHAPTERS,
    }
    parts |= {name.replace("__", ".").replace("_", "/"): data for name, data in changed.items()}
    return zipped(parts)


def docx(body: str) -> bytes:
    """A DOCX with a body, without styles."""
    text = f"<w:document {W}><w:body>{body}</w:body></w:document>"
    return zipped({"[Content_Types].xml": "<Types/>", "word/document.xml": text})


def pdf(*pages: str) -> bytes:
    """A PDF with lines of text on its pages."""
    kids = " ".join(f"{4 + 2 * i} 0 R" for i in range(len(pages)))
    objects = [
        "<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>",
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for i, page in enumerate(pages):
        lines = "".join(f"({line}) Tj T* " for line in page.split("\n"))
        stream = f"BT /F1 12 Tf 14 TL 72 720 Td {lines}ET"
        objects += [
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * i} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>",
            f"<< /Length {len(stream)} >>\nstream\n{stream}\nendstream",
        ]
    objects.append("<< /Title (The Paper) /Author (Ann) >>")
    return pdf_of([one.encode() for one in objects], f"/Info {len(objects)} 0 R")


def pdf_of(objects: list[bytes], trailer: str = "") -> bytes:
    """A PDF of objects, of which the first is the catalogue."""
    out, places = b"%PDF-1.4\n", []
    for number, one in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, one)
    table = "".join(f"{place:010} 00000 n \n" for place in places)
    head = f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}"
    ends = f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {trailer} >>\n"
    return out + f"{head}{ends}startxref\n{len(out)}\n%%EOF\n".encode()
