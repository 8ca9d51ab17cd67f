"""HNSW kernels: searching a graph and building it, over flat arrays.

The reference of what native kernels may take over: each is one call, whatever the number of
queries or points. Parameters are hnswlib's; vectors and scores are those of the search kernels.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from abi.kernels._graph_insert import candidates, insert
from abi.kernels._graph_select import select_neighbours
from abi.kernels._graph_space import Scoring, Space, Stored
from abi.kernels._graph_types import ABSENT, Graph
from abi.kernels._graph_walk import scores_of, walk

__all__ = ["GraphKernels"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
I32 = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Found = tuple[I64, F32, I64]


class GraphKernels:
    """HNSW graphs (Malkov and Yashunin, arXiv 1603.09320) over rows of vectors."""

    def hnsw_search(
        self,
        graph: Graph,
        queries: Stored,
        vectors: Stored,
        metric: str,
        k: int,
        ef: int,
        inverse_norms: F32 | None = None,
        allow: Mask | None = None,
        budget: int | None = None,
        constants: F32 | None = None,
    ) -> Found:
        """The nearest rows that a walk with a beam of `max(ef, k)` finds.

        Parameters
        ----------
        graph : Graph
        queries : (Q, dim) float32, or (Q, dim // 8) uint8 for "hamming"
        vectors : (n, dim) float32, or (n, dim // 8) uint8
        metric : {"cosine", "ip", "l2", "hamming"}
        k, ef : int
        inverse_norms : (n,) float32, optional
            For "cosine"; absent where every row has norm 1.
        allow : (n,) bool, optional
            Only these rows are found. Neighbours of other rows are looked at in their place
            (ACORN-1, arXiv 2403.04871), and a walk that comes to a stop before it found `ef`
            crosses a sample of them (the fallback of RACORN-1, arXiv 2607.00768).
        budget : int, optional
            A query's walk ends once it compared this many vectors.
        constants : (n,) float32, optional
            What is added to each row's score by product.

        Returns
        -------
        rows : (Q, k) int64
            Best first, equal scores by lower row; -1 where fewer were found.
        scores : (Q, k) float32
            -inf where fewer were found.
        compared : (Q,) int64
            How many vectors were compared with each query.
        """
        score = Space(vectors, metric, inverse_norms, constants).scoring(queries)
        return self.hnsw_walk(graph, score, len(queries), k, ef, allow, budget)

    def hnsw_walk(
        self,
        graph: Graph,
        score: Scoring,
        n_queries: int,
        k: int,
        ef: int,
        allow: Mask | None = None,
        budget: int | None = None,
    ) -> Found:
        """As `hnsw_search`, with vectors that only the caller can compare, such as codes.

        `score(which, rows)` returns `(m,)` float32 for `(m,)` numbers of queries, which ascend,
        and `(m,)` rows.
        """
        if allow is not None:
            allow = allow & (graph.levels != ABSENT)
        keys, compared = walk(graph, score, n_queries, max(ef, k), allow, budget)
        rows, scores = scores_of(keys[:, :k])
        return rows, scores, compared

    def hnsw_insert(
        self,
        graph: Graph,
        vectors: Stored,
        metric: str,
        first: int,
        stop: int,
        ef_construction: int,
        inverse_norms: F32 | None = None,
    ) -> Graph:
        """Link rows `first` to `stop`, in place; the graph returned has the new entry.

        Their levels and their places in `upper` are set, their lists are empty (-1), and all
        rows before `first` are linked already or absent.
        """

        def find(graph: Graph, points: I64, layer: int) -> I64:
            return self.hnsw_candidates(
                graph, points, layer, ef_construction, vectors, metric, inverse_norms
            )

        def choose(points: I64, candidates: I64, limit: int) -> I32:
            return self.hnsw_neighbours(points, candidates, limit, vectors, metric, inverse_norms)

        return insert(graph, first, stop, find, choose)

    def hnsw_candidates(
        self,
        graph: Graph,
        points: I64,
        layer: int,
        ef_construction: int,
        vectors: Stored,
        metric: str,
        inverse_norms: F32 | None = None,
    ) -> I64:
        """What neighbours of new points are chosen from.

        Parameters
        ----------
        graph : Graph
            Of all rows before the first point.
        points : (T,) int64
            Ascending; none is linked yet.
        layer : int
            On which they are to be linked; their level is not below it.

        Returns
        -------
        (T, ef_construction) int64
            For each the nearest rows of the layer before it, earlier points included, as far as
            they are found; best first, filled up with -1.
        """
        space = Space(vectors, metric, inverse_norms)
        return candidates(graph, space, points, layer, ef_construction)

    def hnsw_neighbours(
        self,
        points: I64,
        candidates: I64,
        limit: int,
        vectors: Stored,
        metric: str,
        inverse_norms: F32 | None = None,
    ) -> I32:
        """Neighbours of each point by the heuristic of algorithm 4, at most `limit`.

        Parameters
        ----------
        points : (T,) int64
        candidates : (T, C) int64
            Distinct rows, none the point itself, in any order; -1 where there are fewer.

        Returns
        -------
        (T, limit) int32
            Nearest first, filled up with -1.
        """
        space = Space(vectors, metric, inverse_norms)
        return select_neighbours(space, points, candidates, limit)
