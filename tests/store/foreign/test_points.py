"""Batches for a collection, out of parts of any size."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import abi
from abi.errors import InputError
from abi.store.foreign import read_faiss
from abi.store.foreign._points import joined
from tests.store.foreign.gathered import DATA, IDS, VECTORS


def test_parts_are_joined_and_divided() -> None:
    parts = [(np.arange(n), np.full((n, 1), n, np.float32)) for n in (2, 3, 1, 3)]
    found = list(joined(iter(parts), 3))
    assert [batch["ids"] for batch in found] == [[0, 1, 0], [1, 2, 0], [0, 1, 2]]
    assert found[0]["vectors"].ravel().tolist() == [2, 2, 3]


def test_no_parts_are_no_batches() -> None:
    assert list(joined(iter([]), 3)) == []


@pytest.mark.parametrize("size", [0, -1, 1.5, True])
def test_a_size_that_is_none(size: int) -> None:
    with pytest.raises(InputError, match="size"):
        read_faiss(DATA / "flat-l2.faiss").batches(size)


def test_batches_are_arguments_of_upsert(tmp_path: Path) -> None:
    found = read_faiss(DATA / "idmap.faiss")
    with abi.open(tmp_path / "db") as db:
        made = db.create_collection("c", dim=found.dim, metric=found.metric)
        for batch in found.batches(16):
            made.upsert(**batch)
        assert len(made) == 40
        assert made.search(VECTORS[5], k=1)[0].id == IDS[int(np.argmax(VECTORS @ VECTORS[5]))]
