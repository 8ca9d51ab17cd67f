"""How much of what is asked an index finds, and how wide it would have to search for more."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from abi.index import Flat, Found, Mask, Vectors
from abi.store._config import VectorConfig
from abi.store.indexes._asked import Query
from abi.store.indexes._opened import Opened

__all__ = ["first_widths", "recall_of", "widened"]

_TOP = 100  # neighbours that are compared at most
_EPSILON = 1e-5  # relative difference of scores that are equal but for rounding
_OWN, _K = 64, 10  # rows that ask for their neighbours before anyone else does
_LIMITS = {"ef": 2048, "oversample": 64}


def recall_of(
    opened: Opened, vectors: Vectors, queries: Sequence[Query], masks: Sequence[Mask | None]
) -> float:
    """Share of the true neighbours that an index finds, each query as it came.

    Parameters
    ----------
    opened : Opened
    vectors : Vectors
    queries : sequence of Query
    masks : sequence of (n,) bool or None
        The places that each query may find.
    """
    hits = wanted = 0
    for query, mask in zip(queries, masks, strict=True):
        k, asked = min(query.k, _TOP), query.vector[None]
        right = Flat(vectors).search(asked, k, mask)
        found = opened.search(asked, k, mask)
        some, of = _same(found, right)
        hits, wanted = hits + some, wanted + of
    return hits / wanted if wanted else 1.0


def _same(found: Found, right: Found) -> tuple[int, int]:
    """How many of the true neighbours were found, rows with equal scores being as good."""
    true = right[1][0][right[0][0] >= 0]
    if not len(true):
        return 0, 0
    least = true[-1] - _EPSILON * max(1.0, float(np.abs(true).max()))
    return min(len(true), int(np.count_nonzero(found[1][0] >= least))), len(true)


def widened(opened: Opened) -> dict[str, int] | None:
    """Widths half as large again; None where they are at their limits."""
    now = opened.widths
    limits = {**_LIMITS, "nprobe": opened.nlist}
    wider = {name: min(limits[name], width + (width + 1) // 2) for name, width in now.items()}
    return wider if any(wider[name] > now[name] for name in now) else None


def first_widths(opened: Opened, vectors: Vectors, settings: VectorConfig) -> dict[str, int]:
    """Widths for an index that nobody has asked yet, judged by some of its own rows.

    A row is its own nearest neighbour, which is found for sure: so a half less may be missed of
    the others than of the neighbours of queries.
    """
    if opened.choice.index != "ivf" or settings.nprobe is not None:
        return {}
    rows = np.random.default_rng(0).permutation(len(vectors))[:_OWN]
    queries = [Query(vectors.data[row], _K, None) for row in np.sort(rows).tolist()]
    nothing: list[Mask | None] = [None] * len(queries)
    least = (1 + settings.recall) / 2
    widths = opened.widths
    while recall_of(opened, vectors, queries, nothing) < least:
        wider = widened(opened)
        if wider is None:
            break
        opened.tune(wider)
        widths = wider
    return widths
