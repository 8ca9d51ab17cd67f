"""Searching the views of a collection: by vector, by text, and both joined."""

from abi.store.search._diversity import diverse
from abi.store.search._explain import Step
from abi.store.search._found import Found, merge
from abi.store.search._fusion import FUSIONS, fuse
from abi.store.search._lexical import TermCounts, lexical, term_counts
from abi.store.search._nearest import Near, nearest, shown_scores

__all__ = [
    "FUSIONS",
    "Found",
    "Near",
    "Step",
    "TermCounts",
    "diverse",
    "fuse",
    "lexical",
    "merge",
    "nearest",
    "shown_scores",
    "term_counts",
]
