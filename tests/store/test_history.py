"""Point-in-time recovery: any state within the history, by time and by sequence number."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from abi.errors import InputError
from abi.store import Database, open, restore
from abi.store._moment import Moment, show_time

START = datetime(2026, 11, 23, 10, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = START

    def time_ns(self) -> int:
        return round(self.now.timestamp() * 1e6) * 1000

    def pass_(self, **interval: float) -> None:
        self.now += timedelta(**interval)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    found = Clock()
    monkeypatch.setattr("abi.store._engine.time.time_ns", found.time_ns)
    return found


def ids(db: Database, name: str = "a") -> list[Any]:
    return sorted(point.id for point in db[name].points())


def a_day(path: Path, clock: Clock) -> None:
    """Points 1 to 3 come each at a full hour from 10:00 on; at 13:00 goes 1, and 2 is changed."""
    with open(path) as db:
        notes = db.create_collection("a", dim=1)
        for i in (1, 2, 3):
            notes.upsert([i], [[i]], texts=[f"text {i}"])
            clock.pass_(hours=1)
            if i == 2:
                db.checkpoint()
        notes.delete([1])
        notes.upsert([2], [[20]])
        db.checkpoint()
        db.compact()


@pytest.mark.parametrize(
    ("to", "expected"),
    [
        ("2026-11-23T10:00:01Z", [1]),
        ("2026-11-23T11:00:00", [1, 2]),
        ("2026-11-23T13:30:00+01:00", [1, 2, 3]),
        ("2026-11-23T13:00:00.5Z", [2, 3]),
        ("2026-11-24", None),
        (datetime(2026, 11, 23, 12, 59, tzinfo=UTC), [1, 2, 3]),
        (2, [1]),
        ("3", [1, 2]),
        (5, [2, 3]),
        (6, [2, 3]),
    ],
)
def test_every_state_is_restored(tmp_path: Path, clock: Clock, to: Any, expected: Any) -> None:
    a_day(tmp_path / "db", clock)
    if expected is None:  # a day is a moment in text alone: its beginning
        expected = [2, 3]
    sequence, when = restore(tmp_path / "db", to, tmp_path / "new")
    with open(tmp_path / "new") as db, open(tmp_path / "db", at=to) as then:
        assert ids(db) == ids(then) == expected
        assert db.sequence == then.sequence == sequence
        assert show_time(when).startswith("2026-11-23T1")
        (two,) = db["a"].get([2], with_vectors=True) if 2 in expected else [None]
        if two is not None and two.vector is not None:
            assert two.vector.tolist() == [20.0 if sequence == 6 else 2.0]
            assert two.text == (None if sequence == 6 else "text 2")
        db["a"].upsert([99], [[1]])
        assert db.check() == []
    with open(tmp_path / "db") as db:
        assert ids(db) == [2, 3]


def test_a_collection_that_was_dropped_comes_back(tmp_path: Path, clock: Clock) -> None:
    with open(tmp_path / "db") as db:
        db.create_collection("a", dim=1).upsert([1], [[1]])
        db.create_collection("b").upsert(["x"], texts=["words"])
        before = db.sequence
        db.drop_collection("a")
        db.create_collection("a", dim=3)
        db.compact()
        assert ids(db) == []
    restore(tmp_path / "db", before, tmp_path / "new")
    with open(tmp_path / "new") as db:
        assert db.collections() == ["a", "b"]
        assert ids(db) == [1]
        assert [hit.id for hit in db["b"].search(text="words")] == ["x"]
    restore(tmp_path / "db", 1, tmp_path / "first")
    with open(tmp_path / "first") as db:
        assert db.collections() == ["a"]


def test_history_ends_where_it_was_told_to(tmp_path: Path, clock: Clock) -> None:
    with open(tmp_path / "db", history=3600) as db:
        notes = db.create_collection("a", dim=1)
        notes.upsert([1], [[1]])
        notes.upsert([1], [[2]])
        clock.pass_(minutes=50)
        notes.upsert([1], [[3]])
        clock.pass_(minutes=30)
        db.checkpoint()
        assert db.horizon == (3, "2026-11-23T10:00:00.000002Z")
    with open(tmp_path / "db", at=3) as then:
        (point,) = then["a"].get([1], with_vectors=True)
        assert point.vector is not None
        assert point.vector.tolist() == [2]
    for moment in (2, "2026-11-23T10:00:00Z"):
        with pytest.raises(InputError, match="can no longer be recovered; the earliest is sequ"):
            open(tmp_path / "db", at=moment)
        with pytest.raises(InputError, match="can no longer be recovered"):
            restore(tmp_path / "db", moment, tmp_path / "new")
        assert not (tmp_path / "new").exists()


def test_expired_history_leaves_the_disk(tmp_path: Path, clock: Clock) -> None:
    with open(tmp_path / "db", history=3600) as db:
        notes = db.create_collection("a", dim=1)
        notes.upsert([1], [[1]])
        notes.upsert([1], [[2]])
        db.checkpoint()
        assert any("history" in name for name in db._engine.files.list())
        clock.pass_(hours=2)
        notes.upsert([2], [[2]])
        db.checkpoint()
        assert not any("history" in name for name in db._engine.files.list())
        assert ids(db) == [1, 2]


def test_a_sequence_that_is_not_reached_is_refused(tmp_path: Path, clock: Clock) -> None:
    a_day(tmp_path / "db", clock)
    with pytest.raises(InputError, match="ends with sequence 6; got 7"):
        restore(tmp_path / "db", 7, tmp_path / "new")


def test_a_restore_needs_an_empty_folder(tmp_path: Path, clock: Clock) -> None:
    a_day(tmp_path / "db", clock)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "file").write_text("mine")
    with pytest.raises(InputError, match="new: not empty; name a folder that does not exist yet"):
        restore(tmp_path / "db", 2, tmp_path / "new")
    assert [p.name for p in (tmp_path / "new").iterdir()] == ["file"]


def test_times_go_on_when_the_clock_goes_back(tmp_path: Path, clock: Clock) -> None:
    with open(tmp_path / "db") as db:
        notes = db.create_collection("a", dim=1)
        notes.upsert([1], [[1]])
        clock.pass_(hours=-5)
        notes.upsert([2], [[1]])
    with open(tmp_path / "db", at="2026-11-23T10:00:00.000001Z") as then:
        assert ids(then) == [1]
    with open(tmp_path / "db", at="2026-11-23T10:00:00.000002Z") as then:
        assert ids(then) == [1, 2]


def test_a_past_state_takes_no_writes(tmp_path: Path, clock: Clock) -> None:
    a_day(tmp_path / "db", clock)
    message = "opened as it was at sequence 2; nothing can be written"
    with open(tmp_path / "db", at=2) as then, pytest.raises(InputError, match=message):
        then["a"].delete([1])


def test_moments_are_read() -> None:
    assert Moment.of("2026-11-23T10:00:00Z") == Moment(time=1795428000_000000)
    assert Moment.of("2026-11-23 12:00+02:00") == Moment(time=1795428000_000000)
    assert Moment.of(17) == Moment.of("17") == Moment(sequence=17)
    assert str(Moment.of(START)) == "2026-11-23T10:00:00Z"
    with pytest.raises(InputError, match="2026-11-23 is a day"):
        Moment.of(START.date())
