"""Pages, facets, groups, recommendations, and hits that differ."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.errors import InputError
from abi.store import Collection, Database
from abi.store.files import MemoryFiles


@pytest.fixture(params=["in memory", "in segments", "in both"])
def notes(request: pytest.FixtureRequest) -> Collection:
    """Twelve points of three colours; the colour of point 11 is a list, of "x" none."""
    db = Database(MemoryFiles())
    notes = db.create_collection("a", dim=2, index="flat")
    angles = np.linspace(0, math.pi / 2, 12)
    vectors = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    colours = ["red", "green", "blue"]
    payloads: list[Any] = [{"colour": colours[i % 3], "n": i} for i in range(11)]
    payloads.append({"colour": ["red", "blue", "red"], "n": 11.0})
    notes.upsert(list(range(6)), vectors[:6], payloads[:6])
    if request.param != "in memory":
        db.checkpoint()
    notes.upsert([*range(6, 12), "x"], [*vectors[6:], [1, 1]], [*payloads[6:], {"n": True}])
    if request.param == "in segments":
        db.checkpoint()
    return notes


def ids(points: Any) -> list[Any]:
    return [point.id for point in points]


def test_pages_come_in_the_order_of_ids(notes: Collection) -> None:
    assert ids(notes.scroll(limit=5)) == [0, 1, 2, 3, 4]
    assert ids(notes.scroll(after=4, limit=5)) == [5, 6, 7, 8, 9]
    assert ids(notes.scroll(after=9, limit=5)) == [10, 11, "x"]
    assert notes.scroll(after="x") == []
    assert ids(notes.scroll(limit=2, filter={"colour": "blue"})) == [2, 5]
    assert ids(notes.scroll(after=5, limit=9, filter={"colour": "blue"})) == [8, 11]


def test_pages_go_through_everything_once(notes: Collection) -> None:
    seen: list[Any] = []
    while page := notes.scroll(after=seen[-1] if seen else None, limit=4):
        seen += ids(page)
    assert seen == [*range(12), "x"]


def test_facets_count_points(notes: Collection) -> None:
    assert notes.facet("colour") == [("red", 5), ("blue", 4), ("green", 4)]
    assert notes.facet("colour", limit=1) == [("red", 5)]
    assert notes.facet("colour", filter={"n": {"$gte": 9}}) == [
        ("red", 2),
        ("blue", 1),
        ("green", 1),
    ]
    assert notes.facet("none") == []
    assert (True, 1) in notes.facet("n", limit=20)
    assert (1, 1) in notes.facet("n", limit=20)


SCALARS = st.sampled_from([1, 1.0, 2, True, "a", "b", "y" * 300, 2**70, None])
VALUES = st.one_of(SCALARS, st.lists(SCALARS | st.just([1]), max_size=3))
PAYLOADS = st.lists(st.fixed_dictionaries({}, optional={"v": VALUES}), min_size=1, max_size=8)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(PAYLOADS, st.integers(0, 8))
def test_facets_are_what_counting_gives(payloads: list[dict[str, Any]], cut: int) -> None:
    db = Database(MemoryFiles())
    notes = db.create_collection("a")
    notes.upsert(list(range(cut)), payloads=(payloads * 8)[:cut])
    db.checkpoint()
    notes.upsert(list(range(100, 100 + len(payloads))), payloads=payloads)
    expected: Counter[Any] = Counter()
    for payload in [*(payloads * 8)[:cut], *payloads]:
        value = payload.get("v")
        items = value if isinstance(value, list) else [value]
        kept = [i for i in items if type(i) in (str, int, float, bool)]
        expected.update({(type(i) is bool, i) for i in kept})
    got = {(type(value) is bool, value): n for value, n in notes.facet("v", limit=100)}
    assert got == dict(expected)


def test_groups_have_the_best_of_each(notes: Collection) -> None:
    groups = notes.search_groups([1, 0], k=3, by="colour")
    assert [(g.value, ids(g.hits)) for g in groups] == [("red", [0]), ("green", [1]), ("blue", [2])]
    groups = notes.search_groups([1, 0], k=2, by="colour", group_size=3)
    assert [(g.value, ids(g.hits)) for g in groups] == [("red", [0, 3, 6]), ("green", [1, 4, 7])]
    groups = notes.search_groups([0, 1], k=9, by="colour", group_size=99)
    assert sorted(id_ for group in groups for id_ in ids(group.hits)) == list(range(12))
    only = notes.search_groups([1, 0], k=3, by="colour", filter={"colour": "blue"})
    assert [(g.value, ids(g.hits)) for g in only] == [("blue", [2]), ("red", [11])]


def test_points_like_others(notes: Collection) -> None:
    assert ids(notes.recommend([0], k=2)) == [1, 2]
    assert ids(notes.recommend([0, 4], k=1)) == [2]  # half way between both
    assert 0 not in ids(notes.recommend([0], k=20))
    assert len(notes.recommend([0], k=20)) == 12


def test_what_is_searched_for_is_the_mean_away_from_the_unlike() -> None:
    """liked (1, 0) and (0, 1), unlike (0, 1): 2 * (0.5, 0.5) - (0, 1) = (1, 0)."""
    notes = Database(MemoryFiles()).create_collection("a", dim=2, metric="ip")
    notes.upsert([1, 2, 3, 4], [[1, 0], [0, 1], [0.9, 0], [0, 0.9]])
    hits = notes.recommend([1, 2], [2], k=5)
    assert [(hit.id, hit.score) for hit in hits] == [(3, pytest.approx(0.9)), (4, pytest.approx(0))]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "recommend: positive= is empty; give one id or more"),
        (([99],), "recommend: 99 is not there; give ids of points that have it"),
        ((["texts"],), "recommend: 'texts' is without the vector"),
        (([1], [98]), "recommend: 98 is not there"),
    ],
)
def test_what_cannot_be_recommended_by(notes: Collection, arguments: Any, message: str) -> None:
    notes.upsert(["texts"], texts=["no vector"])
    with pytest.raises(InputError, match=message):
        notes.recommend(*arguments)


def test_hits_that_differ() -> None:
    """Two near points are alike: with half diversity the second is passed over.

    Cosines with (1, 0): a 0.9950, b 0.9940, c 0.7071, d -1; with a: b 1.0000, c 0.7740, d -0.9950.
    After a, at one half each: b -0.0030, c -0.0335, d -0.0025.
    """
    notes = Database(MemoryFiles()).create_collection("a", dim=2)
    notes.upsert([*"abcd"], [[1, 0.1], [1, 0.11], [1, 1], [-1, 0]])
    assert ids(notes.search([1, 0], k=3)) == ["a", "b", "c"]
    assert ids(notes.search([1, 0], k=3, diversity=0.5)) == ["a", "d", "b"]
    assert ids(notes.search([1, 0], k=4, diversity=0.3)) == ["a", "b", "c", "d"]
    with pytest.raises(InputError, match="diversity=2: expected 0 to 1"):
        notes.search([1, 0], diversity=2)
