"""Repair: what follows from whole data and is damaged, or does not fit them, is made again."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from abi.errors import DamageWarning
from abi.store import Database
from abi.store._derived import is_derived
from abi.store._pack import Pack, PackWriter
from abi.store.files import MemoryFiles
from abi.store.indexes import _choice

N, DIM = 300, 8
WORDS = ["red", "green", "blue", "one", "two", "three"]

Array = npt.NDArray[Any]


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_choice, "_LEAST", 100)


def database() -> MemoryFiles:
    """Points with everything that a segment can have, some of them dead."""
    files = MemoryFiles()
    db = Database(files)
    vectors = {"walk": {"dim": DIM, "index": "hnsw"}, "cells": {"dim": DIM, "index": "ivf"}}
    notes = db.create_collection("a", vectors=vectors)
    data = np.random.default_rng(0).normal(size=(2, N, DIM)).astype(np.float32)
    notes.upsert(
        [i * 37 % 1000 if i % 2 else f"id {i}" for i in range(N)],
        {"walk": data[0], "cells": data[1]},
        [{"n": i % 7, "deep": {"list": [i % 3, "x"]}} if i % 5 else None for i in range(N)],
        [f"{WORDS[i % 6]} {WORDS[i % 5]}" if i % 4 else None for i in range(N)],
    )
    notes.delete(["id 10", "id 20"])
    db.compact()
    db.close()
    return files


def state(files: MemoryFiles) -> dict[Any, Any]:
    db = Database(files, write=False)
    return {
        p.id: (p.payload, p.text, {k: v.tolist() for k, v in (p.vectors or {}).items()})
        for p in db["a"].points(with_vectors=True)
    }


def answers(files: MemoryFiles) -> list[Any]:
    """What searches of every kind find."""
    notes = Database(files, write=False)["a"]
    query = np.ones(DIM, np.float32)
    return [
        [(hit.id, round(hit.score, 5)) for hit in notes.search(query, using=name, **options)]
        for name in ("walk", "cells")
        for options in ({"ef": 300, "nprobe": 99}, {"filter": {"n": {"$gte": 3}}, "exact": True})
    ] + [
        [(hit.id, round(hit.score, 4)) for hit in notes.search(text="green three", k=20)],
        notes.count({"deep.list": "x"}),
    ]


def segment_of(files: MemoryFiles) -> str:
    (name,) = [name for name in files.list() if name.endswith("-segment")]
    return name


def change(files: MemoryFiles, name: str, changes: dict[str, Callable[[Array], Array]]) -> None:
    """Write a pack with other arrays, and the right checksums."""
    old = Pack(memoryview(bytes(files.contents[name])), name)
    arrays = {key: np.array(old.array(key)) for key in old}
    arrays.update({k: make(arrays[k]).astype(arrays[k].dtype) for k, make in changes.items()})
    files.remove(name)
    writer = PackWriter(files.create(name))
    for key, array in arrays.items():
        writer.add(key, array)
    writer.finish(old.meta)


def mended(files: MemoryFiles) -> list[str]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamageWarning)
        db = Database(files)
        done = db.repair()
        assert db.check() == []
        db.close()
    return done


DERIVED = (
    "ids/order", "ids/keys", "column/index", "column/0/int/words", "column/0/int/codes",
    "column/0/int/rows", "column/0/present", "column/2/lists", "column/2/str/offsets",
    "posting/terms", "posting/offsets", "posting/starts", "posting/rows", "posting/counts",
    "posting/lengths", "v0/inverse_norms", "v1/ivf/centroids", "v1/ivf/offsets",
)  # fmt: skip


def test_the_arrays_that_are_damaged_here_are_of_every_kind() -> None:
    files = database()
    pack = Pack(memoryview(bytes(files.contents[segment_of(files)])), "")
    derived = {name for name in pack if is_derived(name)}
    assert derived.issuperset(DERIVED)
    data = {name.partition("/")[0] for name in pack if name not in derived}
    assert data == {"ids", "commit", "payload", "text", "v0", "v1"}


@pytest.mark.parametrize("array", DERIVED)
def test_what_was_derived_is_made_again(array: str) -> None:
    files = database()
    before, found = state(files), answers(files)
    name = segment_of(files)
    pack = Pack(memoryview(bytes(files.contents[name])), name)
    _, _, start, n_bytes, _ = pack._entries[array]
    files.contents[name][start + n_bytes // 2] ^= 0x40
    db = Database(files, write=False)
    (told,) = db.check()
    assert f"{array}: damaged: checksum" in told
    (done,) = mended(files)
    assert done.startswith("collection 'a': ") and done.endswith("; made again from the data")
    assert array in done
    assert state(files) == before
    assert answers(files) == found
    assert name not in files.list()


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"column/0/int/codes": np.flip}, "column 'n': not what the payloads have"),
        ({"column/0/int/words": lambda a: a + 1}, "column 'n': not what the payloads have"),
        ({"posting/rows": np.flip}, "posting: not what the texts have"),
        ({"ids/keys": lambda a: np.sort(a ^ 1)}, "ids: not in order"),
        ({"v0/inverse_norms": lambda a: a * 1.01}, "vector 'walk': norms that are not those"),
        ({"v1/ivf/offsets": np.flip}, "vector 'cells': partitions that cannot be"),
    ],
)
def test_what_does_not_fit_the_data_is_made_again(changes: Any, told: str) -> None:
    files = database()
    before, found = state(files), answers(files)
    name = segment_of(files)
    change(files, name, changes)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamageWarning)
        problems = Database(files, write=False).check()
    assert problems == [f"collection 'a': :memory:/{name}, {told}"] or told in problems[0]
    assert len(mended(files)) == 1
    assert state(files) == before
    assert answers(files) == found


def test_an_index_that_is_of_other_vectors_is_made_again() -> None:
    files = database()
    (name,) = [name for name in files.list() if name.endswith("-index")]
    before = answers(files)
    change(files, name, {"graph/links": np.zeros_like})
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamageWarning)
        problems = Database(files, write=False).check()
    assert [name in problem for problem in problems] == [True]
    (done,) = mended(files)
    assert "made again from the vectors" in done
    assert answers(files) == before


def test_a_damaged_index_is_made_again() -> None:
    files = database()
    (name,) = [name for name in files.list() if name.endswith("-index")]
    files.contents[name][200] ^= 1
    (done,) = mended(files)
    assert f"{name}" in done and "damaged: checksum" in done
    assert name not in files.list()


@pytest.mark.parametrize("array", ["ids/data", "payload/data", "text/data", "v0/data", "v1/rows"])
def test_damaged_data_stay_and_are_said(array: str) -> None:
    files = database()
    name = segment_of(files)
    _, _, start, _, _ = Pack(memoryview(bytes(files.contents[name])), name)._entries[array]
    files.contents[name][start] ^= 1
    before = bytes(files.contents[name])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DamageWarning)
        db = Database(files)
        assert db.repair() == []
        (told,) = db.check()
    assert f"{array}: damaged" in told
    assert bytes(files.contents[name]) == before


def test_what_is_whole_is_left_as_it_is() -> None:
    files = database()
    before = {name: bytes(data) for name, data in files.contents.items()}
    assert mended(files) == []
    assert {name: bytes(data) for name, data in files.contents.items()} == before


def test_damaged_data_that_would_be_merged_do_not_stop_a_repair() -> None:
    files = database()
    db = Database(files)
    other = db.create_collection("b", dim=2)
    for i in range(5):
        other.upsert([i], [[i, 1]])
        db.checkpoint()
    db["a"].delete([p.id for p in db["a"].points() if isinstance(p.id, int)])
    db._engine.closing = True  # nothing is merged meanwhile
    db.checkpoint()
    name = min(name for name in files.list() if name.endswith("-segment") and name.startswith("c1"))
    db.close()
    _, _, start, _, _ = Pack(memoryview(bytes(files.contents[name])), name)._entries["v0/data"]
    files.contents[name][start] ^= 1
    db = Database(files)
    with pytest.warns(DamageWarning, match="v0/data: damaged.*; it is not merged"):
        assert db.repair() == []
    assert db.info()["collections"]["b"]["segments"] < 5  # what is whole was merged
    assert any("v0/data: damaged" in problem for problem in db.check())
    assert name in files.list()
