"""How much of what is asked an index finds, and how wide it has to search for that."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from abi.index import Flat, Found, Mask, Vectors
from abi.store._config import VectorConfig
from abi.store.indexes._asked import Query
from abi.store.indexes._opened import Opened, Options

__all__ = ["Exam", "first_widths", "fits"]

_TOP = 100  # neighbours that are compared at most
_EPSILON = 1e-5  # relative difference of scores that are equal but for rounding
_OWN, _K = 64, 10  # rows that ask for their neighbours before anyone else does
_OWN_WIDTHS = Options()
_WIDE = 64
_FITTING = 0.5  # share of its rows that an index of other vectors does not find
_LIMITS = {"ef": 2048, "oversample": 64}


class Exam:
    """Queries with their true results.

    Parameters
    ----------
    vectors : Vectors
    queries : sequence of Query
    masks : sequence of (n,) bool or None
        The places that each query may find.
    """

    def __init__(
        self, vectors: Vectors, queries: Sequence[Query], masks: Sequence[Mask | None]
    ) -> None:
        self._questions = []
        for query, mask in zip(queries, masks, strict=True):
            k, asked = min(query.k, _TOP), query.vector[None]
            self._questions.append((asked, k, mask, Flat(vectors).search(asked, k, mask)))

    def recall(self, opened: Opened, options: Options = _OWN_WIDTHS) -> float:
        """Share of the true neighbours that an index finds."""
        hits = wanted = 0
        for asked, k, mask, right in self._questions:
            some, of = _same(opened.search(asked, k, mask, options), right)
            hits, wanted = hits + some, wanted + of
        return hits / wanted if wanted else 1.0

    def widen(
        self, opened: Opened, recall: float, stop: Callable[[], bool] = lambda: False
    ) -> float:
        """Let an index search just so wide that it finds a share; return what it then finds."""
        low, high = None, opened.widths
        found = self.recall(opened)
        while found < recall and not stop():
            wider = _wider(high, opened.nlist)
            if wider == high:
                return found
            low, high = high, wider
            opened.tune(high)
            found = self.recall(opened)
        while low is not None and not stop():
            middle = {name: (low[name] + width + 1) // 2 for name, width in high.items()}
            if middle == high:
                break
            opened.tune(middle)
            some = self.recall(opened)
            if some >= recall:
                high, found = middle, some
            else:
                low = middle
        opened.tune(high)
        return found


def _same(found: Found, right: Found) -> tuple[int, int]:
    """How many of the true neighbours were found, rows with equal scores being as good."""
    true = right[1][0][right[0][0] >= 0]
    if not len(true):
        return 0, 0
    least = true[-1] - _EPSILON * max(1.0, float(np.abs(true).max()))
    return min(len(true), int(np.count_nonzero(found[1][0] >= least))), len(true)


def _wider(widths: dict[str, int], nlist: int) -> dict[str, int]:
    limits = {**_LIMITS, "nprobe": nlist}
    return {name: max(width, min(limits[name], 2 * width)) for name, width in widths.items()}


def fits(opened: Opened, vectors: Vectors) -> bool:
    """Whether an index finds what is nearest to some of its own rows, if it searches wide."""
    rows = np.random.default_rng(0).permutation(len(vectors))[:_OWN]
    queries = [Query(vectors.data[row], 1, None) for row in np.sort(rows).tolist()]
    exam = Exam(vectors, queries, [None] * len(queries))
    return exam.recall(opened, Options(_WIDE, opened.nlist, _WIDE)) >= _FITTING


def first_widths(opened: Opened, vectors: Vectors, settings: VectorConfig) -> dict[str, int]:
    """Widths for an index that nobody has asked yet, judged by some of its own rows.

    A row finds itself for sure, and the more of the others the more they are like it: so a half
    less may be missed than of the neighbours of queries.
    """
    if opened.choice.index != "ivf" or settings.nprobe is not None:
        return {}
    rows = np.random.default_rng(0).permutation(len(vectors))[:_OWN]
    queries = [Query(vectors.data[row], _K, None) for row in np.sort(rows).tolist()]
    Exam(vectors, queries, [None] * len(queries)).widen(opened, (1 + settings.recall) / 2)
    return opened.widths
