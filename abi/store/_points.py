"""Rows of views as the points and hits that a caller gets."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import numpy.typing as npt

from abi.store._config import CollectionConfig
from abi.store._hit import Hit, Point
from abi.store._pack import Array
from abi.store._part import View
from abi.store.payload import decode
from abi.store.search import Found

__all__ = ["all_points", "hits_of", "points_of", "vectors_of_found"]

I64 = npt.NDArray[np.int64]
Bool = npt.NDArray[np.bool_]

_PAGE = 1000


def hits_of(
    config: CollectionConfig,
    views: Sequence[View],
    found: Found,
    scores: list[float],
    with_vectors: bool,
) -> list[Hit]:
    """Hits of what was found, with their scores as they are shown."""
    points = points_of(config, views, found, with_vectors)
    return [
        Hit(point.id, score, point.payload, point.text, point.vectors)
        for point, score in zip(points, scores, strict=True)
    ]


def points_of(
    config: CollectionConfig, views: Sequence[View], found: Found, with_vectors: bool
) -> list[Point]:
    points: dict[int, Point] = {}
    for number in np.unique(found.view).tolist():
        at = np.flatnonzero(found.view == number)
        made = _of_view(config, views[number], found.row[at], with_vectors)
        points.update(zip(at.tolist(), made, strict=True))
    return [points[i] for i in range(len(found))]


def _of_view(config: CollectionConfig, view: View, rows: I64, with_vectors: bool) -> list[Point]:
    part = view.part
    vectors = _vectors(config, view, rows) if with_vectors else [None] * len(rows)
    data = zip(part.ids(rows), part.payloads(rows), part.texts(rows), vectors, strict=True)
    return [
        Point(id_, decode(p) if p else None, t.decode() if t else None, v) for id_, p, t, v in data
    ]


def _vectors(config: CollectionConfig, view: View, rows: I64) -> list[dict[str, Array] | None]:
    found: list[dict[str, Array]] = [{} for _ in rows]
    for name in config.vectors:
        matrix = view.part.matrix(name, view.n)
        if matrix is not None:
            for vectors, place in zip(found, matrix.places(rows).tolist(), strict=True):
                if place >= 0:
                    vectors[name] = matrix.data[place].copy()
    return list(found)


def all_points(
    config: CollectionConfig,
    views: Sequence[View],
    masks: Sequence[Bool | None],
    with_vectors: bool,
) -> Iterator[Point]:
    for view, mask in zip(views, masks, strict=True):
        rows = np.arange(view.n) if mask is None else np.flatnonzero(mask)
        for start in range(0, len(rows), _PAGE):
            yield from _of_view(config, view, rows[start : start + _PAGE], with_vectors)


def vectors_of_found(views: Sequence[View], found: Found, name: str) -> Array:
    """A vector of what was found, which all have: `(m, width)`."""
    rows: dict[int, Array] = {}
    for number in np.unique(found.view).tolist():
        view, at = views[number], np.flatnonzero(found.view == number)
        matrix = view.part.matrix(name, view.n)
        assert matrix is not None
        data = matrix.data[matrix.places(found.row[at])]
        rows.update(zip(at.tolist(), data, strict=True))
    return np.stack([rows[i] for i in range(len(found))])
