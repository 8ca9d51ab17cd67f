"""Vectors of rows of several parts as one matrix that is read where it is."""

from __future__ import annotations

from typing import Any, cast

import numpy as np
import numpy.typing as npt

from abi.index import Vectors
from abi.kernels import NumpyKernels
from abi.store._config import VectorConfig
from abi.store._selection import Selection

__all__ = ["Stacked", "stacked"]


class Stacked:
    """Rows of a selection, all of which have a vector: what `kmeans` and `assign` read of an
    array, its shape, slices and some of its rows.
    """

    def __init__(self, rows: Selection, name: str, settings: VectorConfig) -> None:
        self._rows, self._name, self._settings = rows, name, settings
        self.shape = (len(rows), settings.width)
        self.dtype = np.dtype(settings.dtype)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        settings = self._settings
        some = self._rows.take(rows)
        parts = list(some.vectors(self._name, settings.width, settings.dtype))
        return np.concatenate([np.empty((0, settings.width), settings.dtype), *parts])


def stacked(rows: Selection, name: str, settings: VectorConfig, kernels: NumpyKernels) -> Vectors:
    """To be compared with centroids; nothing is read until it is."""
    data = cast("npt.NDArray[Any]", Stacked(rows, name, settings))
    return Vectors(data, settings.metric, None, kernels)
