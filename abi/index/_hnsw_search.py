"""Carrying out the plan of an HNSW search: a walk, and an exact scan where it falls short."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.index._among import best, exact, scoring
from abi.index._cost import SearchStats
from abi.index._int8 import Int8Codes
from abi.index._protocol import Found, Mask, Scorer
from abi.index._vectors import Vectors
from abi.kernels import Graph, NumpyKernels

__all__ = ["Searcher"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Searcher:
    """A graph, and what its rows are compared through."""

    kernels: NumpyKernels
    graph: Graph
    scorer: Scorer

    def run(self, queries: npt.NDArray[Any], k: int, present: Mask, did: SearchStats) -> Found:
        """The nearest of the rows present, by the plan in `did`, where its outcome is noted."""
        if did.plan == "exact":
            did.compared = did.allowed * len(queries)
            return exact(self.scorer, queries, k, present)
        filtered = did.plan == "filtered walk"
        depth = did.width if did.plan == "wide walk" else k
        budget = did.allowed if filtered else None
        allow = present if filtered else None
        rows, scores, compared = self._walk(queries, depth, did.width, allow, budget)
        did.compared = int(compared.sum())
        if did.plan == "wide walk":
            outside = (rows < 0) | ~present[rows]
            rows = np.where(outside, -1, rows)
            rows, scores = best(rows, np.where(outside, np.float32(-np.inf), scores), k)
        short = np.count_nonzero(rows >= 0, axis=1) < min(k, did.allowed)
        if budget is not None:
            short |= compared >= budget
        if short.any():
            did.rescued = int(np.count_nonzero(short))
            did.compared += did.allowed * did.rescued
            rows[short], scores[short] = exact(self.scorer, queries[short], k, present)
        return rows, scores

    def _walk(
        self,
        queries: npt.NDArray[Any],
        k: int,
        ef: int,
        allow: Mask | None,
        budget: int | None,
    ) -> tuple[I64, F32, I64]:
        scorer = self.scorer
        if isinstance(scorer, Int8Codes) and scorer.compared_in_place:
            return self._by_int8(scorer, queries, (k, ef), allow, budget)
        if not isinstance(scorer, Vectors):
            score = scoring(scorer, queries)
            return self.kernels.hnsw_walk(self.graph, score, len(queries), k, ef, allow, budget)
        scorer.prepare(queries)  # raises for queries that do not fit
        data, norms = scorer.data, scorer.inverse_norms
        return self.kernels.hnsw_search(
            self.graph, queries, data, scorer.metric, k, ef, norms, allow, budget
        )

    def _by_int8(
        self,
        codes: Int8Codes,
        queries: npt.NDArray[Any],
        widths: tuple[int, int],
        allow: Mask | None,
        budget: int | None,
    ) -> tuple[I64, F32, I64]:
        prepared = codes.prepare(queries)
        given = (self.graph, prepared[:, :-1], codes.codes, "ip", *widths, codes.factors)
        rows, scores, compared = self.kernels.hnsw_search(*given, allow, budget, codes.constants)
        return rows, scores + prepared[:, -1:], compared
