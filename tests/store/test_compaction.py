"""Compaction: which segments are merged, and what happens to commits meanwhile."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abi.store import Database, _compaction, _upkeep
from abi.store._moment import Moment
from abi.store.files import MemoryFiles


@pytest.fixture
def db() -> Database:
    database = Database(MemoryFiles())
    database.create_collection("a", dim=2)
    return database


def fill(db: Database, first: int, n: int) -> None:
    vectors = np.random.default_rng(first).normal(size=(n, 2))
    db["a"].upsert(list(range(first, first + n)), vectors)
    db.checkpoint()


def sizes(db: Database) -> list[int]:
    state = db._engine.collections.named("a")
    assert state
    return [len(live.segment) for live in state.segments]


def ids(db: Database) -> list[Any]:
    return sorted(point.id for point in db["a"].points())


def test_four_segments_of_a_size_become_one(db: Database) -> None:
    for i in range(3):
        fill(db, 10 * i, 10)
        db._engine.tidy()
    assert sizes(db) == [10, 10, 10]
    fill(db, 30, 10)
    db._engine.tidy()
    assert sizes(db) == [40]
    assert ids(db) == list(range(40))


def test_a_large_segment_is_left_alone(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_compaction, "_SMALLEST", 16)
    fill(db, 0, 1000)
    for i in range(4):
        fill(db, 1000 + i, 1)
    db._engine.tidy()
    assert sizes(db) == [1000, 4]


def test_a_segment_with_many_dead_is_written_anew(db: Database) -> None:
    fill(db, 0, 10)
    db["a"].delete([0, 1])
    db.checkpoint()
    db._engine.tidy()
    assert sizes(db) == [10]
    db["a"].delete([2])
    db.checkpoint()
    db._engine.tidy()
    assert sizes(db) == [7]


def test_a_segment_of_the_dead_goes(db: Database) -> None:
    fill(db, 0, 3)
    db["a"].delete([0, 1, 2])
    db.compact()
    assert sizes(db) == []
    assert ids(db) == []


def test_files_that_are_not_needed_are_removed(db: Database) -> None:
    for i in range(4):
        fill(db, i, 1)
    db.compact()
    files = db._engine.files.list()
    assert [name for name in files if "segment" in name] == ["c1-00000005-segment"]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Sets what happens between the writing of a merge and its taking effect."""

    def set_(what: Any) -> None:
        def merge(*args: Any, **named: Any) -> Any:
            merged = _compaction.merge(*args, **named)
            what()
            return merged

        monkeypatch.setattr(_upkeep, "merge", merge)

    return set_


def test_commits_during_a_merge_are_kept(db: Database, meanwhile: Any) -> None:
    fill(db, 0, 5)
    fill(db, 5, 5)
    before = db.sequence

    def write() -> None:
        db["a"].delete([1, 7])
        db["a"].upsert([2, 100], [[5, 5], [6, 6]])
        db["a"].delete([8])

    meanwhile(write)
    db.compact()
    expected = [0, 2, 3, 4, 5, 6, 9, 100]
    assert sizes(db) == [10]
    assert ids(db) == expected
    assert db["a"].get([2], with_vectors=True)[0].vector.tolist() == [5, 5]  # type: ignore[union-attr]
    files: Any = db._engine.files
    crashed = MemoryFiles()
    crashed.contents = {k: bytearray(v) for k, v in files.contents.items()}
    for database in (Database(crashed), db):
        assert ids(database) == expected
        left = [i for i in range(10) if i not in (1, 7)]
        for sequence, there in enumerate([[*range(10)], left, [*left, 100], expected], before):
            then = Database(database._engine.files, write=False, at=Moment(sequence=sequence))
            assert ids(then) == there
        database.checkpoint()
        assert ids(database) == expected


def test_a_snapshot_outlasts_a_merge(db: Database) -> None:
    fill(db, 0, 5)
    before = db["a"].snapshot()
    db["a"].delete([0])
    db["a"].upsert([1], [[9, 9]])
    db.compact()
    assert sorted(point.id for point in before.points()) == [0, 1, 2, 3, 4]
    (point,) = before.get([1], with_vectors=True)
    assert point.vector is not None
    assert point.vector.tolist() != [9, 9]


def test_what_died_before_the_history_is_given_up() -> None:
    db = Database(MemoryFiles(), history=0)
    db.create_collection("a", dim=2)
    fill(db, 0, 4)
    db["a"].delete([0, 1])
    last = db.sequence
    db.compact()
    assert [name for name in db._engine.files.list() if "history" in name] == []
    assert db.horizon[0] == last
    assert ids(Database(db._engine.files, write=False, at=Moment(sequence=last))) == [2, 3]
