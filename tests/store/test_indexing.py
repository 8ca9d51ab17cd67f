"""Indexes of segments: made beside other work, saved, and made again where they are damaged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abi.errors import DamageWarning
from abi.kernels import select
from abi.store import Database, _indexing
from abi.store.files import MemoryFiles

N, DIM = 600, 8


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_indexing, "_LEAST", 100)
    monkeypatch.setattr(_indexing, "_STEP", 256)


def points(seed: int = 0, n: int = N) -> Any:
    return np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)


def database(index: str = "hnsw", metric: str = "cosine") -> Database:
    db = Database(MemoryFiles())
    notes = db.create_collection("a", dim=DIM, index=index, metric=metric)
    notes.upsert(list(range(N)), points(), [{"n": i % 10} for i in range(N)])
    return db


def indexes(db: Database) -> list[str]:
    return [name for name in db._engine.files.list() if name.endswith("-index")]


def ids(hits: Any) -> list[Any]:
    return [hit.id for hit in hits]


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_a_graph_finds_what_comparing_everything_finds(metric: str) -> None:
    db = database(metric=metric)
    db.compact()
    assert len(indexes(db)) == 1
    queries = points(1, 50)
    exact = db["a"].search_batch(queries, 10, exact=True)
    found = db["a"].search_batch(queries, 10, ef=100)
    same = [len({*ids(a)} & {*ids(b)}) for a, b in zip(exact, found, strict=True)]
    assert np.mean(same) > 9.7
    for a, b in zip(exact, found, strict=True):
        assert b[0].score == pytest.approx(a[0].score, abs=1e-5)


def test_it_is_there_again_after_closing() -> None:
    db = database()
    db.compact()
    before = ids(db["a"].search(points(1)[0], 10))
    db.close()
    again = Database(db._engine.files)
    (live,) = again._engine.collections.named("a").segments  # type: ignore[union-attr]
    assert ids(again["a"].search(points(1)[0], 10)) == before
    assert live.segment._opened.keys() == {""}
    assert again.check() == []


def test_what_was_deleted_is_not_found_and_filters_hold() -> None:
    db = database()
    db.compact()
    gone = list(range(0, N, 2))
    db["a"].delete(gone)
    hits = db["a"].search(points(1)[0], 400)
    assert len(hits) == N // 2
    assert not {*ids(hits)} & {*gone}
    for least in (0, 5, 9):
        found = db["a"].search(points(1)[0], 400, filter={"n": {"$gte": least}})
        assert len(found) == sum(i % 10 >= least for i in range(1, N, 2))


def test_small_segments_and_flat_ones_have_none() -> None:
    for index, n in (("flat", N), ("auto", N)):
        db = database(index=index)
        db.compact()
        assert indexes(db) == [], n


def test_auto_makes_one_where_it_pays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_indexing, "_PAYS", N * DIM)
    db = database(index="auto")
    db.compact()
    assert len(indexes(db)) == 1


def test_a_damaged_index_is_said_and_made_again() -> None:
    db = database()
    db.compact()
    files: Any = db._engine.files
    db.close()
    (name,) = indexes(db)
    files.contents[name][1000] ^= 1
    assert [name in problem for problem in Database(files, write=False).check()] == [True]
    again = Database(files)
    exact = ids(again["a"].search(points(1)[0], 10, exact=True))
    with pytest.warns(DamageWarning, match=rf"index: .*{name}.* damaged.*; it is made again from"):
        assert ids(again["a"].search(points(1)[0], 10)) == exact
    again.compact()
    assert again.check() == []
    (new,) = indexes(again)
    assert new != name


def test_a_missing_index_is_said_and_made_again() -> None:
    db = database()
    db.compact()
    files: Any = db._engine.files
    db.close()
    (name,) = indexes(db)
    del files.contents[name]
    with pytest.warns(DamageWarning, match="No such file"):
        again = Database(files)
    assert len(again["a"].search(points(1)[0], 10)) == 10
    again.compact()
    assert again.check() == []


def test_points_without_the_vector_are_passed_over() -> None:
    db = Database(MemoryFiles())
    notes = db.create_collection("a", vectors={"x": DIM, "y": 3}, index="hnsw")
    vectors = points()
    some = [v if i % 3 else None for i, v in enumerate(vectors)]
    notes.upsert(list(range(N)), {"x": some, "y": np.ones((N, 3))})
    db.compact()
    assert len(indexes(db)) == 2
    hits = notes.search(vectors[7], N, using="x")
    assert sorted(ids(hits)) == [i for i in range(N) if i % 3]
    assert hits[0].id == 7


def test_the_making_of_an_index_can_be_stopped() -> None:
    db = database()
    db.checkpoint()
    (live,) = db._engine.collections.named("a").segments  # type: ignore[union-attr]
    steps: list[int] = []

    def stop() -> bool:
        steps.append(1)
        return len(steps) == 2

    vectors = live.segment.vectors("", select())
    assert vectors is not None
    assert _indexing.build_index(vectors, db["a"].config.vectors[""], stop) is None
    assert len(steps) == 2
