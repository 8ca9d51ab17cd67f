"""Backups: whole, small when little is new, and older than the database itself remembers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abi.errors import FormatError, InputError
from abi.store import Database, backup, open, restore


def ids(db: Database) -> list[Any]:
    return sorted(point.id for point in db["a"].points())


def fill(db: Database, first: int, n: int = 50) -> None:
    vectors = np.random.default_rng(first).normal(size=(n, 16))
    db["a"].upsert(list(range(first, first + n)), vectors)


def test_a_backup_holds_what_the_database_holds(tmp_path: Path) -> None:
    with open(tmp_path / "db") as db:
        db.create_collection("a", dim=16)
        fill(db, 0)
        db.checkpoint()
        fill(db, 50)
        report = backup(tmp_path / "db", tmp_path / "backup")  # in use
        assert report.sequence == db.sequence == 3
        fill(db, 100)
    with open(tmp_path / "backup", "r") as copy:
        assert ids(copy) == list(range(100))
        assert copy.check() == []


def test_a_second_backup_copies_what_is_new(tmp_path: Path) -> None:
    with open(tmp_path / "db") as db:
        db.create_collection("a", dim=16)
        fill(db, 0, 2000)
        db.checkpoint()
        first = backup(tmp_path / "db", tmp_path / "backup")
        fill(db, 2000, 10)
        db.checkpoint()
        second = backup(tmp_path / "db", tmp_path / "backup")
        third = backup(tmp_path / "db", tmp_path / "backup")
    assert first.n_bytes > 100_000
    assert (second.kept, second.copied) == (1, 2)
    assert second.n_bytes < 10_000
    assert (third.kept, third.copied) == (2, 1)
    with open(tmp_path / "backup", "r") as copy:
        assert len(copy["a"]) == 2010


def test_a_backup_goes_back_further_than_the_database(tmp_path: Path) -> None:
    with open(tmp_path / "db", history=0) as db:
        db.create_collection("a", dim=16)
        fill(db, 0, 5)
        backup(tmp_path / "db", tmp_path / "backup")
        before = db.sequence
        db["a"].delete([0, 1])
        backup(tmp_path / "db", tmp_path / "backup")
        db.compact()
        db["a"].delete([2])
        backup(tmp_path / "db", tmp_path / "backup")
        db.compact()
        backup(tmp_path / "db", tmp_path / "backup")
        with pytest.raises(InputError, match="can no longer be recovered"):
            restore(tmp_path / "db", before, tmp_path / "no")
    for sequence, expected in ((before, 5), (before + 1, 3), (before + 2, 2)):
        restore(tmp_path / "backup", sequence, tmp_path / f"new{sequence}")
        with open(tmp_path / f"new{sequence}") as db:
            assert len(db["a"]) == expected


def test_logs_that_no_state_needs_leave_the_backup(tmp_path: Path) -> None:
    with open(tmp_path / "db") as db:
        db.create_collection("a", dim=16)
        for i in range(4):
            fill(db, i)
            backup(tmp_path / "db", tmp_path / "backup")
            db.checkpoint()
        backup(tmp_path / "db", tmp_path / "backup")
    assert not list((tmp_path / "backup").glob("log-*"))
    with open(tmp_path / "backup", at=3) as then:
        assert len(then["a"]) == 51


def test_a_damaged_file_is_not_copied(tmp_path: Path) -> None:
    with open(tmp_path / "db") as db:
        db.create_collection("a", dim=16)
        fill(db, 0)
    (segment,) = (tmp_path / "db").glob("*-segment")
    data = bytearray(segment.read_bytes())
    data[len(data) // 2] ^= 1
    segment.write_bytes(data)
    with pytest.raises(FormatError, match=f"{segment.name}, offset .*damaged: checksum"):
        backup(tmp_path / "db", tmp_path / "backup")
    assert not list((tmp_path / "backup").glob("manifest*"))


def test_the_backup_of_another_database_is_left_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        with open(tmp_path / name) as db:
            db.create_collection("a", dim=16)
    backup(tmp_path / "one", tmp_path / "backup")
    before = sorted(p.name for p in (tmp_path / "backup").iterdir())
    with pytest.raises(InputError, match="backup: of another database; name another folder"):
        backup(tmp_path / "two", tmp_path / "backup")
    with pytest.raises(InputError, match="one: cannot be its own backup"):
        backup(tmp_path / "one", tmp_path / "one")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter").write_text("x")
    with pytest.raises(InputError, match=r"mine: holds something else \(letter\)"):
        backup(tmp_path / "one", tmp_path / "mine")
    assert sorted(p.name for p in (tmp_path / "backup").iterdir()) == before


def test_an_interrupted_backup_is_taken_up_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with open(tmp_path / "db") as db:
        db.create_collection("a", dim=16)
        fill(db, 0)
        db.checkpoint()
        backup(tmp_path / "db", tmp_path / "backup")
        fill(db, 50)
        db.checkpoint()
    real = __import__("abi.store.files", fromlist=["OSFiles"]).OSFiles.rename

    def cut(self: Any, old: str, new: str) -> None:
        if new.startswith("manifest"):
            raise OSError(28, "No space left on device", old)
        real(self, old, new)

    monkeypatch.setattr("abi.store.files.OSFiles.rename", cut)
    with pytest.raises(OSError, match="No space left"):
        backup(tmp_path / "db", tmp_path / "backup")
    with open(tmp_path / "backup", "r") as copy:
        assert len(copy["a"]) == 50
    monkeypatch.undo()
    backup(tmp_path / "db", tmp_path / "backup")
    with open(tmp_path / "backup", "r") as copy:
        assert len(copy["a"]) == 100
