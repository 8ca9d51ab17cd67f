"""Indexes that hnswlib has saved; `tests/data/foreign/make.py` made them."""

from __future__ import annotations

import struct

import numpy as np
import pytest

from abi.errors import FormatError, InputError
from abi.store.foreign import read_hnswlib
from abi.store.foreign._hnswlib import hnswlib_points
from tests.store.foreign.gathered import DATA, IDS, VECTORS, gathered, same_vectors

L2 = (DATA / "l2.hnswlib").read_bytes()


def test_what_was_marked_as_deleted_is_left_out() -> None:
    found = read_hnswlib(DATA / "l2.hnswlib", 8)
    rows = [i for i in range(40) if i not in (3, 39)]
    assert (found.dim, found.metric, found.n) == (8, None, 38)
    same_vectors(found, [IDS[i] for i in rows], VECTORS[rows])


def test_vectors_of_cosine_have_length_1() -> None:
    found = gathered(read_hnswlib(DATA / "cosine.hnswlib", 8))
    assert list(found) == IDS
    vectors = np.array([vector for vector, _, _ in found.values()])
    lengths = np.linalg.norm(VECTORS, axis=1, keepdims=True)
    np.testing.assert_allclose(vectors, VECTORS / lengths, atol=1e-6)


@pytest.mark.parametrize("dim", [7, 9, 16, 1 << 40])
def test_another_dim_is_said(dim: int) -> None:
    with pytest.raises(InputError, match="vectors of 8 components; got dim"):
        read_hnswlib(DATA / "l2.hnswlib", dim)


@pytest.mark.parametrize("dim", [0, -8, 8.0, None])
def test_a_dim_that_is_none(dim: int) -> None:
    with pytest.raises(InputError, match="dim"):
        read_hnswlib(DATA / "l2.hnswlib", dim)


def changed(layout: str, offset: int, value: int) -> memoryview:
    data = bytearray(L2)
    struct.pack_into(layout, data, offset, value)
    return memoryview(data)


@pytest.mark.parametrize(
    ("offset", "value"),
    [(0, 8), (8, 1), (16, 51), (24, 1 << 63), (32, 12), (40, 0), (64, 1 << 62), (16, 41), (24, 0)],
)
def test_headers_that_cannot_be(offset: int, value: int) -> None:
    with pytest.raises(FormatError):
        hnswlib_points(changed("<Q", offset, value), "f", 8)


@pytest.mark.parametrize("data", [b"", L2[:95], L2[:96], L2[:-1], L2 + b"x"])
def test_cut_files(data: bytes) -> None:
    with pytest.raises(FormatError):
        hnswlib_points(memoryview(data), "f", 8)


def test_links_that_cannot_be() -> None:
    size = struct.unpack_from("<Q", L2, 24)[0]
    for value in (1, 1 << 31):
        with pytest.raises(FormatError, match="links") as caught:
            hnswlib_points(changed("<I", 96 + 40 * size, value), "f", 8)
        assert caught.value.offset == 96 + 40 * size


def test_a_label_that_is_there_twice() -> None:
    size, label = struct.unpack_from("<QQ", L2, 24)
    first = struct.unpack_from("<Q", L2, 96 + label)[0]
    with pytest.raises(FormatError, match=f"label {first} is there twice"):
        hnswlib_points(changed("<Q", 96 + size + label, first), "f", 8)


def test_labels_are_unsigned() -> None:
    label = struct.unpack_from("<Q", L2, 32)[0]
    found = hnswlib_points(changed("<Q", 96 + label, (1 << 64) - 1), "f", 8)
    assert (1 << 64) - 1 in gathered(found)
