"""What reading gives: points, and hits of a search."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from abi.store._ids import Id
from abi.store._pack import Array
from abi.store.search._explain import Step

__all__ = ["Hit", "Hits", "Point"]


@dataclass(frozen=True)
class Point:
    """A point of a collection.

    Parameters
    ----------
    id : str or int
    payload : dict or None
    text : str or None
    vectors : dict of str to (width,) array, or None
        By name, those that it has; None where they were not asked for.
    """

    id: Id
    payload: dict[str, Any] | None = None
    text: str | None = None
    vectors: Mapping[str, Array] | None = None

    @property
    def vector(self) -> Array | None:
        """The vector without a name, as it was given."""
        return None if self.vectors is None else self.vectors.get("")


@dataclass(frozen=True)
class Hit:
    """A point that a search found.

    Parameters
    ----------
    id : str or int
    score : float
        Cosine similarity or inner product (larger is nearer); Euclidean distance or number of
        differing bits (smaller is nearer); BM25 or a fused score (larger is better).
    payload, text, vectors
        See `Point`.
    """

    id: Id
    score: float
    payload: dict[str, Any] | None = None
    text: str | None = None
    vectors: Mapping[str, Array] | None = None


class Hits(list[Hit]):
    """Hits of a search that was to explain itself: a list, best first.

    Parameters
    ----------
    hits : iterable of Hit
    steps : list of Step
        What was done with each part of the collection, and why; `str` of one says it in words.
    """

    def __init__(self, hits: Iterable[Hit], steps: list[Step]) -> None:
        super().__init__(hits)
        self.steps = steps

    def explain(self) -> str:
        """The steps in words, a line each."""
        return "\n".join(map(str, self.steps))
