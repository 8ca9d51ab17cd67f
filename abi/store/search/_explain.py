"""What a search did with each part of a collection, and why."""

from __future__ import annotations

from dataclasses import dataclass

from abi.index import SearchStats

__all__ = ["Step"]

_NAMES = {
    "exact": "compared every vector that may be found",
    "walk": "walked the graph",
    "wide walk": "walked the graph over all vectors, wider, and kept those that match",
    "filtered walk": "walked the graph over the vectors that match alone",
    "partitions": "looked into the nearest partitions",
}


@dataclass(frozen=True)
class Step:
    """A search of one part.

    Parameters
    ----------
    part : str
        A segment, or "memory" for what is in none yet.
    index : str
        "none", or the index that it has: "ivf", "hnsw+int8" and so on.
    vectors : int
        In this part.
    stats : SearchStats
        What was done.
    seconds : float
    """

    part: str
    index: str
    vectors: int
    stats: SearchStats
    seconds: float

    @property
    def why(self) -> str:
        """What made the choice."""
        if self.stats.costs:
            costs = sorted(self.stats.costs.items(), key=lambda item: item[1])
            shown = ", ".join(f"{name} {us / 1000:.2f} ms" for name, us in costs)
            return f"by estimated cost: {shown}"
        if self.index == "none":
            return "it has no index"
        return "nothing else was to be weighed"

    def __str__(self) -> str:
        did, ms = self.stats, 1000 * self.seconds
        match = "" if did.allowed == self.vectors else f", {did.allowed} of them match"
        width = f" (width {did.width})" if did.width else ""
        return (
            f"{self.part}: {self.vectors} vectors{match}; index {self.index}; "
            f"{_NAMES[did.plan]}{width}: {did.compared} compared in {ms:.2f} ms; {self.why}"
        )
