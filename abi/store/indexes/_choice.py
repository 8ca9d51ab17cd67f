"""Which index suits so many vectors, and which segments lack theirs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from abi.kernels import NumpyKernels
from abi.store._config import VectorConfig

__all__ = ["Choice", "Indexed", "choose", "missing"]

# Rows times numbers a row from which partitions are faster than comparing every vector, and rows
# under which nothing is: tests/bench/index_choice.py, and the table in docs/explanation/store.md.
_PAYS = 4_000_000
_LEAST = 1000
# NumPy builds partitions in a tenth of a graph's time and finds as fast by them; kernels whose
# walk is one call find faster by a graph, but not of these codes.
_PARTITIONS = ("numpy",)
_NO_WALK = ("binary", "pq")


@dataclass(frozen=True)
class Choice:
    """An index.

    Parameters
    ----------
    index : {"flat", "hnsw", "ivf"}
    quantization : {"none", "int8", "binary", "pq"}
    """

    index: str
    quantization: str

    @property
    def in_file(self) -> bool:
        """Whether it has a file of its own: partitions alone are the order of the vectors."""
        return self.index == "hnsw" or self.quantization != "none"


class Indexed(Protocol):
    """Vectors that may have an index: a segment."""

    def count(self, name: str) -> int:
        """How many of its rows have a vector."""

    def has(self, name: str, choice: Choice) -> bool:
        """Whether a vector has such an index."""


def choose(settings: VectorConfig, rows: int, kernels: NumpyKernels) -> Choice:
    """The index for so many rows."""
    if rows < _LEAST:
        return Choice("flat", "none")
    index = settings.index
    if index == "auto":
        slow = kernels.name in _PARTITIONS or settings.quantization in _NO_WALK
        best = "ivf" if slow and settings.metric != "hamming" else "hnsw"
        index = best if rows * settings.width >= _PAYS else "flat"
    return Choice(index, settings.quantization)


def missing(
    segment: Indexed, name: str, settings: VectorConfig, kernels: NumpyKernels
) -> Choice | None:
    """The index that a vector of a segment should have and lacks."""
    wanted = choose(settings, segment.count(name), kernels)
    there = wanted == Choice("flat", "none") or segment.has(name, wanted)
    return None if there else wanted
