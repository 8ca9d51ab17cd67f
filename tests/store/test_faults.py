"""Disks that are full or fail: one clear error, nothing half done, everything still readable."""

from __future__ import annotations

import errno
import warnings
from pathlib import Path
from typing import Any

import pytest

from abi.errors import DamageWarning, InputError, LockedError, StorageError
from abi.store import Database, open
from tests.store.faults import FailingFiles


def database() -> tuple[FailingFiles, Database]:
    files = FailingFiles()
    db = Database(files)
    db.create_collection("a", dim=2)
    db["a"].upsert([1, 2], [[1, 0], [0, 1]], [{"n": 1}, None])
    return files, db


def ids(db: Database) -> list[Any]:
    return sorted(point.id for point in db["a"].points())


def reopened(files: FailingFiles) -> Database:
    with warnings.catch_warnings():
        warnings.simplefilter("error", DamageWarning)
        return Database(FailingFiles({k: bytearray(v) for k, v in files.contents.items()}))


@pytest.mark.parametrize("partial", [0, 1, 39, 40, 200])
def test_a_full_disk_refuses_the_write_and_keeps_the_rest(partial: int) -> None:
    files, db = database()
    files.failing, files.partial = {"append": errno.ENOSPC}, partial
    with pytest.raises(StorageError) as caught:
        db["a"].upsert([3], [[1, 1]])
    assert str(caught.value) == (
        ":memory:: cannot write log-00000000000000000001: No space left on device; "
        "nothing of this was written"
    )
    assert ids(db) == ids(reopened(files)) == [1, 2]
    assert [hit.id for hit in db["a"].search([1, 0.1], k=1)] == [1]
    files.failing = {}
    db["a"].upsert([3], [[1, 1]])
    assert ids(db) == ids(reopened(files)) == [1, 2, 3]


def test_no_new_log_on_a_full_disk_is_the_same() -> None:
    files, db = database()
    db.checkpoint()
    files.failing = {"create": errno.ENOSPC}
    with pytest.raises(StorageError, match="nothing of this was written"):
        db["a"].delete([1])
    files.failing = {}
    assert db["a"].delete([1]) == 1
    assert ids(reopened(files)) == [2]


def test_after_a_failed_sync_nothing_more_is_taken() -> None:
    files, db = database()
    files.failing = {"sync": errno.EIO}
    with pytest.raises(StorageError, match="this commit may be lost, and no more are taken"):
        db["a"].upsert([3], [[1, 1]])
    files.failing = {}
    with pytest.raises(StorageError, match="Input/output error; close it, and open it again"):
        db["a"].upsert([4], [[1, 1]])
    assert 1 in db["a"]
    db.close()
    assert ids(reopened(files))[:2] == [1, 2]


@pytest.mark.parametrize("operation", ["create", "append", "sync", "rename", "sync folder"])
def test_a_checkpoint_that_fails_loses_nothing(operation: str) -> None:
    files, db = database()
    db.checkpoint()
    db["a"].delete([1])
    db["a"].upsert([3, 2], [[1, 1], [2, 2]])
    files.failing = {operation: errno.ENOSPC}
    with pytest.raises(StorageError, match="all commits are kept in its log"):
        db.checkpoint()
    with pytest.raises(StorageError):
        db.compact()
    assert ids(db) == [2, 3]
    assert ids(reopened(files)) == [2, 3]
    files.failing = {}
    db["a"].upsert([5], [[0, 1]])
    db.checkpoint()
    db.compact()
    assert ids(db) == ids(reopened(files)) == [2, 3, 5]


def failing_at(db: Database, files: FailingFiles, left: int) -> bool:
    """Compact on a disk that fails after some operations; whether it failed."""
    files.left = left
    try:
        db.compact()
    except StorageError:
        return True
    finally:
        files.left = None
    return False


def test_a_disk_that_fails_twice_at_any_moment_loses_nothing() -> None:
    """The first failure may come after a manifest had its name: no file is used again then."""
    first = 0
    while True:
        second = 0
        while True:
            files, db = database()
            db.checkpoint()
            db["a"].delete([1])
            db["a"].upsert([3], [[1, 1]])
            once = failing_at(db, files, first)
            db["a"].upsert([4], [[1, 1]])
            twice = failing_at(db, files, second)
            assert ids(db) == ids(reopened(files)) == [2, 3, 4], (first, second)
            db["a"].upsert([5], [[1, 1]])
            db.compact()
            assert ids(db) == ids(reopened(files)) == [2, 3, 4, 5], (first, second)
            second += 2
            if not twice:
                break
        first += 1
        if not once:
            break
    assert first > 15


def test_an_interval_syncs_while_writing(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = [100.0]
    monkeypatch.setattr("abi.store._log.time.monotonic", lambda: clock[0])
    files = FailingFiles()
    db = Database(files, durability="interval")
    db.create_collection("a", dim=2)
    assert db._engine._log.durable == 0
    clock[0] += 1.5
    db["a"].upsert([1], [[1, 0]])
    assert db._engine._log.durable == 2
    clock[0] += 1.5
    files.failing = {"sync": errno.EIO}
    with pytest.raises(StorageError, match="this commit may be lost"):
        db["a"].upsert([2], [[1, 0]])


def test_a_merge_that_fails_leaves_the_segments() -> None:
    files, db = database()
    db.checkpoint()
    db["a"].upsert([3], [[1, 1]])
    db.checkpoint()
    files.failing = {"rename": errno.EACCES}
    with pytest.raises(StorageError, match="Permission denied; segments stay as they were"):
        db.compact()
    assert ids(db) == ids(reopened(files)) == [1, 2, 3]
    files.failing = {}
    db.compact()
    assert ids(db) == ids(reopened(files)) == [1, 2, 3]


def test_a_file_that_cannot_be_removed_stays_and_does_no_harm() -> None:
    files, db = database()
    files.failing = {"remove": errno.EACCES}
    with pytest.raises(StorageError):  # the name of a new file is cleared first
        db.checkpoint()
    files.failing = {}
    db.checkpoint()
    assert ids(reopened(files)) == [1, 2]


def test_closing_on_a_full_disk_keeps_everything_in_the_log() -> None:
    files, db = database()
    files.failing = {"create": errno.ENOSPC}
    with pytest.warns(DamageWarning, match="all commits are kept in its log"):
        db.close()
    assert ids(reopened(files)) == [1, 2]


def test_a_second_writer_is_told_who_is_the_first(tmp_path: Path) -> None:
    with open(tmp_path / "db") as db:
        db.create_collection("a", dim=2)
        with pytest.raises(LockedError, match=r"open for writing in process \d+ \(.*\) on "):
            open(tmp_path / "db")
    open(tmp_path / "db").close()


def test_readers_read_beside_a_writer(tmp_path: Path) -> None:
    with open(tmp_path / "db") as db:
        db.create_collection("a", dim=2).upsert([1], [[1, 0]])
        with open(tmp_path / "db", "r") as reader:
            db["a"].upsert([2], [[1, 0]])
            db.checkpoint()
            assert ids(reader) == [1]
            with pytest.raises(InputError, match='opened to read, mode="r"; nothing can be wri'):
                reader["a"].upsert([3], [[1, 0]])
        with open(tmp_path / "db", "r") as reader:
            assert ids(reader) == [1, 2]


def test_a_closed_database_says_so(tmp_path: Path) -> None:
    db = open(tmp_path / "db")
    notes = db.create_collection("a", dim=2)
    db.close()
    db.close()
    for call in (lambda: notes.upsert([1], [[1, 0]]), lambda: len(notes), db.checkpoint, db.sync):
        with pytest.raises(InputError, match="the database is closed; open it again"):
            call()


@pytest.mark.parametrize("name", ["file", "folder", "missing"])
def test_what_is_no_database_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "other.txt").write_text("x")
    reasons = {"file": "a file", "folder": "no database", "missing": "no such folder"}
    with pytest.raises(InputError, match=reasons[name]):
        open(tmp_path / name, "r")
    if name != "missing":
        with pytest.raises(InputError):
            open(tmp_path / name)
        assert sorted(p.name for p in tmp_path.rglob("*")) == ["file", "folder", "other.txt"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"mode": "a"}, 'mode=\'a\': expected "w" to write or "r" to read'),
        ({"durability": "yes"}, "durability='yes': expected one of always, interval, none"),
        ({"history": -1}, "history=-1: expected seconds, 0 or more"),
        ({"history": "7d"}, "history='7d': expected seconds"),
        ({"at": "yesterday"}, "'yesterday' is no moment; give a time such as"),
        ({"at": 3.5}, "3.5 is no moment"),
        ({"at": -1}, "-1 is no moment"),
    ],
)
def test_arguments_that_cannot_be_are_refused(
    tmp_path: Path, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        open(tmp_path / "db", **arguments)
    assert not (tmp_path / "db").exists()


@pytest.mark.parametrize("durability", ["always", "interval", "none"])
def test_a_process_that_ends_without_closing_loses_nothing(tmp_path: Path, durability: str) -> None:
    db = open(tmp_path / "db", durability=durability)
    db.create_collection("a", dim=2).upsert([1], [[1, 0]])
    db._engine._unlock()
    assert ids(open(tmp_path / "db", "r")) == [1]
