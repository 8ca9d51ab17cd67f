"""Parts of a zip file, with limits on what they may grow to, and XML without entities."""

from __future__ import annotations

import io
import zipfile
import zlib
from collections.abc import Callable
from typing import Any
from xml.parsers import expat

from abi.errors import FormatError, UnsupportedError

__all__ = ["Archive", "parse_xml"]

_MOST_PARTS = 20_000
_MOST_BYTES = 256 << 20  # of all parts that are read
_ALWAYS = 1 << 20  # bytes that a part may have whatever its ratio is
_RATIO = 200  # of what comes out to what went in; markup has 5 to 20
_DEEPEST_XML = 2000
_CODES = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


class Archive:
    """A zip file in memory, whose parts are read one at a time.

    Raises
    ------
    FormatError
        If it is no zip file, or has more parts than any document.
    """

    def __init__(self, data: bytes, name: str) -> None:
        self.name, self.left = name, _MOST_BYTES
        if not data.startswith(b"PK"):
            raise FormatError(f"begins with {data[:4]!r}, expected a zip file (b'PK')", source=name)
        if data.count(b"PK\x01\x02") > _MOST_PARTS:
            raise FormatError(f"a zip file of more than {_MOST_PARTS} parts", source=name)
        try:
            self._zip = zipfile.ZipFile(io.BytesIO(data))
            self._parts = {info.filename: info for info in self._zip.infolist()}
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError, EOFError) as error:
            raise FormatError(f"a broken zip file: {error}", source=name) from error
        except Exception as error:  # struct.error, KeyError: what the module lets through
            raise FormatError(f"a broken zip file: {error!r}", source=name) from error

    def __contains__(self, part: str) -> bool:
        return part in self._parts

    def read(self, part: str) -> bytes:
        """A part's bytes.

        Raises
        ------
        FormatError
            If it is missing, broken, or expands to more than any document does.
        UnsupportedError
            If it is encrypted, or compressed otherwise than by deflate.
        """
        info = self._parts.get(part)
        if info is None:
            raise FormatError("missing from the zip file", field=part, source=self.name)
        if info.flag_bits & 1 or info.compress_type not in _CODES:
            what = "encrypted" if info.flag_bits & 1 else f"compressed by {info.compress_type}"
            raise UnsupportedError(f"{self.name}: {part} is {what}; save it anew without that")
        limit = min(self.left, max(_ALWAYS, _RATIO * info.compress_size))
        try:
            with self._zip.open(info) as file:
                data = file.read(limit + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError) as error:
            raise FormatError(f"broken: {error}", field=part, source=self.name) from error
        except Exception as error:  # struct.error and the like
            raise FormatError(f"broken: {error!r}", field=part, source=self.name) from error
        if len(data) > limit:
            raise FormatError(
                f"expands from {info.compress_size} to more than {limit} bytes: no document does",
                field=part,
                source=self.name,
            )
        self.left -= len(data)
        return data


def parse_xml(
    data: bytes,
    name: str,
    part: str,
    *,
    start: Callable[[str, dict[str, str]], Any],
    end: Callable[[str], Any],
    text: Callable[[str], Any],
) -> None:
    """Hand the elements of XML to functions; names are without their namespace.

    Raises
    ------
    FormatError
        If it is malformed, declares entities, or nests as deep as no document does.
    """
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    handlers = _Handlers(start, end, name, part)
    parser.StartElementHandler = handlers.start
    parser.EndElementHandler = handlers.end
    parser.CharacterDataHandler = text
    parser.EntityDeclHandler = handlers.entity
    try:
        parser.Parse(data, True)
    except FormatError:
        raise
    except (expat.ExpatError, ValueError, LookupError) as error:
        raise FormatError(f"malformed XML: {error}", field=part, source=name) from error


class _Handlers:
    """Call functions at tags, within a limit of depth, and refuse entities."""

    def __init__(
        self,
        start: Callable[[str, dict[str, str]], Any],
        end: Callable[[str], Any],
        name: str,
        part: str,
    ) -> None:
        self._start, self._end, self._name, self._part = start, end, name, part
        self._depth = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > _DEEPEST_XML:
            raise self._error(f"XML nested deeper than {_DEEPEST_XML} elements")
        self._start(_local(tag), {_local(key): value for key, value in attributes.items()})

    def end(self, tag: str) -> None:
        self._depth -= 1
        self._end(_local(tag))

    def entity(self, *_: Any) -> None:
        raise self._error("declares entities, which are refused: they can expand without end")

    def _error(self, message: str) -> FormatError:
        return FormatError(message, field=self._part, source=self._name)


def _local(name: str) -> str:
    return name.rpartition(" ")[2]
