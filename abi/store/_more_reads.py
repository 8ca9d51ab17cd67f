"""Further questions to a collection: pages, facets, groups, and points like others."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from abi.errors import InputError
from abi.index import inverse_norms
from abi.store._hit import Hit, Point
from abi.store._ids import Id, check_ids
from abi.store._points import points_of
from abi.store._reads import MAX_K, Reads, check_k, masks_of
from abi.store.payload import Key, keys_of
from abi.store.search import Found, TermCounts, term_counts

__all__ = ["Group", "MoreReads"]


@dataclass(frozen=True)
class Group:
    """Hits that have a value in common.

    Parameters
    ----------
    value : str, int, float or bool
    hits : list of Hit
        Best first.
    """

    value: Any
    hits: list[Hit]


class MoreReads(Reads):
    """What can be asked of a collection beyond searches."""

    def scroll(
        self,
        after: Id | None = None,
        limit: int = 100,
        *,
        filter: Mapping[str, Any] | None = None,
        with_vectors: bool = False,
    ) -> list[Point]:
        """Points in the order of their ids, integers before strings, page by page.

        Parameters
        ----------
        after : str or int, optional
            The last id of the page before.
        limit : int
        filter : dict, optional
        with_vectors : bool

        Raises
        ------
        InputError
            If an argument cannot be.
        """
        check_k(limit, "limit")
        start = None if after is None else _order(check_ids([after], "after")[0])
        config, views = self._state()
        wanted: list[tuple[tuple[bool, Id], int, int]] = []
        for number, (view, mask) in enumerate(zip(views, masks_of(views, filter), strict=True)):
            rows = np.arange(view.n) if mask is None else np.flatnonzero(mask)
            keys = map(_order, view.part.ids(rows))
            found = zip(keys, [number] * len(rows), rows.tolist(), strict=True)
            wanted += heapq.nsmallest(limit, (f for f in found if start is None or f[0] > start))
        page = heapq.nsmallest(limit, wanted)
        view_of = np.array([number for _, number, _ in page], np.int64)
        row_of = np.array([row for _, _, row in page], np.int64)
        nothing = np.zeros(len(page), np.float32)
        return points_of(config, views, Found(view_of, row_of, nothing), with_vectors)

    def facet(
        self, path: str, *, filter: Mapping[str, Any] | None = None, limit: int = 10
    ) -> list[tuple[Any, int]]:
        """The values that most points have at a path, and how many have each.

        Parameters
        ----------
        path : str
            As in filters; a point with a list counts once for each distinct element.
        filter : dict, optional
        limit : int

        Raises
        ------
        InputError
            If an argument cannot be.
        """
        check_k(limit, "limit")
        total: Counter[Key] = Counter()
        _, views = self._state()
        for view, mask in zip(views, masks_of(views, filter), strict=True):
            rows = np.ones(view.n, np.bool_) if mask is None else mask
            total.update(view.part.facet(tuple(path.split(".")), rows))
        ranked = sorted(total.items(), key=lambda item: (-item[1], item[0]))
        return [(value, count) for (_, value), count in ranked[:limit]]

    def term_counts(self, text: str) -> TermCounts:
        """How many texts have each term of a text: the rarer, the more it says.

        Points that were deleted count until the collection is compacted.

        Parameters
        ----------
        text : str
        """
        config, views = self._state()
        return term_counts(views, text, config.language)

    def search_groups(
        self, vector: Any = None, k: int = 10, *, by: str, group_size: int = 1, **options: Any
    ) -> list[Group]:
        """The best points of each of the k best groups.

        Parameters
        ----------
        vector, **options
            As for `search`, `text` and `filter` among them.
        k : int
            Groups wanted.
        by : str
            The path whose values make the groups; points without one are in none, those with
            several, in the group of the best of them that is not full.
        group_size : int
            Most hits a group.

        Raises
        ------
        InputError
            If an argument cannot be.
        """
        check_k(k)
        check_k(group_size, "group_size")
        deep, path = 2 * k * group_size, tuple(by.split("."))
        seen = self._frozen()
        while True:
            deep = min(deep, MAX_K)
            hits = seen.search(vector, deep, **options)
            groups = _grouped(hits, path, k, group_size)
            full = len(groups) == k and all(len(hits) == group_size for hits in groups.values())
            if full or len(hits) < deep or deep == MAX_K:
                return [Group(value, hits) for (_, value), hits in groups.items()]
            deep *= 4

    def recommend(
        self,
        positive: Sequence[Id],
        negative: Sequence[Id] = (),
        k: int = 10,
        *,
        using: str = "",
        **options: Any,
    ) -> list[Hit]:
        """Points like some and unlike others, which are not among them.

        What is searched for is the mean of the positive vectors, moved away from the mean of
        the negative ones by their distance.

        Parameters
        ----------
        positive, negative : sequence of str or int
            Ids of points.
        k : int
        using : str
            Name of the vector to compare.
        **options
            As for `search`: filter, threshold, exact, ef, with_vectors.

        Raises
        ------
        InputError
            If a point is not there or has no such vector, or nothing is positive.
        """
        check_k(k)
        if not len(positive):
            raise InputError("recommend: positive= is empty; give one id or more")
        seen = self._frozen()
        liked = _mean(seen, positive, using)
        target = 2 * liked - _mean(seen, negative, using) if len(negative) else liked
        given = {*positive, *negative}
        hits = seen.search(target, min(MAX_K, k + len(given)), using=using, **options)
        return [hit for hit in hits if hit.id not in given][:k]

    def _frozen(self) -> Reads:
        """What is there now."""
        raise NotImplementedError


def _order(id_: Id) -> tuple[bool, Id]:
    return isinstance(id_, str), id_


def _grouped(hits: Sequence[Hit], path: tuple[str, ...], k: int, size: int) -> dict[Key, list[Hit]]:
    groups: dict[Key, list[Hit]] = {}
    for hit in hits:
        for key in sorted(keys_of(hit.payload or {}, path)):
            if key not in groups and len(groups) < k:
                groups[key] = []
            if len(groups.get(key, [None] * size)) < size:
                groups[key].append(hit)
                break
    return groups


def _mean(reads: Reads, ids: Sequence[Id], using: str) -> Any:
    """The mean of the vectors of points; of length 1 each under "cosine"."""
    config, _ = reads._state()
    settings = config.vectors.get(using)
    if settings is None or settings.metric == "hamming":
        raise InputError(f"recommend: using={using!r} is no vector of numbers of this collection")
    points = {point.id: point.vectors or {} for point in reads.get(ids, with_vectors=True)}
    for id_ in check_ids(ids):
        if id_ not in points or using not in points[id_]:
            what = "not there" if id_ not in points else "without the vector"
            raise InputError(f"recommend: {id_!r} is {what}; give ids of points that have it")
    rows = np.stack([vectors[using] for vectors in points.values()])
    if settings.metric == "cosine":
        rows = rows * inverse_norms(rows)[:, None]
    return rows.mean(axis=0)
