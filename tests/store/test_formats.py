"""Databases of earlier formats are opened, and become of this one when they are written to."""

from __future__ import annotations

import json
import shutil
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abi
from abi.errors import FormatError
from abi.store._manifest import FORMAT, manifest_files

DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """A copy of a database of format 1, with a graph, deletions, history and a log."""
    folder = tmp_path / "old"
    shutil.copytree(DATA / "store_format_1", folder)
    return folder


def expected() -> dict[str, Any]:
    found: dict[str, Any] = json.loads((DATA / "store_format_1.json").read_text("utf-8"))
    return found


def points(db: abi.Database) -> list[list[Any]]:
    found = [
        [p.id, p.payload, p.text, np.asarray(p.vector).tolist()]
        for p in db["notes"].points(with_vectors=True)
    ]
    return sorted(found, key=lambda point: str(point[0]))


def format_of(folder: Path) -> int:
    (*_, (_, name)) = manifest_files([path.name for path in folder.iterdir()])
    found: int = json.loads((folder / name).read_text().splitlines()[0].split(" ", 1)[1])["format"]
    return found


def check_reads(db: abi.Database) -> None:
    wanted = expected()
    assert db.sequence == wanted["sequence"]
    assert points(db) == wanted["points"]
    notes = db["notes"]
    # Terms that this version has and format 1 had not: pairs of Korean, the parts of a word.
    assert {hit.id for hit in notes.search(text="검색", k=50)} >= {6, 9, "s"}
    assert {hit.id for hit in notes.search(text="decoder", k=50)} >= {6, 9}
    vector = notes.get([7], with_vectors=True)[0].vector
    assert notes.search(vector, k=1)[0].id == 7
    assert notes.count({"n": {"$gte": 50}}) == 2
    assert [hit.id for hit in db["bits"].search(np.array([1, 2], np.uint8), k=1)] == ["x"]


def test_it_is_read_without_a_change(old: Path) -> None:
    before = {path.name: path.read_bytes() for path in old.iterdir()}
    with abi.open(old, "r") as db:
        check_reads(db)
        assert db.check() == []
    with abi.open(old, at=expected()["sequence"] - 1) as then:
        assert 4 in then["notes"]
    assert {path.name: path.read_bytes() for path in old.iterdir()} == before
    assert format_of(old) == 1


def test_it_becomes_of_this_format_when_it_is_written_to(old: Path) -> None:
    with abi.open(old) as db:
        check_reads(db)
        db.compact()
        check_reads(db)
        state = db._engine.collections.named("notes")
        assert state is not None
        assert not any(live.segment.outdated for live in state.segments)
    assert format_of(old) == FORMAT == 2
    with abi.open(old) as db:
        check_reads(db)
        assert db.check() == []
    with abi.open(old, at=expected()["sequence"] - 1) as then:
        assert 4 in then["notes"]  # what it could go back to, it can


def test_a_newer_format_is_refused_by_name(old: Path) -> None:
    with abi.open(old) as db:
        db.compact()
    (*_, (_, name)) = manifest_files([path.name for path in old.iterdir()])
    text = (old / name).read_text().splitlines()[0].split(" ", 1)[1]
    text = text.replace('"format":2', '"format":3')
    line = f"{zlib.crc32(text.encode()):08x} {text}\n"
    (old / name).write_text(line + line)
    with pytest.raises(FormatError, match="database format 3; this abi reads up to 2: update it"):
        abi.open(old)
