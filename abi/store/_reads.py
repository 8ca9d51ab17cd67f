"""Reading a collection: the same calls on the collection itself and on a snapshot of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.kernels import select
from abi.store._batch import check_vectors
from abi.store._config import CollectionConfig
from abi.store._hit import Hit, Hits, Point
from abi.store._ids import Id, check_ids
from abi.store._part import View
from abi.store._points import all_points, hits_of, points_of, vectors_of_found
from abi.store.filter import Filter, parse
from abi.store.indexes import Options
from abi.store.search import Found, Near, Step, diverse, fuse, lexical, nearest, shown_scores

__all__ = ["MAX_K", "Reads", "check_k", "masks_of"]

I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_DEEP, _HALF = 4, 100  # times k, or at least, that each half of a hybrid search looks for
_MMR_CANDIDATES = 64  # at least, that diverse hits are chosen from
MAX_K = 1 << 20


class Reads:
    """What can be asked of a collection. Every call sees one state, whatever is written."""

    def _state(self) -> tuple[CollectionConfig, tuple[View, ...]]:
        """Settings, and all rows as they are to be read."""
        raise NotImplementedError

    def __len__(self) -> int:
        return self.count()

    def count(self, filter: Mapping[str, Any] | None = None) -> int:
        """Points that match a filter; all without one.

        Raises
        ------
        InputError
            If the filter is none.
        """
        _, views = self._state()
        return sum(
            _count(view, mask) for view, mask in zip(views, masks_of(views, filter), strict=True)
        )

    def get(self, ids: Sequence[Id], *, with_vectors: bool = False) -> list[Point]:
        """The points of some ids, in their order; ids that are not there are left out.

        Parameters
        ----------
        ids : sequence of str or int
        with_vectors : bool
            Also give the vectors, as they were stored.

        Raises
        ------
        InputError
            If an id cannot be one, or is there twice.
        """
        config, views = self._state()
        wanted = check_ids(ids)
        view, row = np.full(len(wanted), -1), np.full(len(wanted), -1)
        for number, one in enumerate(views):
            rows = one.part.find(wanted, one)
            view[rows >= 0], row[rows >= 0] = number, rows[rows >= 0]
        there = row >= 0
        found = Found(view[there], row[there], np.zeros(int(there.sum()), np.float32))
        return points_of(config, views, found, with_vectors)

    def __contains__(self, id: object) -> bool:
        return bool(self.get([id]))  # type: ignore[list-item]

    @property
    def config(self) -> CollectionConfig:
        """What it was created with."""
        return self._state()[0]

    def points(
        self, filter: Mapping[str, Any] | None = None, *, with_vectors: bool = False
    ) -> Iterator[Point]:
        """All points that match a filter, of the state when this was called.

        Raises
        ------
        InputError
            If the filter is none.
        """
        config, views = self._state()
        return all_points(config, views, masks_of(views, filter), with_vectors)

    def search(
        self,
        vector: Any = None,
        k: int = 10,
        *,
        text: str | None = None,
        filter: Mapping[str, Any] | None = None,
        using: str = "",
        threshold: float | None = None,
        fusion: str = "rrf",
        weights: Sequence[float] | None = None,
        diversity: float = 0.0,
        exact: bool = False,
        ef: int | None = None,
        nprobe: int | None = None,
        oversample: int | None = None,
        with_vectors: bool = False,
        explain: bool = False,
    ) -> list[Hit]:
        """The points nearest to a vector, best for a text, or both.

        Parameters
        ----------
        vector : (dim,) array, optional
        k : int
            Hits wanted; as many as match are given where those are fewer.
        text : str, optional
            Words to look for (BM25). With a vector too, both results are fused.
        filter : dict, optional
            See `abi.store.filter`.
        using : str
            Name of the vector to compare, where points have several.
        threshold : float, optional
            Leave out hits that are worse: a smallest score, or for "l2" and "hamming" a largest
            distance.
        fusion : {"rrf", "weighted"}
        weights : (2,) floats, optional
            Of the vector's and of the text's result.
        diversity : float
            Of searches by a vector alone: more than 0, up to 1, prefers hits that differ from
            each other (maximal marginal relevance).
        exact : bool
            Compare every vector, whatever index there is.
        ef, nprobe, oversample : int, optional
            Width of a graph's walk, partitions to look into, and how many times k the best by
            codes are compared again: more finds more and takes longer.
        with_vectors : bool
        explain : bool
            Give `Hits`, a list whose `steps` say what was done by vectors, and why.

        Raises
        ------
        InputError
            If there is neither a vector nor a text, or an argument cannot be.
        """
        if text is None:
            if vector is None:
                raise InputError("search: give vector=, text= or both")
            (hits,) = self.search_batch(
                [vector], k, filter=filter, using=using, threshold=threshold,
                diversity=diversity, exact=exact, ef=ef, nprobe=nprobe,
                oversample=oversample, with_vectors=with_vectors, explain=explain,
            )  # fmt: skip
            return hits
        config, views = self._state()
        check_k(k)
        options = _options(ef, nprobe, oversample)
        parsed = None if filter is None else parse(filter)
        masks = _masks(views, parsed)
        deep = k if vector is None else max(_HALF, _DEEP * k)
        steps: list[Step] = []
        found = lexical(views, masks, text, deep, config.language)
        if vector is not None:
            near = _near(config, [vector], deep, using, exact, options)
            near = replace(near, filter=parsed, steps=steps)
            least = (None, 0.0 if len(found) < deep else None)  # all that have a word were found
            near_by = nearest(select(), views, masks, near)
            found = fuse([*near_by, found], k, fusion, weights, least)
            self._searched()
        if threshold is not None:
            found = found.take(found.score >= threshold)
        hits = hits_of(config, views, found, found.score.tolist(), with_vectors)
        return Hits(hits, steps) if explain else hits

    def search_batch(
        self,
        vectors: Any,
        k: int = 10,
        *,
        filter: Mapping[str, Any] | None = None,
        using: str = "",
        threshold: float | None = None,
        diversity: float = 0.0,
        exact: bool = False,
        ef: int | None = None,
        nprobe: int | None = None,
        oversample: int | None = None,
        with_vectors: bool = False,
        explain: bool = False,
    ) -> list[list[Hit]]:
        """`search` for many vectors at once, `(q, dim)`; faster than one by one."""
        config, views = self._state()
        check_k(k)
        _check_diversity(diversity)
        deep = max(_MMR_CANDIDATES, _DEEP * k) if diversity else k
        near = _near(config, vectors, deep, using, exact, _options(ef, nprobe, oversample))
        metric = near.settings.metric
        parsed = None if filter is None else parse(filter)
        steps: list[Step] | None = [] if explain else None
        near = replace(near, filter=parsed, steps=steps)
        answers: list[list[Hit]] = []
        for found in nearest(select(), views, _masks(views, parsed), near):
            if diversity:
                found = _diverse(views, found, near, k, diversity)
            scores = shown_scores(metric, found.score)
            if threshold is not None:
                larger = metric in ("cosine", "ip")
                keep = scores >= threshold if larger else scores <= threshold
                found, scores = found.take(keep), scores[keep]
            hits = hits_of(config, views, found, scores.tolist(), with_vectors)
            answers.append(hits if steps is None else Hits(hits, steps))
        self._searched()
        return answers

    def _searched(self) -> None:
        """Is called after searches by vectors."""


def masks_of(views: Sequence[View], filter: Mapping[str, Any] | None) -> list[Bool | None]:
    """For each view the rows that are alive and match; None for all."""
    return _masks(views, None if filter is None else parse(filter))


def _masks(views: Sequence[View], parsed: Filter | None) -> list[Bool | None]:
    if parsed is None:
        return [view.alive for view in views]
    return [_both(view.part.matching(parsed, view.n), view.alive) for view in views]


def _both(mask: Bool, alive: Bool | None) -> Bool:
    return mask if alive is None else mask & alive


def _count(view: View, mask: Bool | None) -> int:
    return view.n if mask is None else int(np.count_nonzero(mask))


def check_k(k: object, name: str = "k") -> None:
    """A number of results."""
    if type(k) is not int or not 1 <= k <= MAX_K:
        raise InputError(f"{name}={k!r}: expected an integer from 1 to {MAX_K}")


def _check_diversity(diversity: object) -> None:
    if type(diversity) not in (int, float) or not 0 <= diversity <= 1:  # type: ignore[operator]
        raise InputError(f"diversity={diversity!r}: expected 0 to 1")


def _diverse(views: Sequence[View], found: Found, near: Near, k: int, diversity: float) -> Found:
    """Of candidates those that differ, in the order of their choice."""
    if not len(found):
        return found
    vectors = vectors_of_found(views, found, near.name)
    metric = near.settings.metric
    return found.take(diverse(select(), metric, vectors, found.score, k, diversity))


def _options(ef: int | None, nprobe: int | None, oversample: int | None) -> Options:
    for name, value in (("ef", ef), ("nprobe", nprobe), ("oversample", oversample)):
        if value is not None:
            check_k(value, name)
    return Options(ef, nprobe, oversample)


def _near(
    config: CollectionConfig, vectors: Any, k: int, using: str, exact: bool, options: Options
) -> Near:
    """What a search compares; InputError if it cannot."""
    if using not in config.vectors:
        names = ", ".join(map(repr, config.vectors)) or "no vectors at all"
        raise InputError(f"using={using!r}: this collection has {names}")
    settings = config.vectors[using]
    single = isinstance(vectors, list) and len(vectors) == 1
    queries = check_vectors(vectors, settings, "vector" if single else "vectors")
    return Near(using, settings, queries, k, exact, options=options)
