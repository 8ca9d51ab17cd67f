"""A graph of some of its rows: whole, and as good as one that was made of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abi.errors import InputError
from abi.index import HNSW, Flat, Vectors, subset
from abi.index._hnsw_arrays import checked


def points(n: int, metric: str) -> Any:
    rng = np.random.default_rng(n)
    if metric == "hamming":
        return rng.integers(0, 256, (n, 8), np.uint8)
    return rng.normal(size=(n, 8)).astype(np.float32)


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2", "hamming"])
@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.97, 1.0])
def test_it_finds_what_is_left(metric: str, share: float) -> None:
    data = points(700, metric)
    whole = HNSW.build(Vectors.of(data, metric), M=8)
    before = {name: array.copy() for name, array in whole.arrays().items()}
    rows = np.flatnonzero(np.random.default_rng(1).random(len(data)) >= share)
    left = Vectors.of(data[rows], metric)
    index = subset(whole, rows, left)
    checked(index.arrays(), len(rows))  # raises if it is no graph
    assert all(np.array_equal(whole.arrays()[name], array) for name, array in before.items())
    queries = points(100, metric)
    if not len(rows):
        assert (index.search(queries, 5)[0] == -1).all()
        return
    true, found = Flat(left).search(queries, 5), index.search(queries, 5, ef=64)
    worst = np.where(true[0] >= 0, true[1], -np.inf).min(axis=1, keepdims=True)
    assert (found[1] >= worst - 1e-4).mean() > 0.97


def test_it_grows_as_any_other() -> None:
    data = points(600, "l2")
    rows = np.arange(0, 500, 2)
    index = subset(HNSW.build(Vectors.of(data[:500], "l2")), rows, Vectors.of(data[rows], "l2"))
    every = Vectors.of(np.concatenate([data[rows], data[500:]]), "l2")
    index.add(every)
    assert len(index) == 350
    true, _ = Flat(every).search(points(50, "l2"), 5)
    found, _ = index.search(points(50, "l2"), 5, ef=100)
    assert (
        np.mean([len({*a} & {*b}) for a, b in zip(true.tolist(), found.tolist(), strict=True)])
        > 4.9
    )


def test_rows_that_cannot_be_are_refused() -> None:
    vectors = Vectors.of(points(20, "l2"), "l2")
    index = HNSW.build(vectors)
    for rows in ([3, 2], [1, 1], [-1, 3], [19, 20]):
        with pytest.raises(InputError, match="rows: expected ascending ones of 20"):
            subset(index, np.array(rows), vectors.first(2))
    with pytest.raises(InputError, match="3 vectors for 2 rows"):
        subset(index, np.array([1, 2]), vectors.first(3))
    index.remove([2])
    with pytest.raises(InputError, match="row 2 is not in the index"):
        subset(index, np.array([1, 2]), vectors.first(2))
