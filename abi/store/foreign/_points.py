"""What every reader gives: the points of a file, in batches for `Collection.upsert`."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import InputError

__all__ = ["Foreign", "Part", "check_size", "joined"]

Part = tuple[npt.NDArray[Any], npt.NDArray[Any]]  # ids (k,), vectors (k, dim)


@dataclass(frozen=True)
class Foreign:
    """Points of another store's files.

    Attributes
    ----------
    dim : int
        Components of a vector; bits, where the metric is "hamming".
    metric : str or None
        "cosine", "ip", "l2" or "hamming"; None where the file does not say.
    n : int
        Points.
    batches : callable
        `batches(size)` yields the arguments of `Collection.upsert` for up to `size` points each:
        `ids`, `vectors` (k, dim) float32 or (k, dim / 8) uint8, and `payloads` and `texts` where
        there are any. It raises `FormatError` where the file turns out to be damaged.
    """

    dim: int
    metric: str | None
    n: int
    batches: Callable[[int], Iterator[dict[str, Any]]]


def check_size(size: int) -> int:
    """The size of a batch, or InputError."""
    if type(size) is not int or size < 1:
        raise InputError(f"size: {size!r}; expected points of a batch, 1 or more")
    return size


def joined(parts: Iterable[Part], size: int) -> Iterator[dict[str, Any]]:
    """Batches of `size` points out of parts of any size up to that."""
    waiting: list[Part] = []
    n = 0
    for ids, vectors in parts:
        room = size - n
        waiting.append((ids[:room], vectors[:room]))
        n += len(waiting[-1][0])
        if n == size:
            yield _batch(waiting)
            waiting = [(ids[room:], vectors[room:])]
            n = len(waiting[0][0])
    if n:
        yield _batch(waiting)


def _batch(parts: list[Part]) -> dict[str, Any]:
    vectors = np.concatenate([vectors for _, vectors in parts])
    kind = np.uint8 if vectors.dtype.itemsize == 1 else np.float32
    ids = np.concatenate([ids for ids, _ in parts])
    return {"ids": ids.tolist(), "vectors": vectors.astype(kind, copy=False)}
