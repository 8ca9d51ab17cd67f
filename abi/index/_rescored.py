"""Searching codes, and scoring what they find by the vectors themselves."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from abi.errors import InputError
from abi.index._protocol import Found, Index, Mask
from abi.index._vectors import Vectors

__all__ = ["Rescored"]


class Rescored:
    """An index over codes whose best rows are compared again, exactly.

    Parameters
    ----------
    index : Index
        Over codes.
    vectors : Vectors
        What the codes stand for.
    oversample : int
        How many times k rows are taken from the codes.
    """

    def __init__(self, index: Index, vectors: Vectors, oversample: int = 4) -> None:
        if oversample < 1:
            raise InputError(f"oversample is {oversample}, expected 1 or more")
        self.index: Any = index
        self.vectors, self.oversample = vectors, oversample

    def search(
        self,
        queries: npt.NDArray[Any],
        k: int,
        allow: Mask | None = None,
        *,
        oversample: int | None = None,
        **options: Any,
    ) -> Found:
        """The k nearest of the rows that codes find; other options are the index's."""
        times = self.oversample if oversample is None else oversample
        rows, _ = self.index.search(queries, k * times, allow, **options)
        return self.vectors.best(self.vectors.prepare(queries), rows, k)

    def arrays(self) -> Mapping[str, npt.NDArray[Any]]:
        """Those of the index."""
        found: Mapping[str, npt.NDArray[Any]] = self.index.arrays()
        return found
