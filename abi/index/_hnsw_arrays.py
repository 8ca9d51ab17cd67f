"""An HNSW index as plain arrays, and arrays checked before they are believed.

`levels`, `links`, `upper` and `upper_start` are the graph's; `params` is int64: M,
ef_construction, ef, seed, entry. All may be read-only memory maps.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.kernels import ABSENT, Graph

__all__ = ["checked", "packed"]

_KINDS = {
    "levels": (np.uint8, 1),
    "links": (np.int32, 2),
    "upper": (np.int32, 2),
    "upper_start": (np.int32, 1),
    "params": (np.int64, 1),
}
_BLOCK = 1 << 16  # lists checked at a time


def packed(graph: Graph, ef_construction: int, ef: int, seed: int) -> dict[str, npt.NDArray[Any]]:
    """The arrays of an index."""
    return {
        "levels": graph.levels,
        "links": graph.links,
        "upper": graph.upper,
        "upper_start": graph.upper_start,
        "params": np.array([graph.M, ef_construction, ef, seed, graph.entry], np.int64),
    }


def checked(arrays: Mapping[str, npt.NDArray[Any]], n: int) -> tuple[Graph, dict[str, int]]:
    """The graph over n rows, and the parameters, that arrays hold.

    Raises
    ------
    FormatError
        If an array is missing or of another kind, or a number in it leads out of the graph.
    """
    for name, (kind, ndim) in _KINDS.items():
        array = arrays.get(name)
        if array is None or array.dtype != kind or array.ndim != ndim:
            got = "missing" if array is None else f"{array.dtype} of shape {array.shape}"
            raise FormatError(f"{got}, expected {np.dtype(kind)} with {ndim} axes", field=name)
    graph, params = _parameters(arrays)
    _check_shapes(graph, n, params["M"])
    _check_starts(graph)
    if n:
        _check_layer_0(graph)
        _check_upper(graph)
    _check_entry(graph)
    return graph, params


def _parameters(arrays: Mapping[str, npt.NDArray[Any]]) -> tuple[Graph, dict[str, int]]:
    values = arrays["params"].tolist()
    if len(values) != 5:
        raise FormatError(f"{len(values)} numbers, expected 5", field="params")
    params = dict(zip(("M", "ef_construction", "ef", "seed", "entry"), values, strict=True))
    lowest = {"M": 2, "ef_construction": 1, "ef": 1, "seed": 0, "entry": -1}
    for name, low in lowest.items():
        if not low <= params[name] < 1 << 31:
            raise FormatError(f"{name} is {params[name]}, expected {low} or more", field="params")
    graph = Graph(
        levels=arrays["levels"],
        links=arrays["links"],
        upper=arrays["upper"],
        upper_start=arrays["upper_start"],
        entry=params.pop("entry"),
    )
    return graph, params


def _check_shapes(graph: Graph, n: int, M: int) -> None:  # noqa: N803
    for name, got, expected in (
        ("levels", graph.levels.shape, (n,)),
        ("links", graph.links.shape, (n, 2 * M)),
        ("upper", graph.upper.shape[1:], (M,)),
        ("upper_start", graph.upper_start.shape, (n,)),
    ):
        if got != expected:
            raise FormatError(f"shape {got}, expected {expected} for M {M}", field=name)


def _check_starts(graph: Graph) -> None:
    tall = np.where(graph.levels == ABSENT, 0, graph.levels).astype(np.int64)
    start = graph.upper_start.astype(np.int64)
    wrong = (tall > 0) & ((start < 0) | (start + tall > len(graph.upper)))
    if wrong.any():
        row = int(wrong.argmax())
        message = f"row {row} of level {tall[row]} starts at {start[row]}"
        raise FormatError(f"{message}, of {len(graph.upper)} lists", field="upper_start")


def _check_layer_0(graph: Graph) -> None:
    present = graph.levels != ABSENT
    for start in range(0, len(graph.links), _BLOCK):
        lists = graph.links[start : start + _BLOCK]
        _check_range(lists, len(present), "links")
        _check_targets((lists >= 0) & ~present[lists], start, "links")


def _check_upper(graph: Graph) -> None:
    """Each list of a layer leads to rows that are on that layer."""
    _check_range(graph.upper, len(graph.levels), "upper")
    tall = np.where(graph.levels == ABSENT, 0, graph.levels).astype(np.int64)
    height = np.where(graph.levels == ABSENT, -1, graph.levels.astype(np.int64))
    for layer in range(1, int(tall.max(initial=0)) + 1):
        rows = np.flatnonzero(tall >= layer)
        places = graph.upper_start[rows].astype(np.int64) + (layer - 1)
        lists = graph.upper[places]
        _check_targets((lists >= 0) & (height[lists] < layer), 0, "upper")


def _check_range(lists: npt.NDArray[np.int32], n: int, name: str) -> None:
    low, high = int(lists.min(initial=-1)), int(lists.max(initial=-1))
    if low < -1 or high >= n:
        raise FormatError(f"links from {low} to {high}, expected -1 to {n - 1}", field=name)


def _check_targets(wrong: npt.NDArray[np.bool_], first: int, name: str) -> None:
    if wrong.any():
        row = first + int(wrong.any(axis=1).argmax())
        raise FormatError(f"list {row} leads to a row that is not on its layer", field=name)


def _check_entry(graph: Graph) -> None:
    levels = np.where(graph.levels == ABSENT, -1, graph.levels.astype(np.int16))
    top = int(levels.max(initial=-1))
    if graph.entry >= len(levels) or (int(levels[graph.entry]) if graph.entry >= 0 else -1) != top:
        raise FormatError(f"entry {graph.entry} is not of the top level {top}", field="params")
