"""Product quantisation: words, codes, and how much of the true neighbours they find."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abi.errors import InputError
from abi.index import IVF, Flat, PQCodes, Rescored, Vectors, assign, ivfpq
from tests.index.test_codes import METRICS, recall
from tests.index.test_ivf import clustered


def words_of_four() -> Any:
    """Rows of two parts of one number each, of sixteen values: coded without loss."""
    rng = np.random.default_rng(0)
    return rng.integers(0, 16, (400, 2)).astype(np.float32)


@pytest.mark.parametrize("metric", METRICS[1:])
def test_what_words_hold_whole_is_scored_exactly(metric: str) -> None:
    points = words_of_four()
    vectors = Vectors.of(points, metric)
    codes = PQCodes.of(vectors, 2, nbits=4)
    assert codes.codes.shape == (400, 1)  # two codes a byte
    queries = np.float32([[3, 7], [-1, 2.5]])
    exact = vectors.block(vectors.prepare(queries), 0, 400)
    prepared = codes.prepare(queries)
    assert np.allclose(codes.block(prepared, 0, 400), exact, atol=1e-3)
    rows = np.arange(400)
    assert np.allclose(codes.pairs(prepared, rows * 0 + 1, rows), exact[1], atol=1e-3)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("nbits", [4, 8])
@pytest.mark.parametrize("residual", [False, True])
def test_blocks_and_pairs_agree(metric: str, nbits: int, residual: bool) -> None:
    points = clustered(300, 8, 9)
    vectors = Vectors.of(points, metric)
    partition = None
    if residual:
        index = IVF.build(vectors, 8)
        partition = index.centroids, assign(points, index.centroids, metric)
    codes = PQCodes.of(vectors, 2, nbits, opq=nbits == 4, partition=partition)
    prepared = codes.prepare(points[:5] + np.float32(0.3))
    block = codes.block(prepared, 100, 250)
    which, rows = np.repeat(np.arange(5), 150), np.tile(np.arange(100, 250), 5)
    pairs = codes.pairs(prepared, which, rows).reshape(5, -1)
    assert np.allclose(pairs, block, atol=1e-4 * np.abs(block).max())


def error(vectors: Vectors, **options: Any) -> float:
    """Mean squared distance of rows from what their codes stand for."""
    codes = PQCodes.of(vectors, **options)
    rows = np.arange(len(vectors))
    return float(-np.mean(codes.pairs(vectors.data, rows, rows)))


def test_more_parts_bits_and_a_rotation_lose_less() -> None:
    """The data are stretched along two axes of one part, which a rotation spreads."""
    rng = np.random.default_rng(2)
    points = (rng.normal(size=(3000, 16)) * np.repeat([8, 1, 1, 1], 4)).astype(np.float32)
    vectors = Vectors.of(points, "l2")
    plain = error(vectors, m=4, nbits=4)
    assert error(vectors, m=8, nbits=4) < 0.8 * plain
    assert error(vectors, m=4, nbits=8) < 0.8 * plain
    assert error(vectors, m=4, nbits=4, opq=True) < 0.8 * plain


@pytest.mark.parametrize("metric", METRICS)
def test_ivfpq_scored_again_finds_what_vectors_find(metric: str) -> None:
    points = clustered(6000, 32, 60)
    vectors, queries = Vectors.of(points, metric), points[:60] + np.float32(0.2)
    index = ivfpq(vectors, 32, 8)
    assert recall(Rescored(index, vectors, 20), vectors, queries, nprobe=8) > 0.95
    whole = Rescored(Flat(PQCodes.of(vectors, 16)), vectors, 10)
    assert recall(whole, vectors, queries) > 0.95
    _, all_parts = index.search(queries, 10, nprobe=32)
    _, everything = Flat(index.scorer).search(queries, 10)
    assert np.allclose(all_parts, everything, atol=1e-3)


def test_what_is_left_after_the_centroid_is_coded_better() -> None:
    """As the paper finds: rests are smaller than rows, so words lie closer to them."""
    vectors = Vectors.of(clustered(3000, 16, 40), "l2")
    index = ivfpq(vectors, 32, 4, 4)
    assert index.order is not None
    rows = np.arange(3000)
    rests = -np.mean(index.scorer.pairs(vectors.data[index.order], rows, rows))
    assert rests < 0.5 * error(vectors, m=4, nbits=4)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize("residual", [False, True])
def test_tables_and_products_give_the_same(metric: str, residual: bool) -> None:
    """Few queries are scored by tables, in a search prepared once; many by words multiplied."""
    vectors, queries = Vectors.of(clustered(600, 8, 9), metric), clustered(6, 8, 9, seed=4)
    codes = ivfpq(vectors, 6, 4, 4, opq=True).scorer if residual else PQCodes.of(vectors, 4, 4)
    many = codes.block(codes.prepare(queries), 50, 400)
    few = [codes.block(codes.prepare(queries[i : i + 2]), 50, 400) for i in (0, 2, 4)]
    part = codes.block(codes.prepare(queries)[4:], 50, 400)  # as a batch asks of a partition
    scale = np.abs(many).max()
    assert np.allclose(np.concatenate(few), many, atol=1e-5 * scale)
    assert np.allclose(part, many[4:], atol=1e-5 * scale)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"m": 3}, "m=3: expected a divisor of the dimension, 16"),
        ({"m": 0}, "m=0: expected a divisor"),
        ({"m": 1, "nbits": 4}, "m=1: expected an even divisor of the dimension, 16"),
        ({"m": 4, "nbits": 6}, "nbits=6: expected 8 or 4"),
        ({"m": 4, "nbits": 8}, "200 rows; 256 words need as many at least"),
    ],
)
def test_parameters_that_cannot_be_are_refused(options: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        PQCodes.of(Vectors.of(clustered(200, 16, 3), "l2"), **options)


def test_bits_are_refused() -> None:
    with pytest.raises(InputError, match="bits are codes already"):
        PQCodes.of(Vectors.of(np.zeros((300, 2), np.uint8), "hamming"), 1)
