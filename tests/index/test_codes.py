"""Codes: how near their scores are, and what is found when the best are scored again."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from abi.errors import InputError
from abi.index import HNSW, IVF, BinaryCodes, Flat, Int8Codes, Rescored, Vectors
from tests.index.test_ivf import clustered

METRICS = ["cosine", "ip", "l2"]
CODES: list[Any] = [Int8Codes, BinaryCodes]


def recall(index: Any, vectors: Vectors, queries: Any, **options: Any) -> float:
    exact, _ = Flat(vectors).search(queries, 10)
    found, _ = index.search(queries, 10, **options)
    pairs = zip(exact.tolist(), found.tolist(), strict=True)
    return float(np.mean([len({*a} & {*b}) for a, b in pairs])) / 10


def test_int8_is_worked_by_hand() -> None:
    """About their mean the rows are (0.5, 1.27) and its opposite; as 127 is 1.27, 1 is 0.01."""
    codes = Int8Codes.of(Vectors.of(np.float32([[3.5, 6.27], [2.5, 3.73]]), "ip"))
    assert codes.centre.tolist() == [3, 5]
    assert codes.codes.tolist() == [[50, 127], [-50, -127]]
    assert codes.scales.tolist() == pytest.approx([0.01, 0.01])
    scores = codes.block(codes.prepare(np.float32([[2, 1]])), 0, 2)
    assert scores[0].tolist() == pytest.approx([13.27, 8.73])


@pytest.mark.parametrize("metric", METRICS)
def test_codes_lose_nothing_where_rows_lie_off_zero(metric: str) -> None:
    """Each dimension off by its own: what is coded is the difference from the mean."""
    rng = np.random.default_rng(6)
    points = (clustered(2000, 32, 40) + 20 * rng.normal(size=32)).astype(np.float32)
    vectors, queries = Vectors.of(points, metric), points[:50] + np.float32(0.2)
    assert recall(Flat(Int8Codes.of(vectors)), vectors, queries) > 0.93
    assert recall(Rescored(Flat(BinaryCodes.of(vectors)), vectors, 10), vectors, queries) > 0.93


def test_signs_are_worked_by_hand() -> None:
    """Centred rows are (1, 1) and (-1, -1), and so is the query: signs and lengths say all."""
    codes = BinaryCodes.of(Vectors.of(np.float32([[3, 3], [1, 1]]), "ip"))
    assert codes.centre.tolist() == [2, 2]
    assert (codes.codes[0] ^ codes.codes[1]).tolist() == [3]  # opposite signs
    assert codes.factors[1].tolist() == pytest.approx([2, 2])
    scores = codes.block(codes.prepare(np.ones((9, 2), np.float32)), 0, 2)
    assert scores[0].tolist() == pytest.approx([6, 2])


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("kind", CODES)
def test_blocks_pairs_and_few_queries_agree(kind: Any, metric: str) -> None:
    points = clustered(300, 70, 5)
    codes = kind.of(Vectors.of(points, metric))
    queries = points[:9] + np.float32(0.3)
    prepared = codes.prepare(queries)
    block = codes.block(prepared, 10, 200)
    which, rows = np.repeat(np.arange(9), 190), np.tile(np.arange(10, 200), 9)
    scale = np.abs(block).max()
    assert np.allclose(codes.pairs(prepared, which, rows).reshape(9, -1), block, atol=2e-5 * scale)
    few = codes.block(prepared[:2], 10, 200)  # bits are counted, and queries rounded
    assert np.allclose(few, block[:2], atol=0.05 * scale)


@pytest.mark.parametrize("metric", METRICS)
def test_int8_is_within_a_hundredth(metric: str) -> None:
    points = clustered(500, 32, 9)
    vectors = Vectors.of(points, metric)
    codes = Int8Codes.of(vectors)
    queries = points[:20] + np.float32(0.3)
    exact = vectors.block(vectors.prepare(queries), 0, 500)
    got = codes.block(codes.prepare(queries), 0, 500)
    assert np.abs(got - exact).max() < 0.01 * np.abs(exact).max()


def test_signs_estimate_products_without_a_bias() -> None:
    """Over rotations the mean error is a small part of the spread of one estimate."""
    rng = np.random.default_rng(1)
    points = rng.normal(size=(40, 64)).astype(np.float32)
    query = rng.normal(size=(8, 64)).astype(np.float32)
    vectors = Vectors.of(points, "ip")
    exact = vectors.block(vectors.prepare(query), 0, 40)
    errors = np.stack(
        [
            codes.block(codes.prepare(query), 0, 40) - exact
            for codes in (BinaryCodes.of(vectors, seed) for seed in range(60))
        ]
    )
    spread = errors.std()
    assert abs(errors.mean()) < 0.02 * spread
    assert np.abs(errors.mean(axis=0)).max() < 4 * spread / np.sqrt(60)
    assert spread < 0.9 * np.sqrt(64) * 8 / np.sqrt(64)  # |r||q| / sqrt(dim), as the paper bounds


@pytest.mark.parametrize("metric", METRICS)
def test_estimates_are_within_their_bounds(metric: str) -> None:
    """Rows of no structure, for which the paper proves them: 19 of 20, and all but one in 1,000."""
    rng = np.random.default_rng(4)
    points = rng.normal(size=(2000, 96)).astype(np.float32)
    queries = rng.normal(size=(20, 96)).astype(np.float32)
    vectors = Vectors.of(points, metric)
    codes = BinaryCodes.of(vectors)
    exact = vectors.block(vectors.prepare(queries), 300, 2000)
    error = np.abs(codes.block(codes.prepare(queries), 300, 2000) - exact)
    assert 0.94 < np.mean(error < codes.bounds(queries, 300, 2000)) < 0.99
    assert np.mean(error < codes.bounds(queries, 300, 2000, epsilon=3.5)) > 0.999


def test_what_signs_say_whole_has_no_bound() -> None:
    """In one dimension a sign and a length are everything."""
    codes = BinaryCodes.of(Vectors.of(np.float32([[1], [2], [6]]), "ip"))
    assert codes.bounds(np.float32([[5]]), 0, 3).max() < 1e-2
    assert codes.block(codes.prepare(np.float32([[5]] * 3)), 0, 3)[0] == pytest.approx([5, 10, 30])


def test_queries_are_rounded_to_sixteen_levels() -> None:
    """Nought to fifteen, no rotation and no centre: nothing is lost, and counts are products."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(50, 70)).astype(np.float32)
    made = BinaryCodes.of(Vectors.of(points, "ip"))
    plain = np.eye(70, dtype=np.float32), np.zeros(70, np.float32)
    codes = BinaryCodes(made.codes, made.factors, *plain, "ip")
    queries = rng.integers(0, 16, (5, 70)).astype(np.float32)
    queries[:, 0], queries[:, 1] = 0, 15
    many = codes.block(codes.prepare(queries), 0, 50)
    few = codes.block(codes.prepare(queries[:2]), 0, 50)
    assert np.allclose(few, many[:2], rtol=1e-4, atol=1e-2)


@pytest.mark.parametrize("metric", METRICS)
def test_scored_again_codes_find_what_vectors_find(metric: str) -> None:
    points = clustered(6000, 48, 60)
    vectors, queries = Vectors.of(points, metric), points[:60] + np.float32(0.2)
    int8, binary = Int8Codes.of(vectors), BinaryCodes.of(vectors)
    assert recall(Rescored(Flat(int8), vectors, 2), vectors, queries) > 0.99
    assert recall(Rescored(Flat(binary), vectors, 10), vectors, queries) > 0.95
    graph = HNSW.build(vectors, ef_construction=60)
    over = HNSW.from_arrays(graph.arrays(), binary)
    assert recall(Rescored(over, vectors, 10), vectors, queries, ef=200) > 0.93
    parts = IVF.build(vectors, 32)
    assert parts.order is not None
    ordered = IVF(
        BinaryCodes.of(vectors.take(parts.order)), parts.centroids, parts.offsets, parts.order
    )
    assert recall(Rescored(ordered, vectors, 10), vectors, queries, nprobe=8) > 0.93


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    n=st.integers(1, 60),
    dim=st.sampled_from([1, 3, 64, 65]),
    kind=st.sampled_from(CODES),
    metric=st.sampled_from(METRICS),
    share=st.sampled_from([None, 0.0, 0.3]),
    seed=st.integers(0, 50),
)
def test_all_rows_taken_and_scored_again_is_the_exact_search(
    n: int, dim: int, kind: Any, metric: str, share: float | None, seed: int
) -> None:
    rng = np.random.default_rng(seed)
    points = rng.normal(size=(n, dim)).astype(np.float32)
    points[::5] = 0
    vectors = Vectors.of(points, metric)
    allow = None if share is None else rng.random(n) < share
    queries = rng.normal(size=(3, dim)).astype(np.float32)
    index = Rescored(Flat(kind.of(vectors)), vectors, oversample=60)
    rows, scores = index.search(queries, 5, allow)
    exact_rows, exact = Flat(vectors).search(queries, 5, allow)
    assert np.allclose(scores, exact, atol=1e-5)
    assert ((rows >= 0) == (exact_rows >= 0)).all()


def test_binary_codes_take_a_bit_a_dimension() -> None:
    for metric, factors in (("l2", 8), ("cosine", 12)):
        codes = BinaryCodes.of(Vectors.of(clustered(1000, 128, 4), metric))
        assert codes.codes.nbytes == 1000 * 16
        assert codes.factors.nbytes == 1000 * factors


@pytest.mark.parametrize("kind", CODES)
def test_what_cannot_be_coded_or_asked_is_refused(kind: Any) -> None:
    with pytest.raises(InputError, match="bits are codes already"):
        kind.of(Vectors.of(np.zeros((3, 2), np.uint8), "hamming"))
    codes = kind.of(Vectors.of(np.ones((3, 2), np.float32), "l2"))
    with pytest.raises(InputError, match=r"queries: shape \(1, 3\); expected \(Q, 2\)"):
        codes.prepare(np.ones((1, 3), np.float32))
    with pytest.raises(InputError, match="oversample is 0, expected 1 or more"):
        Rescored(Flat(codes), Vectors.of(np.ones((3, 2), np.float32), "l2"), 0)
