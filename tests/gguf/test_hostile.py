"""Hostile and cut files: a value or `FormatError`, and nothing large is allocated."""

from __future__ import annotations

import io
import struct
import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from abi.errors import FormatError, InputError
from abi.gguf import read, write
from abi.quant import Tensor


def sample() -> bytes:
    """A small file with every kind of value."""
    out = io.BytesIO()
    metadata = {
        "s": "text", "i": 3, "f": 0.5, "b": True, "words": ["a", "bc"], "flags": [True, False],
        "numbers": np.arange(5, dtype=np.int16), "nested": [[1], [2, 3]],
    }  # fmt: skip
    tensors = [Tensor.from_array("q", np.ones((2, 32)), "Q8_0"), Tensor.from_array("v", np.ones(3))]
    write(out, metadata, tensors)
    return out.getvalue()


SAMPLE = sample()


def head(*parts: bytes, tensors: int = 0, pairs: int = 0) -> bytes:
    return b"GGUF" + struct.pack("<IQQ", 3, tensors, pairs) + b"".join(parts)


def text(value: str) -> bytes:
    return struct.pack("<Q", len(value)) + value.encode()


def pair(key: str, kind: int, value: bytes) -> bytes:
    return text(key) + struct.pack("<I", kind) + value


def info(name: str, dims: tuple[int, ...], kind: int, offset: int) -> bytes:
    return text(name) + struct.pack(f"<I{len(dims)}QIQ", len(dims), *dims, kind, offset)


@pytest.mark.parametrize("size", range(len(SAMPLE) - 20))  # less the last padding
def test_a_file_cut_anywhere_is_refused(size: int) -> None:
    with pytest.raises(FormatError) as caught:
        read(SAMPLE[:size])
    assert caught.value.offset is not None
    assert caught.value.field


@given(st.integers(0, len(SAMPLE) - 1), st.binary(min_size=1, max_size=8))
def test_bytes_overwritten_anywhere_give_a_file_or_format_error(at: int, junk: bytes) -> None:
    raw = bytearray(SAMPLE)
    raw[at : at + len(junk)] = junk
    try:
        file = read(bytes(raw))
    except FormatError:
        return
    assert all(t.data.nbytes == t.n_bytes for t in file.tensors.values())


HUGE = struct.pack("<Q", 2**62)
HOSTILE = {
    "no magic": (b"GGML" + SAMPLE[4:], "starts with b'GGML'"),
    "big endian": (b"GGUF" + struct.pack(">I", 3) + SAMPLE[8:], "big-endian"),
    "version 1": (b"GGUF" + struct.pack("<I", 1) + SAMPLE[8:], "version 1, expected 2 or 3"),
    "many tensors": (head(tensors=2**60), "1152921504606846976 tensors cannot fit"),
    "many pairs": (head(pairs=2**60), "metadata entries cannot fit"),
    "long key": (head(HUGE, b"x" * 64, pairs=1), "bytes of text cannot fit"),
    "empty key": (head(pair("", 0, b"\1"), pairs=1), "a key has 1 to 65535"),
    "key twice": (head(pair("k", 0, b"\1"), pair("k", 0, b"\1"), pairs=2), "there twice"),
    "value type": (head(pair("k", 13, b"\0" * 8), pairs=1), "value type 13"),
    "boolean": (head(pair("k", 7, b"\2"), pairs=1), "a boolean is 0 or 1, got 2"),
    "long array": (
        head(pair("k", 9, struct.pack("<I", 4) + HUGE), b"\0" * 64, pairs=1),
        "elements of type UINT32 cannot fit",
    ),
    "many strings": (
        head(pair("k", 9, struct.pack("<IQ", 8, 9)), b"\0" * 64, pairs=1),
        "9 elements of type STRING cannot fit",
    ),
    "deep array": (
        head(pair("k", 9, struct.pack("<IQ", 9, 1) * 9), b"\0" * 64, pairs=1),
        "nested more than 8 deep",
    ),
    "alignment 0": (head(pair("general.alignment", 4, bytes(4)), pairs=1), "1048576, got 0"),
    "alignment 1 GiB": (
        head(pair("general.alignment", 4, struct.pack("<I", 1 << 30)), pairs=1),
        "power of two up to 1048576, got 1073741824",
    ),
    "alignment text": (head(pair("general.alignment", 8, text("x")), pairs=1), "expected UINT32"),
    "no dims": (head(info("w", (), 0, 0), bytes(64), tensors=1), "1 to 4 dimensions, got 0"),
    "five dims": (head(info("w", (1,) * 5, 0, 0), bytes(64), tensors=1), "dimensions, got 5"),
    "dim 0": (head(info("w", (4, 0), 0, 0), bytes(64), tensors=1), "are empty or overflow"),
    "overflow": (head(info("w", (2**62, 4), 0, 0), bytes(64), tensors=1), "empty or overflow"),
    "type": (head(info("w", (4,), 99, 0), bytes(64), tensors=1), "tensor type 99 is unknown"),
    "half block": (head(info("w", (33,), 8, 0), bytes(99), tensors=1), "Q8_0 block"),
    "many arrays": (
        head(pair("k", 9, struct.pack("<IQ", 9, 100_001)), bytes(1_300_000), pairs=1),
        "more than 100000 arrays in arrays",
    ),
    "offset": (head(info("w", (1,), 0, 4), bytes(99), tensors=1), "data offset 4, expected 0"),
    "overlap": (
        head(info("v", (9,), 0, 0), info("w", (1,), 0, 32), bytes(199), tensors=2),
        "data offset 32, expected 64, where the tensor before it ends",
    ),
    "outside": (head(info("w", (99,), 0, 0), bytes(16), tensors=1), "of a file of"),
    "name twice": (
        head(info("w", (1,), 0, 0) * 2, bytes(99), tensors=2), "the tensor is there twice",
    ),
    "long name": (head(info("w" * 64, (1,), 0, 0), bytes(99), tensors=1), "1 to 63 bytes"),
    "split count": (head(pair("split.count", 5, struct.pack("<i", -1)), pairs=1), "got -1"),
}  # fmt: skip


@pytest.mark.parametrize("case", HOSTILE)
def test_hostile_files_are_refused_with_the_reason(case: str) -> None:
    raw, words = HOSTILE[case]
    tracemalloc.start()
    try:
        with pytest.raises(FormatError, match=words):
            read(raw)
        assert tracemalloc.get_traced_memory()[1] < 1 << 20
    finally:
        tracemalloc.stop()


def test_an_empty_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "empty.gguf"
    path.touch()
    with pytest.raises(FormatError, match=r"empty\.gguf, offset 0, magic: needs 4 bytes, 0 left"):
        read(path)


def test_text_that_is_not_utf8_survives() -> None:
    raw = head(struct.pack("<Q", 1) + b"k" + struct.pack("<IQ", 8, 2) + b"\xff\x41", pairs=1)
    assert read(raw).metadata == {"k": "\udcffA"}


def test_something_that_is_no_file_is_refused() -> None:
    with pytest.raises(InputError, match="expected a path, an open binary file or bytes, got int"):
        read(7)  # type: ignore[arg-type]
