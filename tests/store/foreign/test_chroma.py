"""Folders of Chroma 1.5.9 and 0.5.23; `tests/data/foreign/make.py` made them and recorded what
Chroma returns.
"""

from __future__ import annotations

import json
import pickle
import random
import shutil
import sqlite3
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abi
from abi.errors import FormatError, InputError, LockedError, MissingExtraError, UnsupportedError
from abi.store.foreign import read_chroma
from tests.store.foreign.gathered import DATA, VECTORS, gathered
from tests.store.foreign.test_pickled import Evil

FOLDER = DATA / "chroma"
EXPECTED = json.loads((DATA / "chroma.json").read_text("utf-8"))
REFUSED = (FormatError, UnsupportedError, InputError, LockedError)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy to be changed."""
    return shutil.copytree(FOLDER, tmp_path / "chroma")


def run(folder: Path, sql: str, *values: Any) -> list[Any]:
    with closing(sqlite3.connect(folder / "chroma.sqlite3")) as database, database:
        return database.execute(sql, values).fetchall()


def segment(folder: Path, name: str, scope: str = "VECTOR") -> str:
    query = (
        "SELECT s.id FROM segments s JOIN collections c ON c.id = s.collection "
        "WHERE c.name = ? AND s.scope = ?"
    )
    found: str = run(folder, query, name, scope)[0][0]
    return found


def same(folder: Path, name: str, expected: Any = None) -> None:
    """The points are what Chroma itself returned."""
    found, expected = gathered(read_chroma(folder, name)), expected or EXPECTED[name]
    assert sorted(found) == sorted(expected["ids"])
    for i, point in enumerate(expected["ids"]):
        vector, payload, text = found[point]
        # Chroma multiplies vectors by their lengths, also those that it never divided.
        np.testing.assert_allclose(vector, expected["embeddings"][i], rtol=1e-6)
        assert (payload, text) == (expected["metadatas"][i], expected["documents"][i])


@pytest.mark.parametrize(
    ("name", "metric", "n"),
    [
        ("queued", "cosine", 19),
        ("indexed-cosine", "cosine", 33),
        ("indexed-l2", "l2", 33),
        ("indexed-ip", "ip", 33),
    ],
)
def test_points_are_what_chroma_returns(name: str, metric: str, n: int) -> None:
    found = read_chroma(FOLDER, name)
    assert (found.dim, found.metric, found.n) == (8, metric, n)
    same(FOLDER, name)
    assert list(gathered(found)) == EXPECTED[name]["ids"]


def test_a_point_by_hand() -> None:
    found = gathered(read_chroma(FOLDER, "queued"))
    assert found["k0"][1:] == (
        {"n": 0, "f": 0.0, "s": "0", "b": True, "l": ["z", "0"], "i": [2, 1]},
        "the document 0",
    )
    assert found["k5"][1:] == (None, "again")
    assert found["k4"][1] == {"f": 2.0, "s": "4", "b": True, "l": ["z", "4"], "i": [2, 1], "new": 1}
    for point, row in (("k0", 0), ("k4", 30), ("k5", 31), ("k7", 7)):
        np.testing.assert_array_equal(found[point][0], VECTORS[row])
    indexed = gathered(read_chroma(FOLDER, "indexed-ip"))
    for point, row in (("t0", 0), ("t2", 32), ("t3", 33), ("t37", 37)):
        np.testing.assert_array_equal(indexed[point][0], VECTORS[row])


def test_the_indexed_ones_have_vectors_in_both_places() -> None:
    read = run(FOLDER, "SELECT topic, count(*) FROM embeddings_queue GROUP BY topic")
    counts = {topic[-36:]: n for topic, n in read}
    for name, collection in run(FOLDER, "SELECT name, id FROM collections"):
        pickled = FOLDER / segment(FOLDER, name) / "index_metadata.pickle"
        assert pickled.exists() == name.startswith("indexed")
        assert (name == "empty") == (collection not in counts)


def test_points_go_into_a_collection(tmp_path: Path) -> None:
    found = read_chroma(FOLDER, "queued")
    with abi.open(tmp_path / "db") as db:
        made = db.create_collection("c", dim=found.dim, metric=found.metric)
        for batch in found.batches(5):
            made.upsert(**batch)
        best = made.search(VECTORS[31], k=1, filter={"b": {"$exists": False}})[0]
        assert (len(made), best.id, best.text) == (19, "k5", "again")


def test_the_file_itself_does_for_the_folder() -> None:
    assert read_chroma(FOLDER / "chroma.sqlite3", "queued").n == 19


def test_nothing_is_written(folder: Path) -> None:
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    gathered(read_chroma(folder, "indexed-l2"))
    assert before == {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_one_collection_needs_no_name(folder: Path) -> None:
    run(folder, "DELETE FROM collections WHERE name <> 'queued'")
    assert read_chroma(folder).n == 19
    run(folder, "DELETE FROM collections")
    with pytest.raises(InputError, match="no collections"):
        read_chroma(folder)


@pytest.mark.parametrize("name", [None, "other"])
def test_otherwise_the_names_are_listed(name: str | None) -> None:
    with pytest.raises(InputError, match=r"'empty', 'indexed-cosine', .*'queued'"):
        read_chroma(FOLDER, name)


def test_an_empty_collection_is_said_so() -> None:
    with pytest.raises(InputError, match="'empty' is empty"):
        read_chroma(FOLDER, "empty")


def test_a_name_in_two_databases_is_told_apart_by_the_id(folder: Path) -> None:
    run(
        folder,
        "UPDATE collections SET name = 'queued', database_id = 'x' WHERE name = 'indexed-l2'",
    )
    with pytest.raises(InputError, match=r"several are named 'queued'; give an id: .*-") as caught:
        read_chroma(folder, "queued")
    for collection, n in run(folder, "SELECT id, dimension FROM collections WHERE name='queued'"):
        assert collection in str(caught.value) and read_chroma(folder, collection).dim == n


def test_a_folder_that_is_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file; expected the folder of a chromadb"):
        read_chroma(tmp_path)


@pytest.mark.parametrize(
    ("column", "value", "metric"),
    [
        ("config_json_str", {"hnsw_configuration": {"space": "ip"}}, "ip"),
        ("config_json_str", {"hnsw": {"space": "cosine"}}, "cosine"),
        ("config_json_str", {"hnsw": None}, "l2"),
        ("config_json_str", [], "l2"),
    ],
)
def test_where_older_versions_keep_the_metric(
    folder: Path, column: str, value: Any, metric: str
) -> None:
    run(folder, f"UPDATE collections SET schema_str = NULL, {column} = ?", json.dumps(value))
    assert read_chroma(folder, "queued").metric == metric
    sql = (
        "INSERT INTO collection_metadata (collection_id, key, str_value) "
        "SELECT id, 'hnsw:space', 'cosine' FROM collections WHERE name = 'queued'"
    )
    run(folder, sql)
    assert read_chroma(folder, "queued").metric == "cosine"


def test_an_unknown_metric_is_an_error(folder: Path) -> None:
    run(folder, "UPDATE collections SET schema_str = NULL, config_json_str = ?",
        '{"hnsw": {"space": "l7"}}')  # fmt: skip
    with pytest.raises(FormatError, match="space 'l7', expected one of l2, cosine, ip"):
        read_chroma(folder, "queued")


def test_what_only_the_queue_has_is_replayed(folder: Path) -> None:
    # As if Chroma had been ended before it took anything out of the queue.
    tables = segment(folder, "queued", "METADATA")
    run(folder, "DELETE FROM embeddings WHERE segment_id = ?", tables)
    run(folder, "DELETE FROM max_seq_id WHERE segment_id = ?", tables)
    same(folder, "queued")


def test_the_queue_goes_on_from_what_the_tables_have(folder: Path) -> None:
    tables, query = segment(folder, "queued", "METADATA"), "SELECT min(seq_id) FROM embeddings"
    first = run(folder, f"{query} WHERE segment_id = ?", tables)[0][0]
    run(folder, "UPDATE max_seq_id SET seq_id = ? WHERE segment_id = ?", first + 9, tables)
    keep = [f"k{i}" for i in range(10)]  # k3 and k5 are deleted later, by the queue
    marks = ", ".join("?" * len(keep))
    run(folder, f"DELETE FROM embeddings WHERE embedding_id NOT IN ({marks})", *keep)
    last = run(folder, "SELECT max(id) FROM embeddings")[0][0]
    sql = "INSERT INTO embeddings (id, segment_id, embedding_id, seq_id) VALUES (?, ?, 'k3', 0)"
    run(folder, sql, last + 1, tables)
    same(folder, "queued")


def test_entries_of_the_queue_by_hand(folder: Path) -> None:
    last = run(folder, "SELECT max(seq_id) FROM embeddings_queue")[0][0]
    sql = (
        "INSERT INTO embeddings_queue (operation, topic, id, vector, encoding, metadata) "
        "SELECT ?, 'x/' || id, ?, ?, 'FLOAT32', ? FROM collections WHERE name = 'indexed-l2'"
    )
    vector = VECTORS[39].tobytes()
    run(folder, sql, 3, "t0", None, None)  # deletes one of the index
    run(folder, sql, 0, "t0", vector, '{"a": 1}')  # and adds it anew
    run(folder, sql, 0, "t5", vector, '{"a": 1}')  # is there: nothing is done
    run(folder, sql, 1, "t6", None, '{"chroma:document": "text", "b": [true]}')
    run(folder, sql, 1, "none", vector, '{"a": 1}')  # is not there: nothing is done
    run(folder, sql, 2, "new", vector, None)
    run(folder, sql, 3, "t7", None, "null")
    assert last < run(folder, "SELECT max(seq_id) FROM embeddings_queue")[0][0]
    found = gathered(read_chroma(folder, "indexed-l2"))
    assert found["t0"][1] == {"a": 1} and found["t5"][1] is None
    assert found["t6"][1:] == ({"b": [True]}, "text")
    assert "none" not in found and "t7" not in found and found["new"][1:] == (None, None)
    for point, row in (("t0", 39), ("t5", 5), ("t6", 6), ("new", 39)):
        np.testing.assert_array_equal(found[point][0], VECTORS[row])


def test_a_folder_of_an_old_version() -> None:
    # An object in the pickle, sequence numbers as bytes, a configuration that says l2 in any case.
    folder, expected = DATA / "chroma-0.5", json.loads((DATA / "chroma-0.5.json").read_text())
    (pickled,) = folder.glob("*/index_metadata.pickle")
    assert b"PersistentData" in pickled.read_bytes()
    assert "bytes" in {
        type(end).__name__ for (end,) in run(folder, "SELECT seq_id FROM max_seq_id")
    }
    assert '"space": "l2"' in run(folder, "SELECT config_json_str FROM collections")[0][0]
    found = read_chroma(folder)
    assert (found.dim, found.metric, found.n) == (8, "cosine", 24)
    same(folder, "old", expected["old"])
    points = gathered(found)
    assert points["t0"][1:] == ({"n": 0, "b": True}, "document 0")
    np.testing.assert_array_equal(points["t23"][0], VECTORS[23])
    np.testing.assert_allclose(points["t0"][0], VECTORS[0], rtol=1e-6)


def test_an_old_pickle_says_how_far_the_index_is(folder: Path) -> None:
    where = folder / segment(folder, "indexed-l2")
    path = where / "index_metadata.pickle"
    last = run(folder, "SELECT seq_id FROM max_seq_id WHERE segment_id = ?", where.name)[0][0]
    run(folder, "DELETE FROM max_seq_id WHERE segment_id = ?", where.name)
    path.write_bytes(pickle.dumps({**pickle.loads(path.read_bytes()), "max_seq_id": last}))
    run(folder, "DROP TABLE embedding_metadata_array")
    run(folder, "ALTER TABLE collections DROP COLUMN schema_str")
    same(folder, "indexed-l2")


def test_a_pickle_that_calls_is_refused(folder: Path, tmp_path: Path) -> None:
    where = folder / segment(folder, "indexed-l2") / "index_metadata.pickle"
    made = tmp_path / "made"
    where.write_bytes(pickle.dumps({"id_to_label": Evil(made)}))
    with pytest.raises(FormatError, match="refused") as caught:
        read_chroma(folder, "indexed-l2")
    assert not made.exists() and caught.value.source == str(where)


DAMAGE: list[tuple[str, str, type[Exception]]] = [
    ("UPDATE collections SET dimension = 9", "9; got|bytes, expected|got dim 9", Exception),
    ("UPDATE collections SET dimension = -1", "-1, expected", FormatError),
    ("UPDATE collections SET dimension = 'x'", "str, expected int", FormatError),
    (
        "UPDATE collections SET name = x'00' WHERE name = 'empty'",
        "bytes, expected str",
        FormatError,
    ),
    ("UPDATE collections SET schema_str = '{'", "no JSON", FormatError),
    ("DELETE FROM segments", "without its segments", FormatError),
    ("UPDATE segments SET id = '../' || id WHERE scope = 'VECTOR'", "without its", FormatError),
    ("UPDATE segments SET type = 'urn:chroma:segment/vector/spann'", "spann", UnsupportedError),
    ("UPDATE embeddings_queue SET operation = 9", "9 is no operation", FormatError),
    ("UPDATE embeddings_queue SET vector = x'00'", "1 bytes, expected 32", FormatError),
    ("UPDATE embeddings_queue SET vector = 'text'", "str, expected bytes", FormatError),
    ("UPDATE embeddings_queue SET encoding = 'INT32'", "INT32, expected FLOAT32", UnsupportedError),
    ("UPDATE embeddings_queue SET vector = NULL", "has no vector", FormatError),
    ("DELETE FROM embeddings_queue", "has no vector", FormatError),
    ("DROP TABLE embeddings_queue", "has no vector", FormatError),
    ("UPDATE embedding_metadata SET int_value = x'00'", "bytes, expected int", FormatError),
    ("UPDATE embedding_metadata SET key = 'l'", "UNIQUE", sqlite3.IntegrityError),
    ("UPDATE embedding_metadata_array SET key = 'n'", "a value and a list", FormatError),
    ("UPDATE max_seq_id SET seq_id = 'x'", "str, expected int", FormatError),
    ("ALTER TABLE segments RENAME COLUMN collection TO c", "no such column", FormatError),
    (
        "UPDATE embedding_metadata SET string_value = NULL, int_value = 1 "
        "WHERE key = 'chroma:document'",
        "a document that is no text",
        FormatError,
    ),
]


@pytest.mark.parametrize(("sql", "message", "error"), DAMAGE)
@pytest.mark.parametrize("name", ["queued", "indexed-l2"])
def test_values_that_cannot_be(
    folder: Path, name: str, sql: str, message: str, error: type[Exception]
) -> None:
    def attempt() -> None:
        run(folder, sql)
        gathered(read_chroma(folder, name))

    if name == "queued":
        with pytest.raises(error, match=message):
            attempt()
    else:
        with suppress(*REFUSED, sqlite3.IntegrityError):
            attempt()


@pytest.mark.parametrize("file", ["header.bin", "data_level0.bin"])
def test_a_file_of_the_index_that_is_missing(folder: Path, file: str) -> None:
    (folder / segment(folder, "indexed-l2") / file).unlink()
    with pytest.raises(FormatError, match="missing, beside index_metadata"):
        read_chroma(folder, "indexed-l2")


def test_an_index_of_another_version(folder: Path) -> None:
    path = folder / segment(folder, "indexed-l2") / "header.bin"
    path.write_bytes(b"\x02" + path.read_bytes()[1:])
    with pytest.raises(UnsupportedError, match="version 2, expected 1"):
        read_chroma(folder, "indexed-l2")


@pytest.mark.parametrize(
    "labels", [{"t0": 99}, {"t0": "x"}, {"t0": -1}, {"t0": 3, "t9": 3}, {1: 2}, {}, None]
)
def test_ids_that_do_not_fit_the_index(folder: Path, labels: Any) -> None:
    path = folder / segment(folder, "indexed-l2") / "index_metadata.pickle"
    path.write_bytes(pickle.dumps({"id_to_label": labels}))
    with pytest.raises(FormatError):
        gathered(read_chroma(folder, "indexed-l2"))


def test_tables_that_compute_are_not_let_run(folder: Path) -> None:
    run(folder, "ALTER TABLE embeddings RENAME TO e")
    run(folder, "CREATE VIEW embeddings AS SELECT * FROM e a, e b, e c, e d, e f, e g, e h")
    assert read_chroma(folder, "queued").n == 0
    run(folder, "DROP VIEW embeddings")
    run(folder, "CREATE TABLE embeddings (id, segment_id, embedding_id AS (zeroblob(1 << 27)))")
    sql = "INSERT INTO embeddings SELECT 1, id FROM segments"
    run(folder, sql)
    with pytest.raises(FormatError, match="SQLite says"):
        read_chroma(folder, "queued")


def test_a_python_without_sqlite_is_said_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sqlite3", None)
    with pytest.raises(MissingExtraError, match="built without it"):
        read_chroma(FOLDER)


def test_batches_may_be_taken_in_another_thread() -> None:
    found = read_chroma(FOLDER, "queued").batches(5)
    first = next(found)
    with ThreadPoolExecutor(1) as other:
        rest = other.submit(list, found).result()
    assert sum(len(batch["ids"]) for batch in [first, *rest]) == 19


def test_a_file_that_another_writes_to_is_said_so(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = sqlite3.connect
    with closing(connect(folder / "chroma.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        monkeypatch.setattr(sqlite3, "connect", lambda *a, **k: connect(*a, **k, timeout=0))
        with pytest.raises(LockedError, match="close the client"):
            read_chroma(folder, "queued")


def test_a_file_with_a_write_ahead_log_is_read_with_it(folder: Path) -> None:
    with closing(sqlite3.connect(folder / "chroma.sqlite3", isolation_level=None)) as other:
        other.execute("PRAGMA journal_mode = WAL")
        other.execute("UPDATE embeddings SET embedding_id = 'renamed' WHERE embedding_id = 't3'")
        other.execute("DELETE FROM embeddings_queue WHERE id = 't3'")
        with pytest.raises(FormatError, match="'renamed' has no vector"):
            gathered(read_chroma(folder, "indexed-l2"))


def hurt(folder: Path, file: str, change: Callable[[bytes], bytes]) -> None:
    path = folder / file
    path.write_bytes(change((FOLDER / file).read_bytes()))
    for name in ("queued", "indexed-cosine"):
        with suppress(*REFUSED):
            list(read_chroma(folder, name).batches(100))


INDEX = segment(FOLDER, "indexed-cosine")
HURT = ["chroma.sqlite3"] + [
    f"{INDEX}/{file}"
    for file in ("index_metadata.pickle", "header.bin", "data_level0.bin", "length.bin")
]


@pytest.mark.parametrize("file", HURT, ids=lambda file: Path(file).name)
def test_cut_and_changed_folders_are_points_or_errors(folder: Path, file: str) -> None:
    size = (FOLDER / file).stat().st_size
    chance = random.Random(size)
    for _ in range(40):
        at = chance.randrange(size)
        hurt(folder, file, lambda data, at=at: data[:at])  # type: ignore[misc]
    for _ in range(400 if size > 10_000 else 100):
        at, value = chance.randrange(size), chance.randrange(1, 256)

        def change(data: bytes, at: int = at, value: int = value) -> bytes:
            return data[:at] + bytes([data[at] ^ value]) + data[at + 1 :]

        hurt(folder, file, change)
