"""Indexes that faiss has written; `tests/data/foreign/make.py` made them."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abi.errors import FormatError, InputError, UnsupportedError
from abi.store.foreign import read_faiss
from abi.store.foreign._faiss import faiss_points
from tests.store.foreign.gathered import BITS, DATA, IDS, VECTORS, gathered, same_vectors

ROWS = list(range(40))

KINDS = [
    ("flat-l2", "l2", ROWS),
    ("flat-ip", "ip", ROWS),
    ("idmap", "ip", IDS),
    ("idmap2", "l2", IDS),
    ("hnsw", "l2", ROWS),
    ("idmap-hnsw", "l2", IDS),
    ("ivf", "l2", IDS),
    ("ivf-hashtable", "l2", IDS),
    ("ivf-ivf", "l2", ROWS),
    ("ivf-sparse", "l2", IDS[:12]),
    ("idmap-ivf", "l2", IDS),
    ("binary", "hamming", ROWS),
    ("binary-idmap", "hamming", IDS),
    ("binary-idmap2", "hamming", IDS),
    ("binary-hnsw", "hamming", ROWS),
    ("binary-ivf", "hamming", IDS),
]


@pytest.mark.parametrize(("name", "metric", "ids"), KINDS)
def test_ids_and_vectors_of_every_kind(name: str, metric: str, ids: list[int]) -> None:
    found = read_faiss(DATA / f"{name}.faiss")
    binary = metric == "hamming"
    assert (found.dim, found.metric, found.n) == (64 if binary else 8, metric, len(ids))
    same_vectors(found, ids, (BITS if binary else VECTORS)[: len(ids)])


def test_the_files_of_lists_have_both_kinds_of_sizes() -> None:
    assert b"full" in (DATA / "ivf.faiss").read_bytes()
    assert b"sprs" in (DATA / "ivf-sparse.faiss").read_bytes()


def test_vectors_that_faiss_made_of_length_1_are_for_cosine() -> None:
    found = read_faiss(DATA / "normalised.faiss")
    vectors = np.array([vector for vector, _, _ in gathered(found).values()])
    assert found.metric == "cosine"
    lengths = np.linalg.norm(VECTORS, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, VECTORS / lengths, atol=1e-6)


def test_an_index_without_vectors_is_empty() -> None:
    found = read_faiss(str(DATA / "flat-empty.faiss"))
    assert (found.dim, found.n, list(found.batches(5))) == (8, 0, [])


@pytest.mark.parametrize(
    ("name", "what", "cure"),
    [
        ("ivfpq", "an IndexIVFPQ holds codes", "reconstruct_n"),
        ("pq", "an IndexPQ holds codes", "import the .npy"),
        ("sq8", "an IndexScalarQuantizer holds codes", "reconstruct_n"),
        ("hnswsq", "an IndexHNSWSQ holds codes", "reconstruct_n"),
        ("rotated", "an IndexPreTransform holds transformed", "reconstruct_n"),
        ("refine", "an IndexRefine holds two", "index.refine_index"),
        ("dedup", "an IndexIVFFlatDedup", "reconstruct_n"),
        ("flat-l1", "METRIC_L1", "reconstruct_n"),
    ],
)
def test_what_holds_no_vectors_is_named_with_the_cure(name: str, what: str, cure: str) -> None:
    with pytest.raises(UnsupportedError, match=what) as caught:
        read_faiss(DATA / f"{name}.faiss")
    assert cure in str(caught.value) and f"{name}.faiss" in str(caught.value)


def test_a_kind_that_is_not_known_is_said_so() -> None:
    with pytest.raises(UnsupportedError, match="'IxZZ', not known here"):
        points(b"IxZZ" + bytes(100))


def test_other_files_are_no_indexes() -> None:
    with pytest.raises(FormatError, match="names no index") as caught:
        points(b"\x93NUMPY" + bytes(100))
    assert (caught.value.offset, caught.value.field) == (0, "kind")


def test_a_negative_id_is_refused() -> None:
    with pytest.raises(InputError, match="id -1; expected 0 or more"):
        read_faiss(DATA / "idmap-negative.faiss")


def test_an_id_that_is_there_twice_is_refused() -> None:
    with pytest.raises(InputError, match="id 0 is there twice"):
        read_faiss(DATA / "idmap-twice.faiss")


def test_a_missing_file_is_an_os_error(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_faiss(tmp_path / "none")


def points(data: bytes) -> Any:
    return gathered(faiss_points(memoryview(data), "f"))


def header(n: int, dim: int = 2, metric: int = 1) -> bytes:
    return struct.pack("<iqqqBi", dim, n, 0, 0, 1, metric)


def flat(n: int) -> bytes:
    return b"IxF2" + header(n) + struct.pack("<Q", 2 * n) + np.arange(2 * n, dtype="<f4").tobytes()


def test_a_flat_index_by_hand() -> None:
    found = points(flat(2))
    assert [found[0][0].tolist(), found[1][0].tolist()] == [[0, 1], [2, 3]]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (flat(2)[:-1], "codes"),
        (flat(2) + b"x", "end"),
        (b"IxF2" + header(3) + struct.pack("<Q", 2) + bytes(8), "codes"),
        (b"IxF2" + header(1 << 62) + struct.pack("<Q", 1 << 63), "codes"),
        (b"IxF2" + header(-1) + struct.pack("<Q", 0), "header"),
        (b"IxF2" + header(0, dim=0) + struct.pack("<Q", 0), "header"),
        (b"IxF2" + header(0, metric=-7) + struct.pack("<Q", 0), "metric_type"),
        (b"IxMp" + header(2) + flat(2) + struct.pack("<Qq", 1, 5), "id_map"),
        (b"IxMp" + header(2) + flat(2) + struct.pack("<Q", 1 << 61), "id_map"),
        (b"IxMp" + header(3) + flat(2) + struct.pack("<Q3q", 3, 5, 6, 7), "header"),
        (b"IxMp" + header(2) + (DATA / "binary.faiss").read_bytes(), "header"),
        ((b"IxPT" + header(0) + bytes(4)) * 20, "kind"),
        (b"IxPT" + header(0) + struct.pack("<i", 1 << 30), "chain"),
        (b"IBxF" + struct.pack("<iiqBi", 12, 1, 0, 1, 1) + bytes(8), "d"),
    ],
)
def test_lengths_that_cannot_be(data: bytes, field: str) -> None:
    with pytest.raises(FormatError) as caught:
        points(data)
    assert caught.value.field == field
    assert caught.value.source == "f" and caught.value.offset is not None


def inverted(lists: bytes, n: int, nlist: int = 2) -> bytes:
    start = b"IwFl" + header(n) + struct.pack("<QQ", nlist, 1) + flat(2) + bytes(9)
    return start + lists


def test_lists_by_hand() -> None:
    row = struct.pack("<2fq", 1, 2, 9)
    start = b"ilar" + struct.pack("<QQ", 2, 8)
    full = start + b"full" + struct.pack("<3Q", 2, 0, 1) + row
    sparse = start + b"sprs" + struct.pack("<3Q", 2, 1, 1) + row
    for one in (full, sparse):
        assert points(inverted(one, 1))[9][0].tolist() == [1, 2]
    assert points(inverted(b"il00", 0)) == {}


@pytest.mark.parametrize(
    ("lists", "n"),
    [
        (b"ilar" + struct.pack("<QQ", 3, 8), 0),
        (b"ilar" + struct.pack("<QQ", 2, 9), 0),
        (b"ilar" + struct.pack("<QQ", 2, 8) + b"full" + struct.pack("<2Q", 1, 0), 0),
        (b"ilar" + struct.pack("<QQ", 2, 8) + b"full" + struct.pack("<3Q", 2, 0, 1), 1),
        (b"ilar" + struct.pack("<QQ", 2, 8) + b"full" + struct.pack("<3Q", 2, 1 << 63, 1 << 63), 0),
        (b"ilar" + struct.pack("<QQ", 2, 8) + b"sprs" + struct.pack("<3Q", 2, 2, 0), 0),
        (b"ilar" + struct.pack("<QQ", 2, 8) + b"sprs" + struct.pack("<5Q", 4, 1, 0, 1, 0), 0),
        (b"ilar" + struct.pack("<QQ", 2, 8) + b"what" + struct.pack("<3Q", 2, 0, 0), 0),
        (b"list", 0),
    ],
)
def test_lists_that_cannot_be(lists: bytes, n: int) -> None:
    with pytest.raises(FormatError):
        points(inverted(lists, n))


@pytest.mark.parametrize(("code", "what"), [(b"ilod", "another file"), (b"ilpn", "'ilpn'")])
def test_lists_of_other_kinds_are_named(code: bytes, what: str) -> None:
    with pytest.raises(UnsupportedError, match=what):
        points(inverted(code, 1))
