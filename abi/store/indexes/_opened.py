"""An index of a segment that is searched: how wide, and what it did."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt

from abi.index import HNSW, IVF, Found, Index, Mask, Rescored, SearchStats
from abi.store._config import VectorConfig
from abi.store.indexes._asked import Asked
from abi.store.indexes._choice import Choice

__all__ = ["Opened", "Options"]


@dataclass(frozen=True)
class Options:
    """What a search says of its width; None for what the index has.

    Parameters
    ----------
    ef, nprobe, oversample : int, optional
    """

    ef: int | None = None
    nprobe: int | None = None
    oversample: int | None = None


_OWN = Options()


class Opened:
    """An index of a segment's vectors.

    Parameters
    ----------
    choice : Choice
    index : Index
    settings : VectorConfig
    tuned : mapping of str to int
        Widths that were found to be needed, by "ef", "nprobe" and "oversample"; the others are
        those of the settings.

    Attributes
    ----------
    asked : Asked
        The last queries, and what was judged by them.
    """

    def __init__(
        self, choice: Choice, index: Index, settings: VectorConfig, tuned: Mapping[str, int]
    ) -> None:
        self.choice, self.asked = choice, Asked()
        self.index: Any = index
        self._inner: Any = index.index if isinstance(index, Rescored) else index
        self.tune({"ef": settings.ef, "nprobe": settings.nprobe or 8, **tuned})

    def __str__(self) -> str:
        codes = self.choice.quantization
        return self.choice.index if codes == "none" else f"{self.choice.index}+{codes}"

    def tune(self, widths: Mapping[str, int]) -> None:
        """Search as wide as this from now on; what it has no use for is passed over."""
        for part in (self._inner, self.index):
            for name in ("ef", "nprobe", "oversample"):
                if name in widths and hasattr(part, name):
                    setattr(part, name, widths[name])

    @property
    def widths(self) -> dict[str, int]:
        """How wide it searches."""
        found = {}
        if isinstance(self._inner, HNSW):
            found["ef"] = self._inner.ef
        if isinstance(self._inner, IVF):
            found["nprobe"] = self._inner.nprobe
        if isinstance(self.index, Rescored):
            found["oversample"] = self.index.oversample
        return found

    @property
    def nlist(self) -> int:
        """Its partitions; 1 where it has none."""
        return self._inner.nlist if isinstance(self._inner, IVF) else 1

    @property
    def ef_construction(self) -> int | None:
        """What its graph was made with; None where it has none."""
        return self._inner.ef_construction if isinstance(self._inner, HNSW) else None

    def search(
        self,
        queries: npt.NDArray[Any],
        k: int,
        allow: Mask | None,
        options: Options = _OWN,
        stats: SearchStats | None = None,
    ) -> Found:
        """As `Index.search`, with the widths that are asked for or its own."""
        given = {name: getattr(options, name) for name in self.widths}
        found: Found = self.index.search(queries, k, allow, stats=stats, **given)
        return found
