"""Files of static embeddings: a vocabulary, and a vector of two bits a number for each token.

    "abiE" | version u32 | header size u32 | crc32 of what follows u32
    header, JSON in UTF-8
    vocabulary: texts of the tokens in UTF-8 with a line feed between them, deflated
    scales, n_tokens float16
    codes, n_tokens x dim / 4 uint8: four a byte, the lowest bits first

All little endian. The header has "name", "dim", "n_tokens", "vocabulary" (its bytes as stored),
"lowercase", "levels" (four numbers a dimension, what its codes stand for) and "notes" (strings:
origin, licence). Number d of token t is `levels[d][codes[t, d]] * scales[t]`, rounded to a whole
number of magnitude 2047 at most, so that sums are exact and the same everywhere.
"""

from __future__ import annotations

import json
import os
import struct
import zlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from abi._files import replacing
from abi._nesting import check_json
from abi.errors import FormatError, InputError

__all__ = ["LARGEST", "Table", "read_table", "write_table"]

F32 = npt.NDArray[np.float32]

LARGEST = 2047  # thousands of such numbers are summed exactly in float32

_MAGIC, _VERSION, _HEAD = b"abiE", 1, struct.Struct("<4sIII")
_MOST_TOKENS, _MOST_DIM, _MOST_TEXT = 1 << 20, 4096, 1 << 26
_SHIFTS = np.array([0, 2, 4, 6], np.uint8)


@dataclass(frozen=True)
class Table:
    """What a file holds.

    Attributes
    ----------
    name : str
    tokens : list of str
        As WordPiece has them in GGUF: what begins a word has U+2581 before it. The first five
        are [PAD] [UNK] [CLS] [SEP] [MASK].
    lowercase : bool
    levels : (dim, 4) float32
    scales : (n_tokens,) float16
    codes : (n_tokens, dim / 4) uint8
    notes : dict of str
    """

    name: str
    tokens: list[str] = field(repr=False)
    lowercase: bool
    levels: F32 = field(repr=False)
    scales: npt.NDArray[np.float16] = field(repr=False)
    codes: npt.NDArray[np.uint8] = field(repr=False)
    notes: dict[str, str]

    @property
    def dim(self) -> int:
        return int(self.levels.shape[0])

    def rows(self, ids: npt.NDArray[np.int64]) -> F32:
        """Vectors of tokens: whole numbers, `(len(ids), dim) float32`."""
        codes = (self.codes[ids][:, :, None] >> _SHIFTS & 3).reshape(len(ids), self.dim)
        values = self.levels[np.arange(self.dim), codes]
        rows: F32 = np.rint(values * self.scales[ids].astype(np.float32)[:, None])
        return rows


def write_table(target: str | os.PathLike[str], table: Table) -> None:
    """Write a table; the file is replaced when the new one is whole.

    Raises
    ------
    InputError
        If a token holds a line feed, a vector is too long, or parts do not fit together.
    """
    if any("\n" in text for text in table.tokens):
        raise InputError("a token holds a line feed, which ends tokens in the file")
    text = zlib.compress("\n".join(table.tokens).encode("utf-8"), 9)
    header = {
        "name": table.name, "dim": table.dim, "n_tokens": len(table.tokens),
        "vocabulary": len(text), "lowercase": table.lowercase, "levels": table.levels.tolist(),
        "notes": table.notes,
    }  # fmt: skip
    raw = json.dumps(header, ensure_ascii=False, separators=(",", ":")).encode("utf-8")
    scales = table.scales.astype("<f2").tobytes()
    rest = b"".join((raw, text, scales, table.codes.tobytes()))
    whole = _HEAD.pack(_MAGIC, _VERSION, len(raw), zlib.crc32(rest)) + rest
    try:
        parse_table(whole, "the table")
    except FormatError as error:
        raise InputError(str(error)) from None
    with replacing(target) as file:
        file.write(whole)


def read_table(path: str | os.PathLike[str]) -> Table:
    """Read a table.

    Raises
    ------
    FormatError
        If the file is malformed, cut or changed.
    OSError
        If it cannot be read.
    """
    return parse_table(Path(path).read_bytes(), os.fspath(path))


def parse_table(data: bytes, source: str) -> Table:
    """The table that bytes hold; `source` names them in messages."""
    if len(data) < _HEAD.size or data[:4] != _MAGIC:
        raise FormatError(f"not a table: starts with {data[:4]!r}", offset=0, source=source)
    _, version, size, crc = _HEAD.unpack_from(data)
    if version != _VERSION:
        message = f"version {version}, expected {_VERSION}"
        raise FormatError(message, field="version", offset=4, source=source)
    rest = memoryview(data)[_HEAD.size :]
    if zlib.crc32(rest) != crc:
        message = "does not fit what follows; the file is cut or was changed"
        raise FormatError(message, field="crc32", offset=12, source=source)
    header = _header(bytes(rest[:size]), source)
    n, dim, n_text = (_size(header, name, most, source) for name, most in _SIZES)
    want = size + n_text + n * 2 + n * dim // 4
    if dim % 4 or want != len(rest):
        message = f"{len(rest)} bytes after the start, {n} tokens of {dim} numbers need {want}"
        raise FormatError(message, source=source)
    texts = _texts(bytes(rest[size : size + n_text]), n, source)
    at = size + n_text
    scales = np.frombuffer(rest[at : at + 2 * n], "<f2").astype(np.float16)
    codes = np.frombuffer(rest[at + 2 * n :], np.uint8).reshape(n, dim // 4)
    levels = _levels(header, dim, source)
    largest = float(np.abs(scales.astype(np.float64)).max()) * float(np.abs(levels).max())
    if not largest < LARGEST + 0.5:
        message = f"a number of magnitude {largest:g}, expected at most {LARGEST}"
        raise FormatError(message, field="scales", source=source)
    name, notes = header.get("name"), header.get("notes")
    if not isinstance(name, str) or not isinstance(notes, dict):
        raise FormatError("expected a name and notes", field="header", source=source)
    notes = {str(key): str(value) for key, value in notes.items()}
    return Table(name, texts, header.get("lowercase") is True, levels, scales, codes, notes)


_SIZES = (("n_tokens", _MOST_TOKENS), ("dim", _MOST_DIM), ("vocabulary", _MOST_TEXT))


def _header(raw: bytes, source: str) -> dict[str, Any]:
    try:
        check_json(raw)
        header = json.loads(raw.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise FormatError(f"no JSON: {error}", field="header", source=source) from None
    if not isinstance(header, dict):
        raise FormatError("expected an object", field="header", source=source)
    return header


def _size(header: dict[str, Any], name: str, most: int, source: str) -> int:
    value = header.get(name)
    if type(value) is not int or not 1 <= value <= most:
        message = f"expected a whole number from 1 to {most}, got {value!r:.80}"
        raise FormatError(message, field=name, source=source)
    return value


def _texts(raw: bytes, n: int, source: str) -> list[str]:
    inflate = zlib.decompressobj()
    try:
        text = inflate.decompress(raw, _MOST_TEXT).decode("utf-8")
    except (zlib.error, UnicodeDecodeError) as error:
        raise FormatError(str(error), field="vocabulary", source=source) from None
    texts = text.split("\n")
    if not inflate.eof or len(texts) != n:
        message = f"{len(texts)} tokens, expected {n}"
        raise FormatError(message, field="vocabulary", source=source)
    return texts


def _levels(header: dict[str, Any], dim: int, source: str) -> F32:
    try:
        levels = np.array(header.get("levels"), np.float32)
    except (TypeError, ValueError, OverflowError):
        levels = np.empty(0, np.float32)
    if levels.shape != (dim, 4) or not np.isfinite(levels).all():
        message = f"expected four finite numbers for each of {dim} dimensions"
        raise FormatError(message, field="levels", source=source)
    return levels
