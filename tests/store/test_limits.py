"""Limits that bite early: each a clear error before anything is written."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abi.errors import InputError
from abi.store import Database, _batch
from abi.store.files import MemoryFiles


@pytest.fixture
def db() -> Database:
    database = Database(MemoryFiles())
    database.create_collection("a", dim=2).upsert([1], [[1, 0]], [{"n": 1}], ["text"])
    database.create_collection("named", vectors={"x": 2, "y": {"dim": 16, "metric": "hamming"}})
    database.create_collection("texts")
    return database


UPSERTS: list[tuple[str, dict[str, Any], str]] = [
    ("a", {"ids": [1], "vectors": [[1, 2, 3]]}, r"vectors: shape \(1, 3\), expected \(n, 2\)"),
    ("a", {"ids": [1], "vectors": [1, 2]}, r"vectors: shape \(2,\), expected \(n, 2\)"),
    ("a", {"ids": [1, 2], "vectors": [[1, 2]]}, "vectors: 1 for 2 ids; give one each"),
    ("a", {"ids": [1], "vectors": [[1, float("nan")]]}, r"vectors\[0\]\[1\]: nan; expected a num"),
    ("a", {"ids": [1, 2], "vectors": [[1, 2], [-np.inf, 0]]}, r"vectors\[1\]\[0\]: -inf; expect"),
    ("a", {"ids": [1], "vectors": [[1e300, 0]]}, r"vectors\[0\]\[0\]: 1e\+300; expected a number"),
    ("a", {"ids": [1], "vectors": [[1e16, 0]]}, r"expected a number of at most 1e\+15"),
    ("a", {"ids": [1], "vectors": [["a", "b"]]}, r"vectors: no \(n, 2\) array of numbers"),
    ("a", {"ids": [1], "vectors": [[1, 2], [3]]}, r"vectors: no \(n, 2\) array of numbers"),
    ("a", {"ids": [1], "vectors": {"x": [[1, 2]]}}, r"vectors\['x'\]: this collection has no such"),
    ("a", {"ids": [1, 1]}, "ids: 1 is there twice; give each id once in a batch"),
    ("a", {"ids": [1.5]}, r"ids\[0\]: got float"),
    ("a", {"ids": 1}, "ids: got int; expected a list of ids"),
    ("a", {"ids": [1], "payloads": [{1: 2}]}, r"payloads\[0\]: a key is int"),
    ("a", {"ids": [1], "payloads": [{"x": {1}}]}, r"payloads\[0\].x: got set"),
    ("a", {"ids": [1], "payloads": [[1]]}, r"payloads\[0\]: got list; expected a dict"),
    ("a", {"ids": [1], "payloads": [{"x": "y" * (1 << 20)}]}, r"payloads\[0\]: 1048584 bytes; exp"),
    ("a", {"ids": [1], "payloads": {"n": 1}}, "payloads: got dict; expected a list"),
    ("a", {"ids": [1], "payloads": []}, "payloads: 0 for 1 ids; give one each, None for none"),
    ("a", {"ids": [1], "texts": "text"}, "texts: got str; expected a list"),
    ("a", {"ids": [1], "texts": [b"x"]}, r"texts\[0\]: got bytes; expected a string"),
    ("a", {"ids": [1], "texts": ["\ud800"]}, r"texts\[0\]: a lone surrogate"),
    (
        "named",
        {"ids": [1], "vectors": [[1, 2]]},
        r"vectors: .* with 'x', 'y'",
    ),
    ("named", {"ids": [1], "vectors": {"y": [[1, 256]]}}, r"vectors\['y'\]: int64, expected byt"),
    ("named", {"ids": [1], "vectors": {"y": [[-1, 0]]}}, r"int64, expected bytes with 8 bits each"),
    ("named", {"ids": [1], "vectors": {"y": [[1.0, 2]]}}, r"float64, expected bytes with 8 bits"),
    (
        "named",
        {"ids": [1], "vectors": {"y": np.uint8([[1]])}},
        r"\(n, 2 bytes = 16 bits\)",
    ),
    ("texts", {"ids": [1], "vectors": [[1]]}, "vectors: this .* no such vector; upsert without"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), UPSERTS)
def test_a_bad_upsert_writes_nothing(
    db: Database, name: str, arguments: dict[str, Any], message: str
) -> None:
    sequence = db.sequence
    files = {k: bytes(v) for k, v in db._engine.files.contents.items()}  # type: ignore[attr-defined]
    with pytest.raises(InputError, match=message):
        db[name].upsert(**arguments)
    assert db.sequence == sequence
    assert {k: bytes(v) for k, v in db._engine.files.contents.items()} == files  # type: ignore[attr-defined]
    assert [p.payload for p in db["a"].points()] == [{"n": 1}]


def test_a_batch_has_a_largest_size(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_batch, "MAX_BATCH_BYTES", 100)
    with pytest.raises(InputError, match="a batch of 160 bytes; 100 at most: split it"):
        db["a"].upsert(list(range(20)), np.ones((20, 2)))


SEARCHES: list[tuple[str, dict[str, Any], str]] = [
    ("a", {}, "search: give vector=, text= or both"),
    ("a", {"vector": [1, 2, 3]}, r"vector: shape \(1, 3\), expected \(n, 2\)"),
    ("a", {"vector": [1, float("nan")]}, r"vector\[0\]\[1\]: nan"),
    ("a", {"vector": [1, 2], "k": 0}, "k=0: expected an integer from 1 to"),
    ("a", {"vector": [1, 2], "k": 2.0}, "k=2.0: expected an integer"),
    ("a", {"vector": [1, 2], "ef": 0}, "ef=0: expected an integer"),
    ("a", {"vector": [1, 2], "using": "x"}, "using='x': this collection has ''"),
    ("a", {"vector": [1, 2], "filter": {"a": {"$foo": 1}}}, r"filter.a.\$foo: unknown operator"),
    ("a", {"vector": [1, 2], "text": "a", "fusion": "x"}, "fusion='x': expected one of rrf, weig"),
    ("a", {"vector": [1, 2], "text": "a", "weights": [1]}, r"weights=\[1\]: expected 2 numbers"),
    ("named", {"vector": [1, 2]}, "using='': this collection has 'x', 'y'"),
    ("texts", {"vector": [1, 2]}, "using='': this collection has no vectors at all"),
]


@pytest.mark.parametrize(("name", "arguments", "message"), SEARCHES)
def test_a_bad_search_is_refused(
    db: Database, name: str, arguments: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        db[name].search(**arguments)


CREATIONS: list[tuple[dict[str, Any], str]] = [
    ({"name": "a", "dim": 2}, "collection 'a': is there already; exist_ok=True takes it"),
    ({"name": "a", "dim": 3, "exist_ok": True}, "'a': is there already with other settings"),
    ({"name": "", "dim": 2}, "name: '': expected 1 to 255 bytes"),
    ({"name": "x\n", "dim": 2}, "name: .* characters that cannot be printed"),
    ({"name": 3, "dim": 2}, "name: got int; expected a string"),
    ({"name": "x", "dim": 0}, "dim=0: expected an integer from 1 to 65536"),
    ({"name": "x", "dim": 2.0}, "dim=2.0: expected an integer"),
    ({"name": "x", "dim": 2, "metric": "dot"}, "metric='dot': expected one of 'cosine', 'ip'"),
    (
        {"name": "x", "dim": 2, "index": "lsh"},
        "index='lsh': expected one of 'auto', 'flat'",
    ),
    ({"name": "x", "dim": 9, "metric": "hamming"}, "dim=9: bits come in bytes; give a multiple"),
    ({"name": "x", "dim": 2, "M": 1}, "M=1: expected an integer from 2 to 512"),
    ({"name": "x", "dim": 2, "nlists": 1}, "create_collection: .*nlists"),
    ({"name": "x", "dim": 2, "vectors": {"y": 1}}, r"dim= and vectors=: give one vector by dim="),
    ({"name": "x", "vectors": {"y": {"metric": "l2"}}}, r"vectors\['y'\]: without \"dim\""),
    ({"name": "x", "vectors": {"y": {"dim": 2, "z": 1}}}, r"vectors\['y'\]: unknown 'z'"),
    ({"name": "x", "dim": 2, "max_payload_bytes": 1}, "max_payload_bytes=1: expected an integer"),
]


@pytest.mark.parametrize(("arguments", "message"), CREATIONS)
def test_a_bad_collection_is_refused(db: Database, arguments: dict[str, Any], message: str) -> None:
    names = db.collections()
    with pytest.raises(InputError, match=message):
        db.create_collection(**arguments)
    assert db.collections() == names


def test_a_collection_that_is_not_there_is_named(db: Database) -> None:
    with pytest.raises(InputError, match="no collection 'b'; there are: 'a', 'named', 'texts'"):
        db["b"]
    with pytest.raises(InputError, match="no collection 'b'"):
        db.drop_collection("b")


def test_a_dropped_collection_says_so(db: Database) -> None:
    notes = db["a"]
    db.drop_collection("a")
    db.create_collection("a", dim=5)
    for call in (lambda: len(notes), lambda: notes.upsert([1], [[1, 2]]), lambda: notes.name):
        with pytest.raises(InputError, match="this collection was dropped; create it again"):
            call()


@pytest.mark.parametrize("arguments", [{}, {"ids": [1], "filter": {"n": 1}}])
def test_a_deletion_takes_ids_or_a_filter(db: Database, arguments: dict[str, Any]) -> None:
    with pytest.raises(InputError, match="delete: give ids= or filter=, one of both"):
        db["a"].delete(**arguments)
    assert len(db["a"]) == 1
