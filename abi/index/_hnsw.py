"""HNSW: a graph whose walks find nearest neighbours without looking at most vectors.

Follows Malkov and Yashunin (arXiv 1603.09320) with hnswlib's parameters and choices. Beyond
hnswlib: removing rows repairs edges, every row stays in reach, and a filtered search returns as
many rows as match. Left out: changing a row's vector (add the new one, remove the old one).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.index._cost import SearchStats, costs_of, width_of
from abi.index._hnsw_arrays import checked, packed
from abi.index._hnsw_grow import empty, grown
from abi.index._hnsw_plan import plan
from abi.index._hnsw_repair import connect, unlink
from abi.index._hnsw_search import Searcher
from abi.index._protocol import Found, Mask, Scorer
from abi.index._vectors import Vectors
from abi.kernels import ABSENT, Graph, NumpyKernels, select

__all__ = ["HNSW"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]


class HNSW:
    """A graph index over rows of vectors.

    Made by `HNSW.build`, or `HNSW.from_arrays` over what `arrays` returned. Adding and removing
    replace the arrays and never write to those they found, so that a search that is under way
    in another place goes on undisturbed.

    Attributes
    ----------
    vectors : Vectors
        What is searched, one row a row of the graph.
    graph : Graph
    ef : int
        Width of a search's beam where a search names none; may be set.
    M, ef_construction, seed : int

    Examples
    --------
    >>> import numpy as np
    >>> from abi.index import HNSW, Vectors
    >>> points = np.array([[0, 0], [1, 0], [0, 3], [5, 5]], np.float32)
    >>> index = HNSW.build(Vectors.of(points, "l2"), M=4)
    >>> rows, scores = index.search(np.array([[0.9, 0.0]], np.float32), k=2)
    >>> rows.tolist()
    [[1, 0]]
    >>> index.remove([1])
    >>> index.search(np.array([[0.9, 0.0]], np.float32), k=2)[0].tolist()
    [[0, 2]]
    """

    def __init__(
        self,
        vectors: Scorer,
        graph: Graph,
        *,
        ef_construction: int = 200,
        ef: int = 64,
        seed: int = 0,
        kernels: NumpyKernels | None = None,
    ) -> None:
        self.vectors, self.graph = vectors, graph
        self.ef_construction, self.ef, self.seed = ef_construction, ef, seed
        self.kernels = select() if kernels is None else kernels

    @classmethod
    def build(
        cls,
        vectors: Vectors,
        *,
        M: int = 16,  # noqa: N803
        ef_construction: int = 200,
        ef: int = 64,
        seed: int = 0,
        kernels: NumpyKernels | None = None,
    ) -> HNSW:
        """Index all rows.

        Parameters
        ----------
        vectors : Vectors
        M : int
            Neighbours chosen for a new row; twice as many are held on layer 0.
        ef_construction : int
            Candidates that they are chosen from.
        ef : int
            Width of a search's beam where a search names none.
        seed : int
            Of the levels; equal input and seed give an equal graph.

        Raises
        ------
        InputError
            If a parameter is out of range.
        """
        for name, value, low, high in (
            ("M", M, 2, 1024),
            ("ef_construction", ef_construction, 1, 1 << 20),
            ("ef", ef, 1, 1 << 20),
            ("seed", seed, 0, (1 << 31) - 1),
        ):
            _check_number(name, value, low, high)
        index = cls(
            vectors,
            empty(M),
            ef_construction=ef_construction,
            ef=ef,
            seed=seed,
            kernels=kernels,
        )
        index.add(vectors)
        return index

    def __len__(self) -> int:
        """Rows that can be found."""
        return int(np.count_nonzero(self.graph.levels != ABSENT))

    @property
    def M(self) -> int:  # noqa: N802
        """Neighbours chosen for a new row."""
        return self.graph.M

    def add(self, vectors: Vectors) -> None:
        """Index the rows that were appended.

        Parameters
        ----------
        vectors : Vectors
            The rows indexed so far, removed ones included, and new ones after them.

        Raises
        ------
        InputError
            If there are fewer rows than were indexed, or of another metric or width.
        """
        old, count = self._stored(), len(self.graph.levels)
        got, want = _kind(vectors), _kind(old)
        if len(vectors) < count or got != want:
            message = f"{len(vectors)} rows of {got}, expected {count} or more of {want}"
            raise InputError(f"vectors to add: {message}, the indexed ones first")
        if len(vectors) > count:
            graph = grown(self.graph, len(vectors) - count, self.seed)
            data, metric, norms = vectors.data, vectors.metric, vectors.inverse_norms
            ef, stop = self.ef_construction, len(vectors)
            graph = self.kernels.hnsw_insert(graph, data, metric, count, stop, ef, norms)
            connect(graph, vectors, self.kernels)
            self.graph = graph
        self.vectors = vectors

    def remove(self, rows: npt.ArrayLike) -> None:
        """Take rows out of the graph, and repair the edges of those that led to them.

        Raises
        ------
        InputError
            If a row is not in the index.
        """
        gone = np.unique(np.asarray(rows, np.int64))
        vectors, levels = self._stored(), self.graph.levels
        if not gone.size:
            return
        bad = (gone < 0) | (gone >= len(levels))
        bad |= levels[np.where(bad, 0, gone)] == ABSENT if len(levels) else True
        if bad.any():
            raise InputError(f"row {int(gone[bad][0])} cannot be removed: it is not in the index")
        graph = unlink(self.graph, gone, vectors, self.kernels)
        connect(graph, vectors, self.kernels)
        self.graph = graph

    def search(
        self,
        queries: npt.NDArray[Any],
        k: int,
        allow: Mask | None = None,
        *,
        ef: int | None = None,
        scorer: Scorer | None = None,
        stats: SearchStats | None = None,
    ) -> Found:
        """The nearest rows that a walk finds.

        Parameters
        ----------
        queries : (Q, dim) float32, or (Q, dim // 8) uint8 for "hamming"
        k : int
        allow : (n,) bool, optional
            Rows that may be found. All min(k, allowed) are returned, by an exact scan where a
            walk would cost more or finds too few.
        ef : int, optional
            Width of the beam, at least k: more finds more and takes longer.
        scorer : Scorer, optional
            Walk over this instead of the vectors, such as their codes.
        stats : SearchStats, optional
            Is overwritten with what the search did.

        Returns
        -------
        rows : (Q, k) int64
            Best first, equal scores by lower row; -1 where fewer than k rows are allowed.
        scores : (Q, k) float32

        Raises
        ------
        InputError
            If an argument has another shape or is out of range.
        """
        scorer = self.vectors if scorer is None else scorer
        ef = self.ef if ef is None else ef
        _check_number("k", k, 1, 1 << 31)
        _check_number("ef", ef, 1, 1 << 31)
        present = self.graph.levels != ABSENT
        if len(scorer) != len(present):
            raise InputError(f"scorer: {len(scorer)} rows, expected the index's {len(present)}")
        live = int(np.count_nonzero(present))
        width = min(max(ef, k), max(1, live))
        did = SearchStats("walk", live, width)
        if allow is not None:
            _check_allow(allow, len(present))
            present &= allow
            allowed = int(np.count_nonzero(present))
            dim, costs = width_of(scorer), costs_of(scorer, self.kernels)
            did = plan(live, allowed, dim, len(queries), width, costs)
        found = Searcher(self.kernels, self.graph, scorer).run(queries, k, present, did)
        if stats is not None:
            stats.__dict__.update(did.__dict__)
        return found

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """What `from_arrays` makes an equal index of, over the same vectors."""
        return packed(self.graph, self.ef_construction, self.ef, self.seed)

    @classmethod
    def from_arrays(
        cls,
        arrays: Mapping[str, npt.NDArray[Any]],
        vectors: Scorer,
        kernels: NumpyKernels | None = None,
    ) -> HNSW:
        """An index over arrays that were saved, which may be read-only memory maps.

        Parameters
        ----------
        arrays : mapping of str to ndarray
        vectors : Scorer
            The vectors that were indexed; codes of them suffice to search.

        Raises
        ------
        FormatError
            If the arrays are not those of a graph over as many rows.
        """
        graph, params = checked(arrays, len(vectors))
        del params["M"]
        return cls(vectors, graph, **params, kernels=kernels)

    def _stored(self) -> Vectors:
        if not isinstance(self.vectors, Vectors):
            raise InputError("an index over codes can be searched, not changed: open its vectors")
        return self.vectors


def _kind(vectors: Vectors) -> tuple[str, int]:
    return vectors.metric, vectors.data.shape[1]


def _check_number(name: str, value: int, low: int, high: int) -> None:
    if not low <= value <= high:
        raise InputError(f"{name} is {value}, expected {low} to {high}")


def _check_allow(allow: Mask, n: int) -> None:
    if allow.shape != (n,) or allow.dtype != np.bool_:
        raise InputError(f"allow: {allow.dtype} of shape {allow.shape}, expected bool ({n},)")
