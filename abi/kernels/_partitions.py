"""Partition kernels: looks into the nearest partitions for many queries, each one call.

The reference has none: NumPy looks into a partition for all queries that want it, with a product
(abi/index/_probe.py). What overrides these finds the same rows, equal scores by the lower number.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.kernels._graph_space import Space

__all__ = ["Look", "PartitionKernels", "Ranking"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Stored = npt.NDArray[Any]
Looked = tuple[I64, F32, I64]


@dataclass(frozen=True)
class Ranking:
    """Scores of partitions by their centroids, which kernels may compute while they look.

    Parameters
    ----------
    queries : (Q, dim) float32
    centroids : (nlist, dim) float32
    metric : {"l2", "ip"}
    distances : function of these three
        What computes them elsewhere: `NumpyKernels.distances`.
    """

    queries: F32
    centroids: F32
    metric: str
    distances: Callable[[F32, F32, str], F32]

    def scores(self) -> F32:
        """`(Q, nlist)`, larger is nearer."""
        return self.distances(self.queries, self.centroids, self.metric)


@dataclass(frozen=True)
class Look:
    """What queries look for in partitions.

    Parameters
    ----------
    ranked : (Q, nlist) float32, or Ranking
        Scores of the partitions' centroids, larger is nearer.
    offsets : (nlist + 1,) int64
        Partition i is the rows from offsets[i] to offsets[i + 1].
    sizes : (nlist,) int64
        How many rows of each may be found.
    nprobe, k : int
        Partitions to look into, and as many more as k rows need; rows to be found.
    order : (n,) int64, optional
        The number by which each row is found; without it, its place.
    allow : (n,) bool, optional
        Rows that may be found, by place.
    """

    ranked: F32 | Ranking
    offsets: I64
    sizes: I64
    nprobe: int
    k: int
    order: I64 | None = None
    allow: npt.NDArray[np.bool_] | None = None

    def scores(self) -> F32:
        """Those of the partitions: `(Q, nlist)`."""
        return self.ranked.scores() if isinstance(self.ranked, Ranking) else self.ranked


class PartitionKernels:
    """Looks into partitions: rows `(Q, k)` int64, scores, and how many rows each compared."""

    def probe(
        self,
        look: Look,
        queries: Stored,
        vectors: Stored,
        metric: str,
        inverse_norms: F32 | None = None,
        constants: F32 | None = None,
    ) -> Looked | None:
        """By vectors; None where there is no one call for it. `constants` as for `scan`."""
        return None

    def pack_codes(self, codes: npt.NDArray[np.uint8], words: F32) -> Any | None:
        """Lay product codes out for `probe_codes`; None where there is no such kernel.

        Parameters
        ----------
        codes : (n, m) uint8, or (n, m / 2) with two codes of 4 bits a byte
        words : (m, 256 or 16, dim / m) float32
        """
        return None

    def probe_codes(
        self, look: Look, queries: F32, packed: Any, times: float, constants: F32 | None
    ) -> Looked:
        """By codes: a score is that of the partition, plus `times` the product of the query with
        what a row's codes stand for, less the row's constant.

        Parameters
        ----------
        look : Look
        queries : (Q, dim) float32
            Products of them with words of 4 bits may be rounded to bytes.
        packed
            What `pack_codes` returned.
        times : float
        constants : (n,) float32, optional
        """
        raise NotImplementedError

    def pairs(
        self,
        queries: Stored,
        vectors: Stored,
        metric: str,
        which: I64,
        rows: I64,
        inverse_norms: F32 | None = None,
    ) -> F32:
        """Scores of single rows, each for one query: `(m,)`; `which` ascends."""
        return Space(vectors, metric, inverse_norms).scoring(queries)(which, rows)

    def rescore(
        self,
        queries: Stored,
        vectors: Stored,
        metric: str,
        rows: I64,
        k: int,
        inverse_norms: F32 | None = None,
    ) -> tuple[I64, F32]:
        """The k best of some rows of each query, `(Q, width)` with -1 for none; k <= width."""
        which, place = np.nonzero(rows >= 0)
        scores = np.full(rows.shape, -np.inf, np.float32)
        if len(which):
            some = rows[which, place]
            found = self.pairs(queries, vectors, metric, which, some, inverse_norms)
            scores[which, place] = found
        order = np.lexsort((rows, -scores), axis=1)[:, :k]
        return np.take_along_axis(rows, order, 1), np.take_along_axis(scores, order, 1)
