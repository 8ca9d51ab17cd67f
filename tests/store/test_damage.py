"""Damaged files: what can be read is read, and what is lost is said."""

from __future__ import annotations

import re
import warnings
from typing import Any

import pytest

from abi.errors import AbiError, DamageWarning, FormatError
from abi.store import Database
from abi.store.files import MemoryFiles


def small() -> tuple[MemoryFiles, list[dict[Any, Any]]]:
    """A database whose commits are all in its log, and its states after each."""
    files = MemoryFiles()
    db = Database(files)
    states: list[dict[Any, Any]] = [{}]
    notes = db.create_collection("a", dim=2)
    states.append({})
    for i in range(4):
        notes.upsert([i, "x"], [[i, 1], [1, i]], [{"n": i}, None], [f"text {i}", None])
        states.append(read(db))
    notes.delete([1])
    states.append(read(db))
    return copy(files), states


def read(db: Database) -> dict[Any, Any]:
    if "a" not in db:
        return {}
    points = db["a"].points(with_vectors=True)
    return {p.id: (p.payload, p.text, p.vector.tolist()) for p in points}  # type: ignore[union-attr]


def copy(files: MemoryFiles) -> MemoryFiles:
    found = MemoryFiles()
    found.contents = {name: bytearray(data) for name, data in files.contents.items()}
    return found


def log_of(files: MemoryFiles) -> str:
    (name,) = [name for name in files.list() if name.startswith("log-")]
    return name


def opened(files: MemoryFiles) -> tuple[Database, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        db = Database(files)
    return db, [str(w.message) for w in caught if w.category is DamageWarning]


def test_a_log_cut_anywhere_gives_the_state_of_a_commit() -> None:
    files, states = small()
    name = log_of(files)
    for length in range(len(files.contents[name])):
        left = copy(files)
        del left.contents[name][length:]
        db, told = opened(left)
        assert read(db) in states
        assert told == []


def test_a_byte_flipped_anywhere_in_a_log_loses_nothing_silently() -> None:
    files, states = small()
    name = log_of(files)
    for at in range(len(files.contents[name])):
        left = copy(files)
        left.contents[name][at] ^= 0x10
        db, told = opened(left)
        found = read(db)  # readable whatever happened
        assert found == states[-1] or told, at
        if told:
            assert name in told[0]
            db["a" if "a" in db else "b"] if "a" in db else db.create_collection("b", dim=1)


def test_a_damaged_log_is_set_aside_and_what_it_held_is_kept() -> None:
    files, _ = small()
    name = log_of(files)
    data = bytes(files.contents[name])
    files.contents[name][len(data) // 2] ^= 1
    db, told = opened(files)
    assert len(told) == 1
    where = f":memory:/{name}"
    assert re.fullmatch(
        rf"{where}: commit 3 is lost; {where}: bytes \d+ to \d+ are damaged", told[0]
    )
    found = read(db)
    assert bytes(files.contents[f"damaged-{name}"])[: len(data) // 2] == data[: len(data) // 2]
    db.close()
    again, told = opened(files)
    assert told == []
    assert read(again) == found


def in_segments() -> tuple[MemoryFiles, dict[Any, Any]]:
    files, states = small()
    db = Database(files)
    db.close()
    return files, states[-1]


def test_a_byte_flipped_anywhere_in_a_segment_is_found_by_a_check() -> None:
    files, state = in_segments()
    (name,) = [name for name in files.list() if name.endswith("-segment")]
    data = bytes(files.contents[name])
    changed = 0
    for at in range(len(data)):
        left = copy(files)
        left.contents[name][at] ^= 0x10
        db, told = opened(left)
        found = reading(db, name)
        problems = db.check()
        if found != state:
            changed += 1
            assert problems, at
        assert not told or problems
    assert changed > 100


def reading(db: Database, name: str) -> dict[Any, Any] | None:
    """What is read; None where an error says that a file is damaged."""
    try:
        return read(db)
    except AbiError as error:
        if name in str(error):
            return None
        raise


def test_a_missing_segment_is_said_and_the_rest_is_read() -> None:
    files, _ = in_segments()
    db = Database(files)
    db["a"].upsert(["new"], [[1, 2]])
    db.checkpoint()
    first = min(name for name in files.list() if name.endswith("-segment"))
    db.close()
    del files.contents[first]
    db, (told,) = opened(files)
    assert (
        f"collection 'a': 4 points cannot be read: [Errno 2] No such file or directory: '{first}'"
        in told
    )
    assert list(read_ids(db)) == ["new"]
    db["a"].upsert(["newer"], [[1, 2]])
    db.close()
    db, (told,) = opened(files)
    assert first in told  # the manifest goes on naming it, for the day it is found again
    assert read_ids(db) == ["new", "newer"]


def read_ids(db: Database) -> list[Any]:
    return [point.id for point in db["a"].points()]


def test_a_damaged_manifest_is_refused_by_name() -> None:
    files, _ = in_segments()
    (name,) = [name for name in files.list() if name.startswith("manifest")]
    files.contents[name][:] = b"x" * 50
    with pytest.raises(FormatError, match=f"{name}: damaged: neither of its two lines"):
        Database(files)


def test_a_check_finds_nothing_where_all_is_well() -> None:
    files, _ = in_segments()
    assert Database(files).check() == []
