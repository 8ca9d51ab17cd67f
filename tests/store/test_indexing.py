"""Indexes of segments: made beside other work, saved, and made again where they are damaged."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from abi.errors import DamageWarning
from abi.index import _ivf_plan
from abi.kernels import select
from abi.store import Database
from abi.store.files import MemoryFiles
from abi.store.indexes import _asked, _choice, _file, _judge
from abi.store.search import _nearest

N, DIM = 600, 8


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_choice, "_LEAST", 100)
    monkeypatch.setattr(_file, "_STEP", 256)
    monkeypatch.setattr(_nearest, "_FEW", 0)


def points(seed: int = 0, n: int = N) -> Any:
    return np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)


def database(index: str = "hnsw", metric: str = "cosine") -> Database:
    db = Database(MemoryFiles())
    notes = db.create_collection("a", dim=DIM, index=index, metric=metric)
    notes.upsert(list(range(N)), points(), [{"n": i % 10} for i in range(N)])
    return db


def indexes(db: Database) -> list[str]:
    return [name for name in db._engine.files.list() if name.endswith("-index")]


def kinds(db: Database) -> list[tuple[str, str]]:
    """Index and codes of each segment."""
    db["a"].search(np.ones(DIM))
    return [(i["index"], i["quantization"]) for i in db.info()["collections"]["a"]["indexes"]]


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
    monkeypatch.setattr(_choice, "_PAYS", N * DIM)
    monkeypatch.setattr(_choice, "_PARTITIONS", (select().name,))
    db = database(index="auto")
    db.compact()
    assert kinds(db) == [("ivf", "none")]
    assert indexes(db) == []  # partitions are the order in which vectors lie
    monkeypatch.setattr(_choice, "_PARTITIONS", ())
    db = database(index="auto")
    db.compact()
    assert kinds(db) == [("hnsw", "none")]


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


def inserted(monkeypatch: pytest.MonkeyPatch) -> list[range]:
    """The rows that are linked into graphs from now on."""
    found: list[range] = []
    plain = type(select()).hnsw_insert

    def insert(self: Any, graph: Any, data: Any, metric: str, start: int, stop: int, *rest: Any):  # type: ignore[no-untyped-def]
        found.append(range(start, stop))
        return plain(self, graph, data, metric, start, stop, *rest)

    monkeypatch.setattr(type(select()), "hnsw_insert", insert)
    return found


@pytest.mark.parametrize("metric", ["cosine", "l2"])
def test_a_graph_goes_on_where_its_rows_are_merged(
    monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    db = database(metric=metric)
    db["a"].upsert(["without"], [None])
    db.compact()
    some = np.random.default_rng(5).permutation(N)[:100].tolist()
    db["a"].upsert([*some[:50], *range(N, N + 30)], points(3, 80))
    db["a"].delete(some[50:])
    db.checkpoint()
    rows = inserted(monkeypatch)
    db.compact()
    assert rows == [range(500, 580)]  # 600 but for 100 that died, and 80 that came
    assert len(indexes(db)) == 1
    assert db.check() == []
    queries = points(9, 40)
    exact = db["a"].search_batch(queries, 10, exact=True)
    found = db["a"].search_batch(queries, 10, ef=100)
    same = [len({*ids(a)} & {*ids(b)}) for a, b in zip(exact, found, strict=True)]
    assert np.mean(same) > 9.8
    gone = {*some[50:]}
    assert not any(gone & {*ids(hits)} for hits in found)
    rows.clear()
    db["a"].delete(range(200, 460))
    db.compact()
    assert rows == []  # nothing came
    assert db.check() == []
    assert ids(db["a"].search(points()[3], 1)) == [3] or 3 in some


def test_a_damaged_graph_is_no_beginning(monkeypatch: pytest.MonkeyPatch) -> None:
    db = database()
    db.compact()
    (name,) = indexes(db)
    files: Any = db._engine.files
    files.contents[name][1000] ^= 1
    db["a"].upsert([N], points(3, 1))
    rows = inserted(monkeypatch)
    db.compact()
    assert rows[0].start == 0
    assert rows[-1].stop == N + 1
    assert db.check() == []


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


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
@pytest.mark.parametrize("quantization", ["none", "int8", "binary", "pq"])
@pytest.mark.parametrize("index", ["flat", "hnsw", "ivf"])
def test_every_index_with_every_code(index: str, quantization: str, metric: str) -> None:
    """Near to the exact result, filters and deletions kept, and the same after closing."""
    db = Database(MemoryFiles())
    settings = {"index": index, "quantization": quantization, "metric": metric, "pq_m": 4}
    notes = db.create_collection("a", dim=DIM, oversample=12, nlist=8, **settings)
    notes.upsert(list(range(N)), points(), [{"n": i % 10} for i in range(N)])
    db.compact()
    queries = points(1, 40)
    exact = notes.search_batch(queries, 10, exact=True)
    found = notes.search_batch(queries, 10, ef=100, nprobe=6)
    same = [len({*ids(a)} & {*ids(b)}) for a, b in zip(exact, found, strict=True)]
    assert np.mean(same) > 9
    plain = (index, quantization) == ("flat", "none")
    assert kinds(db) == ([] if plain else [(index, quantization)])
    for a, b in zip(exact, found, strict=True):
        if a[0].id == b[0].id:
            assert b[0].score == pytest.approx(a[0].score, abs=1e-5)
    notes.delete(list(range(0, N, 2)))
    hits = notes.search(queries[0], N, filter={"n": {"$gte": 5}})
    assert sorted(ids(hits)) == [i for i in range(1, N, 2) if i % 10 >= 5]
    point = notes.get([7], with_vectors=True)[0]
    assert np.array_equal(point.vector, points()[7])
    before = [ids(hits) for hits in notes.search_batch(queries, 5)]
    db.close()
    again = Database(db._engine.files)
    assert [ids(hits) for hits in again["a"].search_batch(queries, 5)] == before
    assert again.check() == []


def test_partitions_are_kept_and_mended_when_segments_are_merged() -> None:
    db = database("ivf")
    db.compact()
    (live,) = db._engine.collections.named("a").segments  # type: ignore[union-attr]
    before = live.segment.partitions("")
    assert before is not None
    notes = db["a"]
    far = points(3, 350) * 0.1 + 5  # all in one direction: their partition must be split
    notes.upsert(list(range(N, N + 350)), far)
    notes.delete(list(range(0, N, 10)))
    db.compact()
    (live,) = db._engine.collections.named("a").segments  # type: ignore[union-attr]
    after = live.segment.partitions("")
    assert after is not None
    kept = {row.tobytes() for row in before[0]} & {row.tobytes() for row in after[0]}
    assert len(kept) > len(before[0]) / 2
    assert np.diff(after[1]).max() < 150
    queries = np.concatenate([points(4, 20), far[:20]])
    exact = notes.search_batch(queries, 10, exact=True)
    found = notes.search_batch(queries, 10, nprobe=len(after[0]) // 2)
    assert np.mean([len({*ids(a)} & {*ids(b)}) for a, b in zip(exact, found, strict=True)]) > 9.5
    assert db.check() == []


def judged(db: Database) -> dict[str, Any]:
    """What is known of the one index, judged now by what was asked."""
    (live,) = db._engine.collections.named("a").segments  # type: ignore[union-attr]
    opened = live.segment.index("", select())
    assert opened is not None
    opened.asked._after = 0.0
    db._engine.tidy()
    found: dict[str, Any] = db.info()["collections"]["a"]["indexes"][0]
    return found


@pytest.mark.parametrize("index", ["ivf", "hnsw"])
def test_recall_is_measured_on_what_is_asked_and_mended(
    index: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Settings that find too little are made wider, and stay so after closing."""
    monkeypatch.setattr(_ivf_plan, "_SURE", 1e9)  # never compare all, few as they are
    db = Database(MemoryFiles())
    notes = db.create_collection("a", dim=DIM, index=index, ef=10, nprobe=1, M=2, ef_construction=4)
    notes.upsert(list(range(2000)), points(n=2000), [{"n": i % 10} for i in range(2000)])
    db.compact()
    for query in points(1, 60):
        notes.search(query)
    first = judged(db)
    assert first["judged_by"] == 48
    assert first["recall"] >= 0.95
    width = "ef" if index == "hnsw" else "nprobe"
    assert first[width] > 10 if index == "hnsw" else first[width] > 1
    queries = points(2, 50)
    exact, found = notes.search_batch(queries, exact=True), notes.search_batch(queries)
    assert np.mean([len({*ids(a)} & {*ids(b)}) for a, b in zip(exact, found, strict=True)]) > 9
    db.close()
    again = Database(db._engine.files)
    again["a"].search(queries[0])
    assert again.info()["collections"]["a"]["indexes"][0][width] == first[width]


def test_an_index_that_cannot_find_enough_is_made_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its links lead anywhere."""
    monkeypatch.setitem(_judge._LIMITS, "ef", 64)
    db = Database(MemoryFiles())
    notes = db.create_collection("a", dim=DIM, index="hnsw", recall=0.99)
    notes.upsert(list(range(2000)), points(n=2000))
    db.compact()
    (live,) = db._engine.collections.named("a").segments  # type: ignore[union-attr]
    opened = live.segment.index("", select())
    assert opened is not None
    rng, graph = np.random.default_rng(0), opened.index.graph
    anywhere = rng.integers(0, 2000, graph.links.shape).astype(np.int32)
    opened.index.graph = replace(graph, links=anywhere)
    for query in points(1, 40):
        notes.search(query)
    (old,) = indexes(db)
    opened.asked._after = 0.0
    db._engine.tidy()
    (new,) = indexes(db)
    assert new != old
    exact, found = (notes.search_batch(points(2, 40), exact=e) for e in (True, False))
    assert np.mean([len({*ids(a)} & {*ids(b)}) for a, b in zip(exact, found, strict=True)]) > 9.8


def test_mended_partitions_are_made_anew_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of data without structure many must be looked into, whoever made them."""
    monkeypatch.setattr(_ivf_plan, "_SURE", 1e9)
    db = database("ivf")
    db.compact()
    notes = db["a"]
    notes.upsert(list(range(N, N + 300)), points(5, 300))
    db.compact()

    def segment() -> Any:
        (live,) = db._engine.collections.named("a").segments  # type: ignore[union-attr]
        return live.segment

    mended = segment()
    assert mended.mended("")
    mended.tune("", {"nprobe": 47})
    for query in points(1, 40):
        notes.search(query)
    mended.index("", select()).asked._after = 0.0
    db._engine.tidy()
    fresh = segment()
    assert fresh is not mended
    assert not fresh.mended("")
    fresh.tune("", {"nprobe": 47})
    for query in points(1, 40):
        notes.search(query)
    fresh.index("", select()).asked._after = 0.0
    db._engine.tidy()
    assert segment() is fresh
    assert db._engine._anew is None


def test_damaged_partitions_are_said_and_made_again() -> None:
    db = database("ivf")
    db.compact()
    files: Any = db._engine.files
    (live,) = db._engine.collections.named("a").segments  # type: ignore[union-attr]
    name = live.segment.name
    partitions = live.segment.partitions("")
    assert partitions is not None
    at = files.contents[name].index(partitions[0].tobytes())
    db.close()
    files.contents[name][at + 5] ^= 1
    with pytest.warns(DamageWarning, match="index: .*damaged.*; it is made again"):
        again = Database(files)
    exact = ids(again["a"].search(points(1)[0], 10, exact=True))
    assert ids(again["a"].search(points(1)[0], 10)) == exact
    again.compact()
    assert again.check() == []
    assert kinds(again) == [("ivf", "none")]
    assert ids(again["a"].search(points(1)[0], 10, exact=True)) == exact


def test_recall_is_judged_beside_what_goes_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Searches alone start it, in another thread."""
    monkeypatch.setattr(_asked, "_FIRST", 0.0)
    db = database("ivf")
    db.compact()
    for query in points(1, 60):
        db["a"].search(query, filter={"n": {"$gte": 2}})
    worker = db._engine._worker
    assert worker is not None
    deadline = time.monotonic() + 10
    while worker.busy() and time.monotonic() < deadline:
        time.sleep(0.01)
    (info,) = db.info()["collections"]["a"]["indexes"]
    assert info["recall"] >= 0.95


def test_a_search_explains_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    db = database("ivf")
    db.compact()
    db["a"].upsert([N], [np.ones(DIM)])
    hits = db["a"].search(points(1)[0], 5, filter={"n": 3}, explain=True)
    assert ids(hits) == ids(db["a"].search(points(1)[0], 5, filter={"n": 3}))
    segment, memory = hits.steps
    assert (segment.index, segment.vectors, segment.stats.allowed) == ("ivf", N, N // 10)
    assert segment.stats.plan == "exact"
    assert segment.stats.compared == N // 10
    assert segment.stats.costs["exact"] < segment.stats.costs["partitions"]
    assert (memory.part, memory.index, memory.vectors) == ("memory", "none", 1)
    first, second = hits.explain().splitlines()
    assert "600 vectors, 60 of them match; index ivf; compared every vector" in first
    assert "by estimated cost: exact" in first
    assert second.startswith("memory: 1 vectors, 0 of them match; index none")
    monkeypatch.setattr(_ivf_plan, "_SURE", 1e9)
    (step, _) = db["a"].search(points(1)[0], 5, nprobe=3, explain=True).steps
    assert (step.stats.plan, step.stats.width) == ("partitions", 3)
    assert 0 < step.stats.compared < N
    both = db["a"].search(points(1)[0], 5, text="word", explain=True)
    assert [s.part for s in both.steps] == [segment.part, "memory"]


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
    settings = db["a"].config.vectors[""]
    assert _file.build(_choice.Choice("hnsw", "none"), vectors, settings, None, stop) is None
    assert len(steps) == 2
