"""Files of tables: what is written is read, and what is broken is refused by name."""

from __future__ import annotations

import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abi.embedding import Table, read_table, write_table
from abi.embedding._table import parse_table
from abi.errors import FormatError, InputError

TABLE = Table(
    "tiny",
    ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "\u2581é", "日"],
    True,
    np.array([[-2, -1, 1, 2]] * 4, np.float32),
    np.array([0, 0, 0, 0, 0, 1, 2.5], np.float16),
    np.array([[0]] * 5 + [[0b11100100], [0b00011011]], np.uint8),
    {"origin": "by hand"},
)


@pytest.fixture
def raw(tmp_path: Path) -> bytes:
    write_table(tmp_path / "t", TABLE)
    return (tmp_path / "t").read_bytes()


def test_what_is_written_is_read(raw: bytes, tmp_path: Path) -> None:
    got = read_table(tmp_path / "t")
    assert (got.name, got.tokens, got.lowercase, got.notes, got.dim) == (
        "tiny", TABLE.tokens, True, {"origin": "by hand"}, 4,
    )  # fmt: skip
    rows = got.rows(np.array([5, 6, 0]))
    # The lowest bits come first: 0, 1, 2, 3 and 3, 2, 1, 0; 2.5 x 1 is rounded to the even 2.
    assert rows.tolist() == [[-2, -1, 1, 2], [5, 2, -2, -5], [0, 0, 0, 0]]


@given(at=st.integers(0, 1000), value=st.integers(0, 255), cut=st.integers(0, 30))
def test_a_changed_or_cut_file_is_refused(at: int, value: int, cut: int) -> None:
    whole = made()
    changed = bytearray(whole)
    changed[at % len(changed)] = value
    changed = changed[: len(changed) - cut]
    if bytes(changed) != whole:
        with pytest.raises(FormatError):
            parse_table(bytes(changed), "t")


def made(
    header: dict[str, Any] | None = None,
    rest: bytes | None = None,
    raw: bytes | None = None,
    version: int = 1,
) -> bytes:
    """A file whose checksum fits, with other entries in its header or another rest."""
    text = zlib.compress("\n".join(TABLE.tokens).encode())
    values = {
        "name": "tiny", "dim": 4, "n_tokens": 7, "vocabulary": len(text), "lowercase": True,
        "levels": TABLE.levels.tolist(), "notes": {}, **(header or {}),
    }  # fmt: skip
    head = json.dumps(values).encode() if raw is None else raw
    body = text + TABLE.scales.tobytes() + TABLE.codes.tobytes() if rest is None else rest
    crc = zlib.crc32(head + body)
    return struct.pack("<4sIII", b"abiE", version, len(head), crc) + head + body


def test_the_one_made_here_is_a_table() -> None:
    assert parse_table(made(), "t").tokens == TABLE.tokens


BODY = TABLE.scales.tobytes() + TABLE.codes.tobytes()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"abi", "t, offset 0: not a table"),
        (b"GGUF" + bytes(20), "offset 0: not a table: starts with b'GGUF'"),
        (made(version=9), "offset 4, version: version 9, expected 1"),
        (made()[:-1], "offset 12, crc32: does not fit what follows"),
        (made(raw=b"[]"), "header: expected an object"),
        (made(raw=b"\xff"), "header: no JSON"),
        (made(raw=b"[" * 100_000), "header: no JSON"),
        (made({"dim": 0}), "dim: expected a whole number from 1 to 4096, got 0"),
        (made({"dim": True}), "dim: expected a whole number"),
        (made({"n_tokens": 1 << 40}), "n_tokens: expected a whole number from 1 to 1048576"),
        (made({"n_tokens": 8}), "8 tokens of 4 numbers need"),
        (made({"dim": 6}), "tokens of 6 numbers need"),
        (made({"levels": [[1, 2, 3]] * 4}), "levels: expected four finite numbers for each of 4"),
        (made({"levels": [[1, 2, 3, 1e999]] * 4}), "levels: expected four finite numbers"),
        (made({"levels": "a"}), "levels: expected four finite numbers"),
        (made({"levels": [[4000] * 4] * 4}), "scales: a number of magnitude 10000, expected at"),
        (made({"name": 3}), "header: expected a name and notes"),
        (made({"vocabulary": 3}, b"abc" + BODY), "vocabulary: "),
        (made({"vocabulary": 9}, zlib.compress(b"a") + BODY), "vocabulary: 1 tokens, expected 7"),
    ],
)
def test_what_a_file_must_not_hold(data: bytes, words: str) -> None:
    with pytest.raises(FormatError, match=words):
        parse_table(data, "t")


def test_a_vocabulary_that_swells_is_not_unpacked() -> None:
    bomb = zlib.compress(bytes(200 << 20), 9)
    with pytest.raises(FormatError, match="vocabulary: 1 tokens, expected 7"):
        parse_table(made({"vocabulary": len(bomb)}, bomb + BODY), "t")


def test_scales_that_are_no_numbers_are_refused() -> None:
    for value in (np.nan, np.inf):
        scales = np.full(7, value, np.float16).tobytes()
        text = zlib.compress("\n".join(TABLE.tokens).encode())
        with pytest.raises(FormatError, match="scales: a number of magnitude"):
            parse_table(made(rest=text + scales + TABLE.codes.tobytes()), "t")


def test_what_cannot_be_written_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a token holds a line feed"):
        write_table(tmp_path / "t", replace(TABLE, tokens=["a\nb"]))
    with pytest.raises(InputError, match="8 tokens of 4 numbers need"):
        write_table(tmp_path / "t", replace(TABLE, tokens=[*TABLE.tokens, "x"]))
    assert not (tmp_path / "t").exists()
