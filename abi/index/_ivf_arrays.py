"""Partitions as plain arrays, and arrays checked before they are believed.

`centroids` are (nlist, dim) float32, `offsets` (nlist + 1,) int64, `order` (n,) int64 unless rows
lie in the order of their partitions, and `params` int64: nprobe. All may be read-only memory maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.index._arrays import taken

__all__ = ["Arrays", "checked", "checked_partitions", "labels_of", "offsets_of", "packed"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Arrays:
    """Partitions that fit together; see `IVF`."""

    centroids: F32
    offsets: I64
    order: I64 | None
    nprobe: int


def packed(
    centroids: F32, offsets: I64, order: npt.NDArray[Any] | None, nprobe: int
) -> dict[str, npt.NDArray[Any]]:
    """The arrays of partitions."""
    found: dict[str, npt.NDArray[Any]] = {
        "centroids": centroids,
        "offsets": offsets,
        "params": np.array([nprobe], np.int64),
    }
    return found if order is None else {**found, "order": order.astype(np.int64)}


def checked(arrays: Mapping[str, npt.NDArray[Any]], n: int) -> Arrays:
    """The partitions of n rows that arrays hold.

    Raises
    ------
    FormatError
        If an array is missing or of another kind, or they do not fit together.
    """
    centroids, offsets = checked_partitions(arrays, n)
    nprobe = int(taken(arrays, "params", np.int64, (1,))[0])
    if not 1 <= nprobe < 1 << 31:
        raise FormatError(f"nprobe is {nprobe}, expected 1 or more", field="params")
    if "order" not in arrays:
        return Arrays(centroids, offsets, None, nprobe)
    order = taken(arrays, "order", np.int64, (n,))
    if not np.array_equal(np.sort(order), np.arange(n)):
        raise FormatError(f"expected each of {n} rows once", field="order")
    return Arrays(centroids, offsets, order, nprobe)


def checked_partitions(arrays: Mapping[str, npt.NDArray[Any]], n: int) -> tuple[F32, I64]:
    """Centroids and offsets of partitions of n rows at most; FormatError as `checked`."""
    centroids = taken(arrays, "centroids", np.float32, (None, None))
    if not centroids.size:
        raise FormatError(f"shape {centroids.shape}, expected one at least", field="centroids")
    offsets = taken(arrays, "offsets", np.int64, (len(centroids) + 1,))
    if offsets[0] or offsets[-1] > n or np.any(offsets[1:] < offsets[:-1]):
        raise FormatError(f"expected to ascend from 0 to {n} at most", field="offsets")
    return centroids, offsets


def labels_of(offsets: I64) -> npt.NDArray[np.int32]:
    """The partition of each row, of rows that lie in the order of their partitions."""
    sizes = np.diff(offsets).astype(np.intp)
    return np.repeat(np.arange(len(sizes), dtype=np.int32), sizes)


def offsets_of(labels: npt.NDArray[np.int32], nlist: int) -> I64:
    """Where each partition begins and the last ends, once rows lie in their order; -1 is none."""
    sizes = np.bincount(labels + 1, minlength=nlist + 1)[1:]
    return np.concatenate(([0], np.cumsum(sizes))).astype(np.int64)
