"""LIRE: partitions kept as they should be while rows come and go, without building them anew.

SPFresh (Xu et al., SOSP 2023, arXiv 2410.14452): new rows join the nearest partition; one that
grows above a limit is split, one that shrinks below a threshold dissolves, and then only rows at
the boundaries of these are compared again. Left out: the paper's copies of rows in several
partitions, its background workers and its storage; `IVF` searches what this keeps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError, InputError
from abi.index._arrays import taken
from abi.index._ivf import IVF
from abi.index._ivf_arrays import checked, labels_of, offsets_of, packed
from abi.index._kmeans import assign, kmeans
from abi.index._lire_boundary import reassign
from abi.index._lire_split import merge_small, split_large
from abi.index._lire_state import Limits, State
from abi.index._vectors import Vectors

__all__ = ["LIRE", "LIREStats"]

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_MOST = (1 << 31) - 1


@dataclass(frozen=True)
class LIREStats:
    """What a change did.

    Attributes
    ----------
    splits, merges : int
        Partitions that were split in two, and that were dissolved.
    examined : int
        Times that a row was looked at because its partition, or one near by, was split.
    named : int
        Times that one of the paper's conditions said that it may have to move.
    reassigned : int
        Rows that moved to another partition, those of dissolved ones included; halves of a split
        partition are not counted.
    """

    splits: int = 0
    merges: int = 0
    examined: int = 0
    named: int = 0
    reassigned: int = 0


class LIRE:
    """Which partition each row is in, kept up to date.

    Changing replaces the arrays and never writes to those that it found.

    Parameters
    ----------
    vectors : Vectors
        Rows in the caller's order; they are used where they are.
    centroids : (nlist, dim) float32
    labels : (n,) int32
        The partition of each row, -1 where it is in none.
    split_limit : int
        Rows of a partition above which it is split.
    merge_threshold : int, optional
        Rows of a partition below which it dissolves; at most a third of the limit, an eighth of it
        where none is given.
    reassign_range : int
        Partitions around one that is split whose rows are looked at.
    nprobe : int
        Of the indexes that are made of it.
    seed : int

    Raises
    ------
    InputError
        If a parameter is out of range, or the arrays do not fit together.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> points = rng.normal(size=(600, 4)).astype(np.float32)
    >>> parts = LIRE.build(Vectors.of(points[:400], "l2"), nlist=4, split_limit=150)
    >>> done = parts.add(Vectors.of(points, "l2"))
    >>> done.splits > 0, parts.nlist == 4 + done.splits
    (True, True)
    >>> parts.index().search(points[500:501], k=1)[0].tolist()
    [[500]]
    """

    def __init__(
        self,
        vectors: Vectors,
        centroids: F32,
        labels: I32,
        *,
        split_limit: int,
        merge_threshold: int | None = None,
        reassign_range: int = 64,
        nprobe: int = 8,
        seed: int = 0,
    ) -> None:
        least = split_limit // 8 if merge_threshold is None else merge_threshold
        for name, value, low, high in (
            ("split_limit", split_limit, 2, _MOST),
            ("merge_threshold", least, 0, split_limit // 3),
            ("reassign_range", reassign_range, 1, _MOST),
            ("nprobe", nprobe, 1, _MOST),
            ("seed", seed, 0, _MOST),
        ):
            if not low <= value <= high:
                raise InputError(f"{name} is {value}, expected {low} to {high}")
        _check_fit(vectors, centroids, labels)
        self.vectors, self.centroids, self.labels = vectors, centroids, labels
        self.limits = Limits(split_limit, least, reassign_range)
        self.nprobe, self.seed = nprobe, seed

    @classmethod
    def build(cls, vectors: Vectors, nlist: int, *, split_limit: int, **options: int) -> LIRE:
        """Partitions by k-means, balanced; options are those of the class.

        Raises
        ------
        InputError
            If a parameter is out of range, or the vectors are bits.
        """
        metric, kernels, seed = vectors.metric, vectors.kernels, options.get("seed", 0)
        centroids = kmeans(vectors.data, nlist, metric, seed=seed, kernels=kernels)
        labels = assign(vectors.data, centroids, metric, kernels)
        found = cls(vectors, centroids, labels, split_limit=split_limit, **options)
        found.rebalance()
        return found

    @property
    def nlist(self) -> int:
        """Partitions."""
        return len(self.centroids)

    def __len__(self) -> int:
        return len(self.labels)

    def add(self, vectors: Vectors) -> LIREStats:
        """Put new rows in the nearest partitions, and rebalance.

        Parameters
        ----------
        vectors : Vectors
            The rows so far, removed ones included, and new ones after them.

        Raises
        ------
        InputError
            If there are fewer rows than there were, or of another metric or width.
        """
        before = len(self.labels)
        same = vectors.metric == self.vectors.metric
        if not same or vectors.data.shape[1] != self.centroids.shape[1] or len(vectors) < before:
            got = f"{vectors.metric} {vectors.data.shape}"
            expected = f"{self.vectors.metric} ({before} or more, {self.centroids.shape[1]})"
            raise InputError(f"vectors: {got}, expected {expected}")
        state = self._state(vectors, len(vectors) - before)
        new = np.arange(before, len(vectors))
        state.labels[new] = state.nearest(new)
        return self._rebalanced(state)

    def remove(self, rows: npt.ArrayLike) -> LIREStats:
        """Take rows out of their partitions, and rebalance; those that are in none are let be.

        Raises
        ------
        InputError
            If a row is out of range.
        """
        numbers = np.asarray(rows)
        if numbers.size and (
            numbers.dtype.kind not in "iu" or numbers.min() < 0 or numbers.max() >= len(self)
        ):
            raise InputError(f"rows: expected integers from 0 to {len(self) - 1}")
        state = self._state(self.vectors)
        state.labels[numbers.astype(np.int64).ravel()] = -1
        return self._rebalanced(state)

    def rebalance(self) -> LIREStats:
        """Merge small partitions, split large ones, and reassign rows at their boundaries."""
        return self._rebalanced(self._state(self.vectors))

    def index(self) -> IVF:
        """An index of the partitions as they are; vectors are copied in their order."""
        found = self.arrays()
        return IVF.from_arrays(found, self.vectors.take(found["order"]), self.vectors.kernels)

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """Those of an `IVF` over the rows in the order that `order` names, and its own `lire`."""
        n = len(self.centroids)
        order = np.argsort(np.where(self.labels < 0, n, self.labels), kind="stable")
        limits = self.limits
        numbers = limits.split_limit, limits.merge_threshold, limits.reassign_range, self.seed
        found = packed(self.centroids, offsets_of(self.labels, n), order, self.nprobe)
        return {**found, "lire": np.array(numbers, np.int64)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, npt.NDArray[Any]], vectors: Vectors) -> LIRE:
        """What `arrays` was called on, over the same vectors in the caller's order.

        Raises
        ------
        FormatError
            If the arrays are not those of partitions of as many rows of that width.
        """
        found = checked(arrays, len(vectors))
        limit, least, near, seed = taken(arrays, "lire", np.int64, (4,)).tolist()
        labels = np.full(len(vectors), -1, np.int32)
        parts = labels_of(found.offsets)
        labels[: len(parts)] = parts
        if found.order is not None:
            labels[found.order] = labels.copy()
        try:
            return cls(
                vectors, found.centroids, labels, split_limit=limit, merge_threshold=least,
                reassign_range=near, nprobe=found.nprobe, seed=seed,
            )  # fmt: skip
        except InputError as error:
            raise FormatError(str(error), field="lire") from None

    def _state(self, vectors: Vectors, added: int = 0) -> State:
        labels = np.concatenate([self.labels, np.full(added, -1, np.int32)])
        rng = np.random.default_rng([self.seed, len(labels)])
        return State(vectors, self.centroids.copy(), labels, self.limits, rng)

    def _rebalanced(self, state: State) -> LIREStats:
        merge_small(state)
        while splits := split_large(state):
            reassign(state, splits)
        self.vectors, self.centroids, self.labels = state.vectors, state.centroids, state.labels
        return LIREStats(**state.counts)


def _check_fit(vectors: Vectors, centroids: F32, labels: I32) -> None:
    if vectors.metric == "hamming":
        raise InputError('bits have no partitions; take index="flat" or "hnsw"')
    dim = vectors.data.shape[1]
    if centroids.ndim != 2 or centroids.shape[1] != dim or not len(centroids):
        raise InputError(f"centroids: shape {centroids.shape}, expected (1 or more, {dim})")
    low, high = int(labels.min(initial=0)), int(labels.max(initial=0))
    if labels.shape != (len(vectors),) or low < -1 or high >= len(centroids):
        expected = f"({len(vectors)},) from -1 to {len(centroids) - 1}"
        raise InputError(f"labels: {labels.shape} from {low} to {high}, expected {expected}")
