"""Partitions: searches against comparing everything, at every selectivity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from abi.errors import FormatError, InputError
from abi.index import IVF, Flat, Vectors


def clustered(n: int, dim: int, clusters: int, seed: int = 0) -> Any:
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(clusters, dim)) * 4
    found = centres[rng.integers(clusters, size=n)] + rng.normal(size=(n, dim))
    return found.astype(np.float32)


def test_bits_have_no_means() -> None:
    with pytest.raises(InputError, match="bits have no means"):
        IVF.build(Vectors.of(np.zeros((9, 2), np.uint8), "hamming"), 3)


@settings(max_examples=60, deadline=None, derandomize=True)
@example(n=9, nlist=2, k=2, metric="l2", share=0.5, seed=0)  # ties at the end of a list
@given(
    n=st.integers(1, 120),
    nlist=st.integers(1, 12),
    k=st.integers(1, 20),
    metric=st.sampled_from(["cosine", "ip", "l2"]),
    share=st.sampled_from([None, 0.0, 0.1, 0.5, 1.0]),
    seed=st.integers(0, 100),
)
def test_all_partitions_are_everything_and_few_give_enough(
    n: int, nlist: int, k: int, metric: str, share: float | None, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.integers(-3, 4, (n, 3)).astype(np.float32)
    vectors = Vectors.of(points, metric)
    index = IVF.build(vectors, min(n, nlist))
    queries = rng.integers(-3, 4, (4, 3)).astype(np.float32)
    allow = None if share is None else rng.random(n) < share
    exact_rows, exact = Flat(vectors).search(queries, k, allow)
    rows, scores = index.search(queries, k, allow, nprobe=index.nlist)
    assert np.allclose(scores, exact, atol=1e-5)
    if metric != "cosine":
        assert rows.tolist() == exact_rows.tolist()
    few, _ = index.search(queries, k, allow, nprobe=1)
    allowed = n if allow is None else int(allow.sum())
    for line in few.tolist():
        kept = [row for row in line if row >= 0]
        assert len(kept) == len(set(kept)) == min(k, allowed)
        assert allow is None or all(allow[row] for row in kept)


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_tuning_reaches_its_recall(metric: str) -> None:
    points = clustered(20_000, 16, 100)
    vectors = Vectors.of(points, metric)
    index = IVF.build(vectors, 128)
    queries = points[::200] + np.float32(0.1)
    assert 1 <= index.tune(queries, recall=0.95) < 40
    exact, _ = Flat(vectors).search(queries, 10)
    found, _ = index.search(queries, 10)
    same = [len({*a} & {*b}) for a, b in zip(found.tolist(), exact.tolist(), strict=True)]
    assert np.mean(same) >= 9.5


def test_a_batch_is_each_query_alone() -> None:
    points = clustered(5000, 8, 30)
    index = IVF.build(Vectors.of(points, "l2"), 64)
    queries = points[:40] + np.float32(0.05)
    together, _ = index.search(queries, 5, nprobe=3)
    alone = [index.search(query[None], 5, nprobe=3)[0][0].tolist() for query in queries]
    assert together.tolist() == alone


def test_saved_arrays_give_an_equal_index() -> None:
    points = clustered(900, 4, 6)
    index = IVF.build(Vectors.of(points, "cosine"), 16, nprobe=3)
    again = IVF.from_arrays(index.arrays(), index.scorer)
    assert again.nprobe == 3
    assert again.search(points[:5], 7)[0].tolist() == index.search(points[:5], 7)[0].tolist()


def test_rows_in_the_order_of_partitions_need_no_order() -> None:
    points = clustered(900, 4, 6)
    index = IVF.build(Vectors.of(points, "l2"), 16)
    arrays = {k: v for k, v in index.arrays().items() if k != "order"}
    plain = IVF.from_arrays(arrays, index.scorer)
    assert index.order is not None
    places, _ = plain.search(points[:5], 7)
    assert index.order[places].tolist() == index.search(points[:5], 7)[0].tolist()


@pytest.mark.parametrize("n_queries", [1, 3, 40])
def test_distances_are_those_of_the_exact_search_wherever_zero_is(n_queries: int) -> None:
    """Ten thousand spreads away, where products have no digits for them."""
    rng = np.random.default_rng(0)
    points, queries = (
        (1000 + rng.normal(size=(n, 16)) / 10).astype(np.float32) for n in (3000, n_queries)
    )
    index = IVF.build(Vectors.of(points, "l2"), 12)
    exact = -((queries[:, None].astype(np.float64) - points[None]) ** 2).sum(axis=2)
    rows, scores = index.search(queries, 10, nprobe=12)
    assert rows.tolist() == np.argsort(-exact, axis=1)[:, :10].tolist()
    assert scores == pytest.approx(np.take_along_axis(exact, rows, axis=1), rel=1e-4)


def test_rows_after_the_last_partition_are_never_found() -> None:
    points = clustered(60, 4, 6)
    index = IVF.build(Vectors.of(points, "l2"), 5)
    assert index.order is not None
    cut = IVF(index.scorer, index.centroids, np.minimum(index.offsets, 50), index.order)
    gone = index.order[50:].tolist()
    rows, _ = cut.search(points[gone], 60)
    assert {*rows[0].tolist()} == {*range(60)} - {*gone} | {-1}
    allow = np.zeros(60, np.bool_)
    allow[gone] = True
    assert cut.search(points[gone], 3, allow)[0].max() == -1


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("centroids", None),
        ("centroids", np.zeros((3, 2))),
        ("centroids", np.full((3, 2), np.nan, np.float32)),
        ("centroids", np.zeros((3, 0), np.float32)),
        ("offsets", np.array([0, 2, 1, 9])),
        ("offsets", np.array([0, 3, 6, 10])),
        ("offsets", np.array([0, -(2**63), 6, 9])),
        ("offsets", np.array([1, 3, 6, 9])),
        ("offsets", np.array([0, 3, 9])),
        ("order", np.zeros(9, np.int64)),
        ("order", np.arange(8)),
        ("order", np.array([0, 1, 2, 3, 4, 5, 6, 7, -1])),
        ("params", np.array([0])),
        ("params", np.array([], np.int64)),
    ],
)
def test_hostile_arrays_are_refused(name: str, value: Any) -> None:
    index = IVF.build(Vectors.of(clustered(9, 2, 3), "l2"), 3)
    arrays = {**index.arrays(), name: value}
    with pytest.raises(FormatError):
        IVF.from_arrays({k: v for k, v in arrays.items() if v is not None}, index.scorer)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"k": 0}, "k is 0, expected 1 to"),
        ({"nprobe": 0}, "nprobe is 0, expected 1 to"),
        ({"allow": np.ones(8, np.bool_)}, r"allow: bool of shape \(8,\), expected bool \(9,\)"),
        ({"queries": np.ones((1, 3), np.float32)}, r"queries: shape \(1, 3\); expected \(Q, 2\)"),
    ],
)
def test_arguments_that_cannot_be_are_refused(arguments: Any, message: str) -> None:
    index = IVF.build(Vectors.of(clustered(9, 2, 3), "l2"), 3)
    with pytest.raises(InputError, match=message):
        index.search(**{"queries": np.ones((1, 2), np.float32), "k": 3, **arguments})
