"""LIRE: splits and merges worked by hand, the invariant that it keeps, drifting data."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.errors import FormatError, InputError
from abi.index import IVF, LIRE, Flat, LIREStats, Vectors
from tests.index.test_ivf import clustered

METRICS = ["cosine", "ip", "l2"]


def line(*numbers: float) -> Vectors:
    return Vectors.of(np.float32(numbers)[:, None], "l2")


def labels_of(*numbers: int) -> Any:
    return np.array(numbers, np.int32)


def misplaced(parts: LIRE) -> float:
    """Share of the rows to which another centroid is nearer, by more than rounding."""
    x = parts.vectors.data.astype(np.float64)
    c = parts.centroids.astype(np.float64)
    scores = x @ c.T
    if parts.vectors.metric == "l2":
        scores = -((x[:, None] - c[None]) ** 2).sum(axis=2)
    there = np.flatnonzero(parts.labels >= 0)
    away = scores[there].max(axis=1) - scores[there, parts.labels[there]]
    return float(np.mean(away > 1e-4 * np.abs(scores).max()))


# -- worked by hand -----------------------------------------------------------------------------


def test_a_large_partition_is_split_in_two() -> None:
    parts = LIRE(line(0, 1, 2, 8, 9, 10), np.float32([[5]]), labels_of(*[0] * 6), split_limit=5)
    assert parts.rebalance() == LIREStats(splits=1, examined=6, named=0)
    assert sorted(parts.centroids.ravel().tolist()) == [1, 9]
    assert len({*parts.labels[:3].tolist()}) == len({*parts.labels[3:].tolist()}) == 1
    assert parts.labels[0] != parts.labels[3]


def test_a_row_of_a_neighbour_joins_a_half_that_is_nearer() -> None:
    """Splitting 10 to 20 makes a half at 12, which is nearer to 7 than 0 is: condition 2.

    15 was in between, and is no nearer to its half than before, but nothing else is near it.
    """
    rows = line(-1, 0, 1, 7, 11, 12, 13, 15, 17, 18, 19)
    parts = LIRE(rows, np.float32([[0], [15]]), labels_of(0, 0, 0, 0, *[1] * 7), split_limit=6)
    done = parts.rebalance()
    assert (done.splits, done.reassigned) == (1, 1)
    assert parts.labels[3] == parts.labels[4] != parts.labels[2] == parts.labels[0]


def test_a_row_between_the_halves_goes_to_a_neighbour() -> None:
    """(5, 3) was nearest to (5, 0), which is gone: of what is left, (5, 8) is nearest."""
    left, right = [(-3, 0), (-3, 1), (-2, 0)], [(12, 0), (13, 0), (13, 1)]
    points = [*left, *right, (5, 3), (5, 8), (4, 8), (6, 8)]
    vectors = Vectors.of(np.float32(points), "l2")
    labels = labels_of(0, 0, 0, 0, 0, 0, 0, 1, 1, 1)
    parts = LIRE(vectors, np.float32([[5, 0], [5, 8]]), labels, split_limit=6)
    done = parts.rebalance()
    assert (done.splits, done.named > 0, done.reassigned) == (1, True, 1)
    assert parts.labels[6] == parts.labels[7]


def test_a_small_partition_dissolves_into_the_nearest() -> None:
    labels = labels_of(0, 0, 0, 1, 1, 2, 2, 2)
    rows, centroids = line(0, 1, 2, 4, 7, 9, 10, 11), np.float32([[1], [5], [10]])
    parts = LIRE(rows, centroids, labels, split_limit=9, merge_threshold=3)
    assert parts.rebalance() == LIREStats(merges=1, reassigned=2)
    assert parts.centroids.ravel().tolist() == [1, 10]
    assert parts.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]


def test_the_last_partition_stays() -> None:
    parts = LIRE(line(1, 2, 3), np.float32([[1], [3]]), labels_of(0, 0, 1), split_limit=9,
                 merge_threshold=3)  # fmt: skip
    assert parts.remove([0, 1, 2]).merges == 1
    assert parts.nlist == 1
    assert parts.index().search(np.float32([[1]]), 2)[0].tolist() == [[-1, -1]]
    assert parts.add(line(1, 2, 3, 4)) == LIREStats()
    assert parts.index().search(np.float32([[1]]), 2)[0].tolist() == [[3, -1]]


def test_equal_rows_are_dealt_out_evenly() -> None:
    parts = LIRE(line(*[7] * 100), np.float32([[7]]), labels_of(*[0] * 100), split_limit=30)
    assert parts.rebalance().splits == 3
    assert np.bincount(parts.labels).tolist() == [25, 25, 25, 25]
    assert (parts.centroids == 7).all()


def test_rows_far_away_do_not_become_partitions_of_their_own() -> None:
    """A half of three rows would dissolve at once, and the rest would be split again."""
    rng = np.random.default_rng(0)
    rows = np.concatenate([rng.normal(size=(197, 2)), np.full((3, 2), 1e4)]).astype(np.float32)
    vectors = Vectors.of(rows, "l2")
    parts = LIRE(vectors, rows[:1], np.zeros(200, np.int32), split_limit=100, merge_threshold=20)
    assert parts.rebalance().splits >= 1
    assert np.bincount(parts.labels).min() >= 20
    assert parts.rebalance() == LIREStats()


# -- what it keeps ------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None, derandomize=True)
@given(
    metric=st.sampled_from(METRICS),
    limit=st.integers(4, 40),
    batches=st.lists(st.integers(0, 90), min_size=1, max_size=5),
    removed=st.lists(st.floats(0, 0.9), min_size=5, max_size=5),
    seed=st.integers(0, 1000),
)
def test_every_row_is_where_its_nearest_centroid_is(
    metric: str, limit: int, batches: list[int], removed: list[float], seed: int
) -> None:
    """With every partition in range the conditions name all that move: none is left misplaced."""
    rng = np.random.default_rng(seed)
    data = rng.normal(size=(40, 3)).astype(np.float32)
    options = {"split_limit": limit, "merge_threshold": min(1, limit // 3)}
    parts = LIRE.build(Vectors.of(data, metric), 3, **options, reassign_range=10_000)
    gone: set[int] = set()
    for n, share in zip(batches, removed, strict=False):
        more = (rng.normal(size=(n, 3)) + rng.normal(size=3)).astype(np.float32)
        data = np.concatenate([data, more])
        parts.add(Vectors.of(data, metric))
        rows = np.flatnonzero(rng.random(len(data)) < share)
        parts.remove(rows)
        gone |= {*rows.tolist()}
        assert {*np.flatnonzero(parts.labels < 0).tolist()} == gone
        assert misplaced(parts) == 0
        sizes = np.bincount(parts.labels[parts.labels >= 0], minlength=parts.nlist)
        assert sizes.max() <= limit
    index = parts.index()
    rows, _ = index.search(data[:1], len(data), nprobe=parts.nlist)
    assert {*rows[0].tolist()} - {-1} == {*range(len(data))} - gone


def test_what_was_found_is_not_written_to() -> None:
    points = clustered(600, 4, 9)
    parts = LIRE.build(Vectors.of(points[:300], "l2"), 5, split_limit=80)
    centroids, labels = parts.centroids, parts.labels
    kept = centroids.copy(), labels.copy()
    index = parts.index()
    before = index.search(points[:20], 5)[0].tolist()
    assert parts.add(Vectors.of(points, "l2")).splits
    parts.remove(np.arange(0, 300, 2))
    assert np.array_equal(centroids, kept[0])
    assert np.array_equal(labels, kept[1])
    assert index.search(points[:20], 5)[0].tolist() == before


def test_it_is_the_same_for_the_same_seed() -> None:
    points = clustered(900, 4, 9)

    def run(seed: int) -> Any:
        parts = LIRE.build(Vectors.of(points[:300], "l2"), 4, split_limit=60, seed=seed)
        parts.add(Vectors.of(points, "l2"))
        return parts.labels.tolist()

    assert run(3) == run(3) != run(4)


# -- data that drift ----------------------------------------------------------------------------


def drifting(seed: int = 0) -> Callable[[int, float], Any]:
    """Rows at a time: around forty centres, each of which moves its own way."""
    rng = np.random.default_rng(seed)
    centres, ways = rng.normal(size=(2, 40, 16)) * 2

    def rows(n: int, time: float) -> Any:
        which = rng.integers(40, size=n)
        return (centres[which] + ways[which] * time + rng.normal(size=(n, 16))).astype(np.float32)

    return rows


def recall(index: IVF, queries: Any, exact: Any) -> float:
    found, _ = index.search(queries, 10, nprobe=4)
    pairs = zip(found.tolist(), exact.tolist(), strict=True)
    return float(np.mean([len({*a} & {*b}) for a, b in pairs])) / 10


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("removing", [False, True])
def test_recall_stays_while_data_drift(metric: str, removing: bool) -> None:
    rows = drifting()
    data = rows(4000, 0)
    parts = LIRE.build(Vectors.of(data, metric), 40, split_limit=200, nprobe=4)
    stale, done = parts.centroids, []
    for turn in range(12):
        data = np.concatenate([data, rows(500, turn / 4)])
        done.append(parts.add(Vectors.of(data, metric)))
        if removing:
            done.append(parts.remove(np.arange(turn * 500, turn * 500 + 500)))
    queries, alive = rows(200, 3), parts.labels >= 0
    vectors = Vectors.of(data, metric)
    exact, _ = Flat(vectors).search(queries, 10, alive)
    kept = recall(parts.index(), queries, exact)
    fresh = IVF.build(vectors.take(np.flatnonzero(alive)), parts.nlist)
    again, _ = Flat(vectors.take(np.flatnonzero(alive))).search(queries, 10)
    assert kept >= recall(fresh, queries, again) - 0.02
    sizes = np.bincount(parts.labels[alive])
    assert sizes.max() <= 200
    assert misplaced(parts) < 0.01
    assert sum(each.splits for each in done) > 10
    # Building it anew each time would assign each row again, 84,000 times or more.
    assert sum(each.reassigned for each in done) < 0.05 * 84_000
    if not removing:
        where = np.argmax(data @ stale.T - 0.5 * (metric == "l2") * (stale**2).sum(1), axis=1)
        assert np.bincount(where).max() > 400  # as it is without splits


# -- arguments and arrays -----------------------------------------------------------------------


@pytest.mark.parametrize("with_order", [True, False])
def test_saved_arrays_go_on_as_before(with_order: bool) -> None:
    points = clustered(900, 4, 6)
    parts = LIRE.build(Vectors.of(points[:600], "l2"), 6, split_limit=150, seed=3)
    parts.remove([5, 7, 599])
    arrays = parts.arrays()
    if not with_order:
        points = np.concatenate([points[arrays.pop("order")], points[600:]])
    again = LIRE.from_arrays(arrays, Vectors.of(points[:600], "l2"))
    if with_order:
        assert again.labels.tolist() == parts.labels.tolist()
        assert parts.add(Vectors.of(points, "l2")) == again.add(Vectors.of(points, "l2"))
        assert again.arrays()["order"].tolist() == parts.arrays()["order"].tolist()
    else:
        assert again.labels.tolist() == np.sort(again.labels[:597]).tolist() + [-1] * 3
    assert (again.limits, again.seed) == (parts.limits, parts.seed)


@pytest.mark.parametrize(
    "value",
    [None, np.zeros(4), np.array([9, 1, 64]), np.array([1, 0, 64, 0]), np.array([9, 4, 64, 0]),
     np.array([9, 3, 0, 0]), np.array([9, 3, 64, -1])],
)  # fmt: skip
def test_hostile_arrays_are_refused(value: Any) -> None:
    vectors = Vectors.of(clustered(90, 4, 6), "l2")
    arrays = {**LIRE.build(vectors, 3, split_limit=50).arrays(), "lire": value}
    with pytest.raises(FormatError, match="lire"):
        LIRE.from_arrays({k: v for k, v in arrays.items() if v is not None}, vectors)


def test_arrays_of_another_width_are_refused() -> None:
    vectors = Vectors.of(clustered(90, 4, 6), "l2")
    arrays = LIRE.build(vectors, 3, split_limit=50).arrays()
    with pytest.raises(FormatError, match=r"centroids: shape \(3, 4\), expected \(1 or more, 5\)"):
        LIRE.from_arrays(arrays, Vectors.of(clustered(90, 5, 6), "l2"))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"split_limit": 1}, "split_limit is 1, expected 2 to"),
        ({"split_limit": 9, "merge_threshold": 4}, "merge_threshold is 4, expected 0 to 3"),
        ({"split_limit": 9, "reassign_range": 0}, "reassign_range is 0, expected 1 to"),
        ({"split_limit": 9, "nprobe": 0}, "nprobe is 0, expected 1 to"),
        ({"split_limit": 9, "seed": -1}, "seed is -1, expected 0"),
    ],
)
def test_parameters_that_cannot_be_are_refused(options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        LIRE.build(Vectors.of(clustered(20, 2, 2), "l2"), 2, **options)


def test_rows_and_arrays_that_do_not_fit_are_refused() -> None:
    vectors = line(0, 1, 2, 3)
    parts = LIRE(vectors, np.float32([[1]]), labels_of(0, 0, 0, 0), split_limit=9)
    with pytest.raises(InputError, match=r"l2 \(3, 1\), expected l2 \(4 or more, 1\)"):
        parts.add(line(0, 1, 2))
    with pytest.raises(InputError, match=r"ip \(4, 1\), expected l2"):
        parts.add(Vectors.of(vectors.data, "ip"))
    for wrong in ([4], [-1], [0.5]):
        with pytest.raises(InputError, match="rows: expected integers from 0 to 3"):
            parts.remove(wrong)
    with pytest.raises(InputError, match=r"labels: \(4,\) from 0 to 1, expected \(4,\) from -1 to"):
        LIRE(vectors, np.float32([[1]]), labels_of(0, 0, 0, 1), split_limit=9)
    with pytest.raises(InputError, match=r"centroids: shape \(1, 2\), expected \(1 or more, 1\)"):
        LIRE(vectors, np.float32([[1, 2]]), labels_of(0, 0, 0, 0), split_limit=9)
    bits = Vectors.of(np.zeros((4, 1), np.uint8), "hamming")
    with pytest.raises(InputError, match="bits have no partitions"):
        LIRE(bits, np.float32([[1]]), labels_of(0, 0, 0, 0), split_limit=9)
