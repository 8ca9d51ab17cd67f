"""What every reader gives, and where a writer may write."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from abi.errors import InputError

__all__ = ["Source", "check_free"]


@dataclass(frozen=True)
class Source:
    """Points of a file.

    Attributes
    ----------
    dims : dict of str to int, or None
        Components of each vector by its name, bits of those of bytes; None where the file does
        not say.
    metric : str or None
        "cosine", "ip", "l2" or "hamming"; None where the file does not say, or `metrics` does.
    n : int or None
        Points; None where the file does not say.
    batches : callable
        `batches(size)` yields arguments of `Collection.upsert`, for up to `size` points each. It
        raises `InputError` or `FormatError` where the file turns out to be none.
    metrics : dict of str to str
        By vector, where the file says them.
    """

    dims: dict[str, int] | None
    metric: str | None
    n: int | None
    batches: Callable[[int], Iterator[dict[str, Any]]] = field(repr=False)
    metrics: dict[str, str] = field(default_factory=dict)


def check_free(path: Path, force: bool) -> Path:
    """A path to write to; InputError if it is there already, without `force`."""
    if not force and path.exists():
        raise InputError(f"{path} exists; name another file, or replace it with --force")
    return path
