"""IVF: rows in partitions around centroids, of which a search looks at a few.

Names are faiss's: `nlist` partitions, of which `nprobe` are searched. Rows of a partition are
neighbours in memory, so looking at one is a product with a block; `order` says which row is
where, unless the caller keeps its rows in that order already.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import isqrt
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.index._among import best, exact
from abi.index._cost import SearchStats, costs_of, width_of
from abi.index._ivf_arrays import checked, offsets_of, packed
from abi.index._ivf_plan import plan
from abi.index._kmeans import assign, kmeans
from abi.index._probe import Partitions, probe
from abi.index._protocol import Found, Mask, Scorer
from abi.index._vectors import Vectors
from abi.kernels import NumpyKernels, Ranking, select, unit

__all__ = ["IVF", "partitions_for"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_RECALL_QUERIES = 200
_TOGETHER = 4096  # queries of one call


class IVF:
    """Partitions of rows.

    Parameters
    ----------
    scorer : Scorer
        The rows in the order of their partitions: vectors, or codes of them.
    centroids : (nlist, dim) float32
    offsets : (nlist + 1,) int64
        Partition i has the rows of the scorer from offsets[i] to offsets[i + 1]; those after the
        last are in no partition and never found.
    order : (n,) int, optional
        The caller's number of each of the scorer's rows; None where that is its place.
    nprobe : int
        Partitions that a search looks at where it names no number.
    kernels : NumpyKernels, optional

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = rng.normal(size=(400, 4)).astype(np.float32)
    >>> index = IVF.build(Vectors.of(points, "l2"), nlist=8)
    >>> rows, scores = index.search(points[7:8], k=1)
    >>> rows.tolist(), scores.tolist()
    ([[7]], [[-0.0]])
    """

    def __init__(
        self,
        scorer: Scorer,
        centroids: F32,
        offsets: I64,
        order: npt.NDArray[Any] | None = None,
        nprobe: int = 8,
        kernels: NumpyKernels | None = None,
    ) -> None:
        self.scorer, self.centroids, self.offsets = scorer, centroids, offsets
        self.order, self.nprobe = order, nprobe
        self.kernels = select() if kernels is None else kernels

    @classmethod
    def build(
        cls, vectors: Vectors, nlist: int, *, nprobe: int = 8, iterations: int = 10, seed: int = 0
    ) -> IVF:
        """Partition rows; they are copied in the order of their partitions.

        Parameters
        ----------
        vectors : Vectors
        nlist : int
            Partitions, at most as many as rows.
        nprobe, iterations, seed : int

        Raises
        ------
        InputError
            If a parameter is out of range, or the vectors are bits.
        """
        _check_number("nprobe", nprobe, 1, 1 << 31)
        metric, kernels = vectors.metric, vectors.kernels
        centroids = kmeans(
            vectors.data, nlist, metric, iterations=iterations, seed=seed, kernels=kernels
        )
        labels = assign(vectors.data, centroids, metric, kernels)
        order = np.argsort(labels, kind="stable")
        offsets = offsets_of(labels, nlist)
        return cls(vectors.take(order), centroids, offsets, order, nprobe, kernels)

    @property
    def nlist(self) -> int:
        """Partitions."""
        return len(self.centroids)

    def __len__(self) -> int:
        return len(self.scorer)

    def search(
        self,
        queries: npt.NDArray[Any],
        k: int,
        allow: Mask | None = None,
        *,
        nprobe: int | None = None,
        stats: SearchStats | None = None,
    ) -> Found:
        """The nearest rows in the partitions whose centroids are nearest.

        Parameters
        ----------
        queries : (Q, dim) float32
        k : int
        allow : (n,) bool, optional
            Rows that may be found. More partitions are looked at the fewer rows they are, and
            further ones while fewer than min(k, allowed) are found; or all these rows are
            compared, where that costs less.
        nprobe : int, optional
            Partitions to look at where all rows are allowed; they are, even where comparing all
            rows would cost less.
        stats : SearchStats, optional
            Is overwritten with what the search did.

        Returns
        -------
        rows : (Q, k) int64
        scores : (Q, k) float32

        Raises
        ------
        InputError
            If an argument has another shape or is out of range.
        """
        wanted = self.nprobe if nprobe is None else nprobe
        _check_number("nprobe", wanted, 1, 1 << 31)
        _check_number("k", k, 1, 1 << 31)
        if allow is not None:
            if allow.shape != (len(self),) or allow.dtype != np.bool_:
                got = f"{allow.dtype} of shape {allow.shape}"
                raise InputError(f"allow: {got}, expected bool ({len(self)},)")
            allow = allow if self.order is None else allow[self.order]
        live = int(self.offsets[-1])
        allowed = live if allow is None else int(np.count_nonzero(allow[:live]))
        dim, costs = width_of(self.scorer), costs_of(self.scorer, self.kernels)
        did = plan(self.nlist, wanted, live, allowed, dim, len(queries), costs)
        asked = nprobe is not None and allow is None
        if did.plan == "exact" and not asked:
            found = self._exact(queries, k, allow)
            did.compared = allowed * len(queries)
        else:
            did.plan = "partitions"
            did.width = wanted if allow is None else max(wanted, did.width)
            parts = [
                self._looked(queries[start : start + _TOGETHER], k, allow, did)
                for start in range(0, max(1, len(queries)), _TOGETHER)
            ]
            rows, scores = zip(*parts, strict=True)
            found = np.concatenate(rows), np.concatenate(scores)
        if stats is not None:
            stats.__dict__.update(did.__dict__)
        return found

    def tune(self, queries: npt.NDArray[Any], k: int = 10, recall: float = 0.95) -> int:
        """Set `nprobe` to the least that finds a share of the true neighbours of some queries.

        Returns
        -------
        int
            The new `nprobe`.
        """
        some = queries[:_RECALL_QUERIES]
        exact, _ = self.search(some, k, nprobe=self.nlist)
        low, high = 1, self.nlist
        while low < high:
            middle = (low + high) // 2
            found, _ = self.search(some, k, nprobe=middle)
            if _recall(found, exact) >= recall:
                high = middle
            else:
                low = middle + 1
        self.nprobe = low
        return low

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What `from_arrays` makes an equal index of, over the same rows."""
        return packed(self.centroids, self.offsets, self.order, self.nprobe)

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        scorer: Scorer,
        kernels: NumpyKernels | None = None,
    ) -> IVF:
        """An index over arrays that were saved, which may be read-only memory maps.

        Raises
        ------
        FormatError
            If the arrays are not those of partitions of as many rows.
        """
        found = checked(arrays, len(scorer))
        return cls(scorer, found.centroids, found.offsets, found.order, found.nprobe, kernels)

    def _exact(self, queries: npt.NDArray[Any], k: int, allow: Mask | None) -> Found:
        """The best of all rows that are in partitions."""
        live = int(self.offsets[-1])
        among = np.ones(len(self), np.bool_) if allow is None else allow
        if live < len(among):
            among = among.copy()
            among[live:] = False
        if self.order is None:
            return exact(self.scorer, queries, k, among)
        rows, scores = exact(self.scorer, queries, k + 1, among)
        found, kept = best(self._names(rows), scores, k)
        # Equal scores go by the caller's numbers: where the last is one of several, all count.
        torn = (scores[:, k] == scores[:, k - 1]) & (rows[:, k] >= 0)
        if torn.any():
            every = int(np.count_nonzero(among))
            rows, scores = exact(self.scorer, queries[torn], every, among)
            found[torn], kept[torn] = best(self._names(rows), scores, k)
        return found, kept

    def _names(self, places: I64) -> I64:
        assert self.order is not None
        return np.where(places >= 0, self.order[places], -1).astype(np.int64)

    def _looked(
        self, queries: npt.NDArray[Any], k: int, allow: Mask | None, did: SearchStats
    ) -> Found:
        prepared = self.scorer.prepare(queries)
        asked = np.asarray(queries, np.float32)
        ranked = self._ranked(unit(asked) if self.scorer.metric == "cosine" else asked)
        space = Partitions(self.scorer, self.offsets, self.order)
        found, compared = probe(space, prepared, ranked, did.width, k, allow)
        did.compared += compared
        return found

    def _ranked(self, queries: F32) -> Ranking:
        """Scores of the centroids."""
        if queries.shape[1] != self.centroids.shape[1]:
            expected = f"(Q, {self.centroids.shape[1]})"
            raise InputError(f"queries: shape {queries.shape}; expected {expected}")
        metric = "l2" if self.scorer.metric == "l2" else "ip"
        return Ranking(queries, self.centroids, metric, self.kernels.distances)


def partitions_for(n: int) -> int:
    """Partitions that suit n rows: about twice the square root, so that looking for the nearest
    and looking into them take about the same time.
    """
    return max(1, min(n, 2 * isqrt(n)))


def _recall(found: I64, exact: I64) -> float:
    hits = [len({*a} & {*b} - {-1}) for a, b in zip(found.tolist(), exact.tolist(), strict=True)]
    return sum(hits) / max(1, int((exact >= 0).sum()))


def _check_number(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} is {value}, expected {low} to {high}")
