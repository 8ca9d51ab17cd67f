"""Documents: files of many formats read into text with structure and positions, and chunked.

    document = read_file("guide.md")
    for chunk in chunks(document, size=256):
        print(chunk.line, chunk.headings, chunk.text)

Plain text, Markdown, HTML, reStructuredText, source code, CSV, JSON, notebooks, EPUB and DOCX need
nothing but the standard library; PDF needs the extra `docs`. A reader gives a document or one of
abi's errors, whatever the bytes; it executes nothing, opens nothing else, and its time and memory
follow the size of the file.
"""

from abi.documents._chunks import Chunk, chunks
from abi.documents._document import Block, Document
from abi.documents._encoding import is_text
from abi.documents._read import formats, read, read_bytes, read_file
from abi.documents._runs import Run, line_at, run_at
from abi.documents._sentences import sentences

__all__ = [
    "VERSION",
    "Block",
    "Chunk",
    "Document",
    "Run",
    "chunks",
    "formats",
    "is_text",
    "line_at",
    "read",
    "read_bytes",
    "read_file",
    "run_at",
    "sentences",
]

VERSION = 2  # of what readers and chunking give; what was indexed by others is read anew
