"""What a collection answers: scores, order, thresholds, texts, both, several vectors."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from abi.store import Collection, Database, TermCounts
from abi.store.files import MemoryFiles


def made(stored: bool, **settings: Any) -> Collection:
    db = Database(MemoryFiles())
    return db.create_collection("a", **settings)


@pytest.fixture(params=["in memory", "in segments", "in both"])
def where(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def fill(notes: Collection, where: str, *batches: dict[str, Any]) -> None:
    for i, batch in enumerate(batches):
        notes.upsert(**batch)
        if where == "in segments" or (where == "in both" and i == 0):
            notes._engine.checkpoint()


def ids(hits: Any) -> list[Any]:
    return [hit.id for hit in hits]


@pytest.mark.parametrize(
    ("metric", "expected"),
    [
        ("cosine", [("b", 1.0), ("c", 1 / math.sqrt(2)), ("a", 0.0), ("zero", 0.0)]),
        ("ip", [("b", 6.0), ("c", 2.0), ("a", 0.0), ("zero", 0.0)]),
        ("l2", [("b", 1.0), ("c", math.sqrt(2)), ("zero", 2.0), ("a", math.sqrt(5))]),
    ],
)
def test_scores_and_order(where: str, metric: str, expected: list[tuple[str, float]]) -> None:
    notes = made(True, dim=2, metric=metric, index="flat")
    first = {"ids": ["a", "b"], "vectors": [[1, 0], [0, 3]]}
    fill(notes, where, first, {"ids": ["c", "zero"], "vectors": [[1, 1], [0, 0]]})
    hits = notes.search([0, 2], k=10)
    assert ids(hits) == [id_ for id_, _ in expected]
    assert [hit.score for hit in hits] == pytest.approx([s for _, s in expected], abs=1e-6)


def test_bits_are_compared_by_how_many_differ(where: str) -> None:
    notes = made(True, dim=16, metric="hamming")
    data = np.array([[0, 0], [1, 0], [255, 3]], np.uint8)
    fill(notes, where, {"ids": [1, 2, 3], "vectors": data})
    hits = notes.search(np.array([3, 0], np.uint8), k=3)
    assert [(hit.id, hit.score) for hit in hits] == [(2, 1), (1, 2), (3, 8)]


@pytest.mark.parametrize(
    ("metric", "threshold", "expected"),
    [("cosine", 0.5, [2, 3]), ("cosine", 1.1, []), ("l2", 1.5, [2, 3]), ("ip", 2.0, [2, 3])],
)
def test_a_threshold_leaves_out_what_is_worse(
    metric: str, threshold: float, expected: list[int]
) -> None:
    notes = made(True, dim=2, metric=metric)
    notes.upsert([1, 2, 3], [[1, 0], [0, 3], [1, 1]])
    assert sorted(ids(notes.search([0, 2], k=9, threshold=threshold))) == expected


def test_vectors_come_back_as_they_were_given(where: str) -> None:
    notes = made(True, dim=3)
    given = np.array([[0.1, 3, -1e-20], [7, 0, 0]], np.float32)
    fill(notes, where, {"ids": [1, 2], "vectors": given})
    got = notes.get([2, 1], with_vectors=True)
    assert [point.id for point in got] == [2, 1]
    assert [point.vector.tobytes() for point in got if point.vector is not None] == [
        given[1].tobytes(), given[0].tobytes(),
    ]  # fmt: skip
    (hit,) = notes.search(given[1], k=1, with_vectors=True)
    assert hit.vectors is not None
    assert hit.vectors[""].tolist() == [7, 0, 0]


def test_a_point_that_is_replaced_is_found_once(where: str) -> None:
    notes = made(True, dim=2)
    first = {"ids": [1, 2], "vectors": [[1, 0], [0, 1]], "texts": ["old", "old"]}
    fill(notes, where, first, {"ids": [1], "vectors": [[0, 1]], "texts": ["new"]})
    assert len(notes) == 2
    assert sorted(ids(notes.search([0, 1], k=9))) == [1, 2]
    assert ids(notes.search(text="old")) == [2]
    assert ids(notes.search(text="new")) == [1]


def test_words_are_found_wherever_they_are(where: str) -> None:
    notes = made(True)
    fill(
        notes, where,
        {"ids": [1, 2], "texts": ["the red fox", None]},
        {"ids": [3, 4], "texts": ["the red, RED kite", "the Blue whale"]},
    )  # fmt: skip
    assert ids(notes.search(text="red")) == [3, 1]
    assert ids(notes.search(text="Blue whales and red foxes")) == [4, 3, 1]
    assert notes.search(text="green") == []
    assert notes.search(text="...") == []
    assert ids(notes.search(text="red", k=1)) == [3]


def test_frequencies_are_those_of_all_parts() -> None:
    """A word that is rare as a whole weighs more, although each part has it once."""
    db = Database(MemoryFiles())
    notes, whole = db.create_collection("a"), db.create_collection("b")
    texts = ["rare common", "common", "common words", "common", "words common", "rare"]
    for i, text in enumerate(texts):
        notes.upsert([i], texts=[text])
        if i % 2:
            db.checkpoint()
    whole.upsert(list(range(6)), texts=texts)
    for query in ("rare", "common words", "rare common"):
        parts = [(hit.id, hit.score) for hit in notes.search(text=query)]
        assert parts == [(hit.id, pytest.approx(hit.score)) for hit in whole.search(text=query)]


def test_points_without_a_text_change_no_score(where: str) -> None:
    """They are no short texts: the average length is that of the texts that there are."""
    notes, alone = made(True), made(True)
    texts = ["red fox", "a red, red kite over the hill", "blue"]
    fill(notes, where, {"ids": [1, 2, 3], "texts": texts}, {"ids": [4, 5, 6]})
    fill(notes, where, {"ids": [7, 8], "texts": [None, "..."]})
    fill(alone, where, {"ids": [1, 2, 3], "texts": texts})
    for query in ("red", "red fox", "the blue hill"):
        found = [(hit.id, hit.score) for hit in notes.search(text=query)]
        expected = [(hit.id, pytest.approx(hit.score)) for hit in alone.search(text=query)]
        assert found == expected


def test_both_are_fused_by_rank() -> None:
    """Ranks: by vector 1 2 3, by words 3 only. 1 / 61 + 1 / 63 > 1 / 61 > 1 / 62."""
    notes = made(True, dim=2)
    notes.upsert([1, 2, 3], [[0, 1], [1, 2], [1, 0]], texts=["a", "b", "red"])
    hits = notes.search([0, 1], text="red", k=3)
    assert [(hit.id, hit.score) for hit in hits] == [
        (3, pytest.approx(1 / 61 + 1 / 63)), (1, pytest.approx(1 / 61)), (2, pytest.approx(1 / 62)),
    ]  # fmt: skip
    weighted = notes.search([0, 1], text="red", k=3, fusion="weighted", weights=[0.9, 0.1])
    assert ids(weighted) == [1, 2, 3]
    assert weighted[0].score == pytest.approx(0.9)
    assert ids(notes.search([0, 1], text="red", k=1, weights=[0, 1])) == [3]


def test_scores_of_all_that_have_a_word_are_weighed_from_zero() -> None:
    """By words all hits are known, so the second keeps what it has beside the best."""
    notes = made(True, dim=2)
    notes.upsert([1, 2, 3], [[0, 1], [1, 2], [1, 0]], texts=["red", "red fox", "fox"])
    words = {hit.id: hit.score for hit in notes.search(text="red")}
    hits = notes.search([0, 1], text="red", k=3, fusion="weighted", weights=[0, 1])
    assert {hit.id: hit.score for hit in hits if hit.score} == {
        1: pytest.approx(1.0), 2: pytest.approx(words[2] / words[1]),
    }  # fmt: skip


def test_a_batch_is_each_search_alone(where: str) -> None:
    rng = np.random.default_rng(1)
    notes = made(True, dim=8)
    batch = {"ids": list(range(50)), "vectors": rng.normal(size=(50, 8))}
    fill(notes, where, batch, {"ids": list(range(40, 90)), "vectors": rng.normal(size=(50, 8))})
    queries = rng.normal(size=(9, 8))
    together = notes.search_batch(queries, 7)
    for query, hits in zip(queries, together, strict=True):
        alone = notes.search(query, 7)
        assert ids(alone) == ids(hits)
        assert [h.score for h in alone] == pytest.approx([h.score for h in hits], abs=1e-6)


def test_several_vectors_a_point(where: str) -> None:
    notes = made(True, vectors={"x": 2, "y": {"dim": 1, "metric": "l2"}})
    fill(
        notes, where,
        {"ids": [1, 2], "vectors": {"x": [[1, 0], None], "y": [[5], [6]]}},
        {"ids": [3, 4], "vectors": {"x": [None, [0, 1]]}},
    )  # fmt: skip
    assert ids(notes.search([1, 0], k=9, using="x")) == [1, 4]
    assert ids(notes.search([6], k=9, using="y")) == [2, 1]
    points = {p.id: p.vectors for p in notes.points(with_vectors=True)}
    assert {k: sorted(v or ()) for k, v in points.items()} == {
        1: ["x", "y"], 2: ["y"], 3: [], 4: ["x"],
    }  # fmt: skip


@pytest.mark.parametrize("n", [0, 1, 5, 17])
def test_min_k_and_matches_hits_at_every_share(where: str, n: int) -> None:
    notes = made(True, dim=4)
    rng = np.random.default_rng(2)
    payloads = [{"match": i < n} for i in range(200)]
    batch = {"ids": list(range(200)), "vectors": rng.normal(size=(200, 4)), "payloads": payloads}
    fill(notes, where, batch)
    for k in (1, 5, 10, 300):
        hits = notes.search(rng.normal(size=4), k=k, filter={"match": True})
        assert len(hits) == min(k, n)
    assert notes.count({"match": True}) == n


def test_deleting_by_a_filter(where: str) -> None:
    notes = made(True, dim=1)
    payloads = [{"n": i} for i in range(5)]
    fill(notes, where, {"ids": [*"abcde"], "vectors": np.ones((5, 1)), "payloads": payloads})
    assert notes.delete(filter={"n": {"$lt": 2}}) == 2
    assert notes.delete(filter={"n": {"$lt": 2}}) == 0
    assert notes.delete(ids=["c", "never"]) == 1
    assert [point.id for point in notes.points()] == ["d", "e"]
    assert "d" in notes
    assert "a" not in notes


def test_nothing_is_a_batch_too() -> None:
    notes = made(True, dim=2)
    before = notes._engine.sequence
    assert notes.upsert([], []) == before
    assert notes.search([1, 0]) == []
    assert notes.get([]) == []
    assert notes.delete([]) == 0
    assert notes._engine.sequence == before


def test_a_snapshot_stays_as_it_was() -> None:
    notes = made(True, dim=2)
    notes.upsert([1, 2], [[1, 0], [0, 1]], texts=["one", "two"])
    seen = notes.snapshot()
    notes.upsert([1, 3], [[0, 5], [1, 1]], texts=["uno", "tres"])
    notes.delete([2])
    notes._engine.compact()
    assert [point.id for point in seen.points()] == [1, 2]
    assert [hit.id for hit in seen.search([1, 0], k=5)] == [1, 2]
    assert ids(seen.search(text="one")) == [1]
    assert ids(seen.search(text="tres")) == []
    assert len(seen) == 2
    assert [point.text for point in seen.get([1, 2, 3])] == ["one", "two"]


def test_term_counts_are_of_all_texts(where: str) -> None:
    notes = made(True, dim=1, language="english")
    first = {"ids": [1, 2], "vectors": [[1], [1]], "texts": ["red foxes", "a fox"]}
    fill(notes, where, first, {"ids": [3, 4], "vectors": [[1], [1]], "texts": ["red", None]})
    counts = notes.term_counts("Red, red fox; whale?")
    assert (counts.texts, counts.language) == (3, "english")
    assert counts.counts == {"red": 2, "fox": 2, "whale": 0}
    assert notes.term_counts("...").counts == {}
    assert made(True, dim=1).term_counts("red") == TermCounts(0, {"red": 0})
