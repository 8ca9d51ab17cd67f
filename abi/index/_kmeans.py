"""k-means, vectorised: centroids for partitions and for codes.

Lloyd's iterations over a sample of 256 rows a centroid, as faiss takes. Under "cosine" and "ip" it
is spherical: centroids have norm 1 and rows go to the one of the largest product. A centroid
that loses all its rows takes half of those of the largest. The first centroids are chosen by
k-means++ (Arthur and Vassilvitskii, 2007). Under "l2" rows are compared relative to a point among
them: far from zero, products would lose the small differences that decide.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.index._vectors import inverse_norms
from abi.kernels import NumpyKernels, select

__all__ = ["assign", "kmeans", "normed"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

SAMPLE = 256  # rows a centroid
_NUMBERS = 1 << 22  # of rows whose nearest centroids are sought at once
_SEEDS = 16  # rows a centroid that the first ones are chosen from
_SPREAD = 1024  # centroids up to which they are chosen far from each other
_NUDGE = 1 / 1024  # relative distance of two halves of a split centroid


def kmeans(
    vectors: F32,
    k: int,
    metric: str = "l2",
    *,
    iterations: int = 10,
    seed: int = 0,
    kernels: NumpyKernels | None = None,
) -> F32:
    """Centroids of rows.

    Parameters
    ----------
    vectors : (n, dim) float32
        At least k rows.
    k : int
    metric : {"cosine", "ip", "l2"}
    iterations : int
    seed : int
        Of the sample and of the first centroids; the same for equal input gives the same.
    kernels : NumpyKernels, optional

    Returns
    -------
    (k, dim) float32

    Raises
    ------
    InputError
        If there are fewer rows than centroids, the seed is negative, or it is a metric of bits.
    """
    if not 1 <= k <= len(vectors):
        raise InputError(f"k-means: {k} centroids of {len(vectors)} rows; expected 1 to as many")
    if seed < 0:
        raise InputError(f"seed is {seed}, expected 0 or more")
    if metric == "hamming":
        raise InputError('k-means: bits have no means; take index="flat" or "hnsw"')
    found = select() if kernels is None else kernels
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(vectors))[: SAMPLE * k]
    sample = np.asarray(vectors[np.sort(chosen)], np.float32)
    if metric == "cosine":
        sample = sample * inverse_norms(sample)[:, None]
    origin = _origin(sample, metric)
    sample = sample - origin
    centroids = _start(sample, k, rng)
    for _ in range(iterations):
        centroids = normed(centroids, metric)
        labels = assign(sample, centroids, metric, found)
        centroids = _means(sample, labels, centroids, rng, found)
    return normed(centroids, metric) + origin


def assign(
    vectors: F32, centroids: F32, metric: str, kernels: NumpyKernels | None = None
) -> npt.NDArray[np.int32]:
    """The nearest centroid of each row: `(n,)` int32; under "cosine" the length is no matter."""
    found = select() if kernels is None else kernels
    origin = _origin(centroids, metric)
    against = centroids - origin
    # |x - c|^2 is least where <x, c> - |c|^2 / 2 is largest.
    offsets = np.vecdot(against, against) / 2 if metric == "l2" else None
    out = np.empty(len(vectors), np.int32)
    step = max(256, _NUMBERS // vectors.shape[1])
    for start in range(0, len(vectors), step):
        some = np.asarray(vectors[start : start + step], np.float32) - origin
        out[start : start + step] = found.nearest(some, against, offsets)
    return out


def _start(sample: F32, k: int, rng: np.random.Generator) -> F32:
    """First centroids: far from each other by k-means++, or at random where there are many."""
    if k > _SPREAD:
        return sample[rng.permutation(len(sample))[:k]]
    some = sample[rng.permutation(len(sample))[: max(k, _SEEDS * k)]]
    squares = np.vecdot(some, some)
    away = np.full(len(some), np.inf, np.float32)
    chosen = [int(rng.integers(len(some)))]
    for _ in range(k - 1):
        last = some[chosen[-1]]
        near = squares - 2 * (some @ last) + squares[chosen[-1]]
        away = np.minimum(away, np.maximum(near, 0))
        ends = np.cumsum(away, dtype=np.float64)
        place = np.searchsorted(ends, rng.random() * ends[-1], side="right")
        chosen.append(min(int(place), len(some) - 1))
    return some[chosen]


def _means(
    sample: F32,
    labels: npt.NDArray[np.int32],
    before: F32,
    rng: np.random.Generator,
    kernels: NumpyKernels,
) -> F32:
    k = len(before)
    counts = np.bincount(labels, minlength=k)
    order = np.argsort(labels, kind="stable")
    used = np.flatnonzero(counts)
    starts = (np.cumsum(counts) - counts)[used]
    means = before.copy()
    means[used] = kernels.sums(sample, order, starts) / counts[used, None]
    for empty in np.flatnonzero(counts == 0).tolist():
        largest = int(counts.argmax())
        nudge = 1 + _NUDGE * np.where(rng.random(sample.shape[1]) < 0.5, -1, 1)
        means[empty] = means[largest] * nudge
        means[largest] = means[largest] * (2 - nudge)
        counts[empty] = counts[largest] // 2
        counts[largest] -= counts[empty]
    return means


def _origin(rows: F32, metric: str) -> F32 | np.float32:
    """What rows are compared relative to: their mean under "l2", where only differences count."""
    if metric != "l2":
        return np.float32(0)
    mean = rows.mean(axis=0, dtype=np.float64)
    return np.asarray(mean, np.float32)


def normed(centroids: F32, metric: str) -> F32:
    """Centroids of norm 1, but under "l2" as they are."""
    if metric == "l2":
        return centroids
    return centroids * inverse_norms(centroids)[:, None]
