"""Partitions of the vectors of rows that are about to be written, in whose order they will lie.

Where most of the rows have partitions already, these are kept and mended as SPFresh's LIRE does:
rows that left are left out, new ones join the nearest, and what became too large or too small is
split or dissolved. Otherwise k-means makes them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abi.index import LIRE, assign, kmeans, labels_of, partitions_for
from abi.kernels import NumpyKernels
from abi.store._config import CollectionConfig, VectorConfig
from abi.store._part import Rows
from abi.store._selection import Selection
from abi.store.indexes._choice import choose
from abi.store.indexes._stacked import stacked

__all__ = ["Layout", "Partition", "partition"]

F32 = npt.NDArray[np.float32]
I32 = npt.NDArray[np.int32]
I64 = npt.NDArray[np.int64]

_SAMPLE = 64  # rows a partition that centroids are learnt from
_ITERATIONS = 6
_AT_ONCE = 1 << 16  # rows between looks at whether to stop
_MOST = 0.5  # share of the rows that must have partitions for these to be kept
_LIMIT = 3  # times the mean size, above which a partition is split


@dataclass(frozen=True)
class Partition:
    """Partitions of a vector of a selection's rows.

    Parameters
    ----------
    centroids : (nlist, dim) float32
    labels : by part, `(rows of the part,)` int32
        The partition of each row, -1 of those that are not to be written.
    mended : bool
        Whether they come from earlier ones.
    """

    centroids: F32
    labels: Sequence[I32]
    mended: bool

    def of(self, rows: Selection) -> I32:
        """The partition of each row of a selection from the same parts."""
        found = np.empty(len(rows), np.int32)
        for number, labels in enumerate(self.labels):
            at = np.flatnonzero(rows.part == number)
            found[at] = labels[rows.row[at]]
        return found


Layout = Mapping[str, Partition]  # by vector


def partition(
    rows: Selection,
    config: CollectionConfig,
    kernels: NumpyKernels,
    stop: Callable[[], bool] = lambda: False,
    *,
    anew: bool = False,
) -> Layout | None:
    """Partitions for every vector that is to have some; None if `stop` said to end before.

    With `anew` those that are there are not kept.

    Raises
    ------
    FormatError
        If a part is damaged.
    """
    found: dict[str, Partition] = {}
    for name, settings in config.vectors.items():
        places = rows.with_vector(name)
        if choose(settings, len(places), kernels).index == "ivf":
            having = rows.take(places)
            kept = None if anew or settings.nlist is not None else _kept(having, name)
            one = _partition(having, name, settings, kernels, stop, kept)
            if one is None:
                return None
            found[name] = one
    return found


def _partition(
    rows: Selection,
    name: str,
    settings: VectorConfig,
    kernels: NumpyKernels,
    stop: Callable[[], bool],
    kept: tuple[I64, F32, I32] | None,
) -> Partition | None:
    if kept is not None:
        centroids, labels = _mended(rows, name, settings, kernels, *kept)
    else:
        fresh = _fresh(rows, name, settings, kernels, stop)
        if fresh is None:
            return None
        centroids, labels = fresh
    by_part = [np.full(len(part), -1, np.int32) for part in rows.parts]
    for number, of_part in enumerate(by_part):
        at = np.flatnonzero(rows.part == number)
        of_part[rows.row[at]] = labels[at]
    return Partition(centroids, by_part, kept is not None)


def _fresh(
    rows: Selection,
    name: str,
    settings: VectorConfig,
    kernels: NumpyKernels,
    stop: Callable[[], bool],
) -> tuple[F32, I32] | None:
    vectors = stacked(rows, name, settings, kernels)
    nlist = min(settings.nlist or partitions_for(len(rows)), len(rows))
    chosen = np.random.default_rng(0).permutation(len(rows))[: _SAMPLE * nlist]
    sample = vectors.data[np.sort(chosen)]
    centroids = kmeans(sample, nlist, settings.metric, iterations=_ITERATIONS, kernels=kernels)
    labels = np.empty(len(rows), np.int32)
    for start in range(0, len(rows), _AT_ONCE):
        if stop():
            return None
        some = vectors.data[start : start + _AT_ONCE]
        labels[start : start + len(some)] = assign(some, centroids, settings.metric, kernels)
    return centroids, labels


def _kept(rows: Selection, name: str) -> tuple[I64, F32, I32] | None:
    """Places of the rows of the part whose partitions are kept, its centroids, and its labels."""
    counts = np.bincount(rows.part, minlength=len(rows.parts)).tolist()
    having = [i for i, part in enumerate(rows.parts) if part.partitions(name) is not None]
    largest = max(having, key=lambda i: counts[i], default=0)
    part: Rows = rows.parts[largest]
    found = part.partitions(name)
    if found is None or counts[largest] < _MOST * len(rows):
        return None
    matrix = part.matrix(name, len(part))
    assert matrix is not None
    at = np.flatnonzero(rows.part == largest)
    centroids, offsets = found
    labels = labels_of(offsets)
    return at, centroids, labels[matrix.places(rows.row[at])]


def _mended(
    rows: Selection,
    name: str,
    settings: VectorConfig,
    kernels: NumpyKernels,
    at: I64,
    centroids: F32,
    known: I32,
) -> tuple[F32, I32]:
    """Partitions of all rows, from those of the rows at some places."""
    others = np.ones(len(rows), np.bool_)
    others[at] = False
    order = np.concatenate([at, np.flatnonzero(others)])
    first = stacked(rows.take(at), name, settings, kernels)
    limit = max(8, _LIMIT * len(rows) // partitions_for(len(rows)))
    state = LIRE(first, np.array(centroids), known, split_limit=limit)
    state.add(stacked(rows.take(order), name, settings, kernels))
    labels = np.empty(len(rows), np.int32)
    labels[order] = state.labels
    return state.centroids, labels
