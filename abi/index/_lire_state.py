"""What LIRE works on: rows, their partitions, and what was done to them."""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from abi.index._vectors import Vectors, inverse_norms

__all__ = ["Limits", "State"]

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_SCORES = 1 << 18  # scores, and numbers of gathered rows, at once: they stay in the cache


@dataclass(frozen=True)
class Limits:
    """When partitions are split and merged; see `LIRE`."""

    split_limit: int
    merge_threshold: int
    reassign_range: int


@dataclass
class State:
    """Partitions that are being changed; the arrays are this call's own.

    Rows and centroids are compared relative to `origin`: far from zero their products would lose
    the small differences that decide.
    """

    vectors: Vectors
    centroids: F32
    labels: I32
    limits: Limits
    rng: np.random.Generator
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        l2 = self.metric == "l2"
        mean = self.centroids.mean(axis=0, dtype=np.float64)
        self.origin: F32 = (mean if l2 else 0 * mean).astype(np.float32)

    @property
    def metric(self) -> str:
        """How rows and centroids are compared: under "cosine" both have norm 1."""
        return "l2" if self.vectors.metric == "l2" else "ip"

    def sizes(self) -> I64:
        """Rows of each partition."""
        return np.bincount(self.labels + 1, minlength=len(self.centroids) + 1)[1:]

    def rows(self, numbers: I64) -> F32:
        """Rows relative to the origin, of norm 1 under "cosine"."""
        found = np.asarray(self.vectors.data[numbers], np.float32)
        if self.vectors.metric == "cosine":
            return found * inverse_norms(found)[:, None]
        return found - self.origin if self.metric == "l2" else found

    def scores(self, rows: F32, centroids: F32) -> F32:
        """What tells which of some centroids is nearer to a row: `(n, centroids)`.

        Both are relative to the origin. |x - c|^2 is least where <x, c> - |c|^2 / 2 is largest.
        """
        found = self.vectors.kernels.distances(rows, centroids, "ip")
        return found - np.vecdot(centroids, centroids) / 2 if self.metric == "l2" else found

    def blocks(self, numbers: I64, width: int) -> Iterator[I64]:
        """Numbers of rows, as many as can be compared with `width` centroids at once."""
        step = max(256, _SCORES // max(width, self.centroids.shape[1]))
        return (numbers[start : start + step] for start in range(0, len(numbers), step))

    def nearest(self, numbers: I64, closed: npt.NDArray[np.bool_] | None = None) -> I32:
        """The nearest partition of each row that is not closed; its own where none is nearer."""
        found = self.labels[numbers].copy()
        centroids, place = self.centroids - self.origin, 0
        for some in self.blocks(numbers, len(centroids)):
            scores = self.scores(self.rows(some), centroids)
            if closed is not None:
                scores[:, closed] = -np.inf
            part = found[place : place + len(some)]
            own = scores[np.arange(len(some)), np.maximum(part, 0)]
            away = (part < 0) | (scores.max(axis=1) > own)
            part[away] = scores[away].argmax(axis=1)
            place += len(some)
        return found

    def members(self, parts: I64) -> Iterator[tuple[int, I64]]:
        """Rows of each of some partitions that has any, by ascending partition."""
        wanted = np.zeros(len(self.centroids) + 1, np.bool_)  # the last is what -1 refers to
        wanted[parts] = True
        rows = np.flatnonzero(wanted[self.labels])
        rows = rows[np.argsort(self.labels[rows], kind="stable")]
        found = self.labels[rows]
        bounds = [*np.flatnonzero(np.diff(found, prepend=-1)).tolist(), len(rows)]
        for start, stop in itertools.pairwise(bounds):
            yield int(found[start]), rows[start:stop]
