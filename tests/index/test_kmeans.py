"""k-means: centroids worked by hand, errors beside the true centres', and what is degenerate."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from abi.errors import InputError
from abi.index import assign, kmeans
from tests.index.test_ivf import clustered


def test_centroids_of_points_that_lie_apart_are_their_means() -> None:
    points = np.float32([[0, 0], [0, 2], [10, 0], [10, 2], [0, 20], [0, 22]])
    centroids = kmeans(points, 3)
    assert sorted(map(tuple, centroids.tolist())) == [(0, 1), (0, 21), (10, 1)]
    labels = assign(points, centroids, "l2")
    assert labels[0] == labels[1] != labels[2] == labels[3] != labels[4] == labels[5]


def test_spherical_centroids_have_length_one() -> None:
    points = np.float32([[5, 0], [1, 0.1], [0, 3], [0.1, 1]])
    for metric in ("cosine", "ip"):
        centroids = kmeans(points, 2, metric)
        assert np.linalg.norm(centroids, axis=1) == pytest.approx([1, 1])
        labels = assign(points, centroids, metric)
        assert labels[0] == labels[1] != labels[2] == labels[3]


def test_it_comes_near_the_best_error() -> None:
    """Within a tenth of what the true centres give."""
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(20, 8)) * 8
    points = (centres[rng.integers(20, size=4000)] + rng.normal(size=(4000, 8))).astype(np.float32)

    def error(centroids: Any) -> float:
        away = ((points[:, None] - centroids[None]) ** 2).sum(axis=2)
        return float(away.min(axis=1).mean())

    assert error(kmeans(points, 40, iterations=15)) < 1.1 * error(centres)


def test_rows_that_are_equal_have_as_many_centroids_as_wanted() -> None:
    points = np.ones((50, 3), np.float32)
    centroids = kmeans(points, 5)
    assert centroids.shape == (5, 3)
    assert np.isfinite(centroids).all()
    assert centroids == pytest.approx(np.ones((5, 3)), abs=0.02)


def test_no_centroid_is_left_without_rows() -> None:
    points = clustered(3000, 6, 4)
    labels = assign(points, kmeans(points, 64, iterations=20), "l2")
    assert np.bincount(labels, minlength=64).min() > 0


def test_it_is_the_same_for_the_same_seed() -> None:
    points = clustered(500, 4, 5)
    assert kmeans(points, 9, seed=4).tolist() == kmeans(points, 9, seed=4).tolist()


@pytest.mark.parametrize("k", [0, 4])
def test_there_are_no_more_centroids_than_rows(k: int) -> None:
    with pytest.raises(InputError, match=f"{k} centroids of 3 rows; expected 1 to as many"):
        kmeans(np.ones((3, 2), np.float32), k)


def test_bits_are_refused() -> None:
    with pytest.raises(InputError, match="bits have no means"):
        kmeans(np.zeros((9, 2), np.uint8), 3, "hamming")


@pytest.mark.parametrize("offset", [0, 1000])
def test_rows_go_to_the_nearest_wherever_the_origin_lies(offset: int) -> None:
    """The squares are 1e7 and the distances 1: as float32 products they would all be alike."""
    rng = np.random.default_rng(5)
    points = (offset + rng.normal(size=(2000, 8)) / 10).astype(np.float32)
    centroids = kmeans(points, 20)
    away = ((points[:, None].astype(np.float64) - centroids[None]) ** 2).sum(axis=2)
    labels = assign(points, centroids, "l2")
    assert np.mean(labels == away.argmin(axis=1)) > 0.999
    assert away.min(axis=1).mean() < 0.7 * away.mean()


@pytest.mark.parametrize("metric", ["cosine", "ip", "l2"])
def test_many_centroids_are_seeded_from_rows(metric: str) -> None:
    """Above a thousand: no iteration, so each is a row, of norm 1 but under "l2"."""
    points = clustered(3000, 4, 30)
    centroids = kmeans(points, 1500, metric, iterations=0)
    rows = points if metric == "l2" else points / np.linalg.norm(points, axis=1, keepdims=True)
    nearest = np.abs(centroids[:, None] - rows[None, :]).max(axis=2).min(axis=1)
    assert nearest.max() < 1e-5
