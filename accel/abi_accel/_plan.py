"""What is known of layers before they run: their operations, and the memory that these need."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import zip_longest
from typing import Any
from weakref import ref

from abi.kernels import Spec
from abi_accel._exports import Heads
from abi_accel._library import Library

__all__ = ["Layout", "Plan", "layout"]

_FLOATS = 16  # of a cache line: buffers begin at one
_LINE = 64  # bytes of one


@dataclass
class Layout:
    """Memory of layers that run in turn.

    Attributes
    ----------
    made_for : tuple
        Tokens, threads and instruction set.
    plans : tuple of weak references
    rounding, own : int
        Bytes for products, and for each thread.
    starts : list of int
        Where each buffer begins, in bytes, but for the caller's.
    total : int
        Where the last ends.
    """

    made_for: tuple[int, int, str]
    plans: tuple[ref[Plan], ...]
    rounding: int
    own: int
    starts: list[int]
    total: int


@dataclass
class Plan:
    """The operations of a layer, and what they need.

    Attributes
    ----------
    ops : ctypes array of Op
    widths : list of int
        Floats a token of each buffer; those of the caller are the first two.
    products : set of (int, int, int)
        Types and columns of the products, and for how many rows a token, which say how much scratch
        memory is needed.
    heads : Heads
        Without the cache.
    spec : Spec
        What it was written for.
    kept : list
        What the pointers point into.
    half : bool
        Whether it ends where the experts begin.
    bound : tuple, optional
        The arrays of the cache that it ran with last, weakly, and the heads with them.
    layout : Layout, optional
        What was needed when it was the first of the layers that ran last.
    """

    ops: Any
    widths: list[int]
    products: set[tuple[int, int, int]]
    heads: Heads
    spec: Spec
    kept: list[Any]
    half: bool = False
    bound: tuple[Any, Any, Heads] | None = None
    layout: Layout | None = None


def layout(library: Library, threads: int, plans: Sequence[Plan], n: int) -> Layout:
    """What n tokens need; the same from one token to the next, and so kept with the first plan."""
    made_for, kept = (n, threads, library.isa), plans[0].layout
    if (
        kept is not None
        and kept.made_for == made_for
        and len(kept.plans) == len(plans)
        and all(known() is plan for known, plan in zip(kept.plans, plans, strict=True))
    ):
        return kept
    starts, total = [], 0
    for widths in zip_longest(*(plan.widths[2:] for plan in plans), fillvalue=0):
        starts.append(4 * total)
        total += -(-n * max(widths) // _FLOATS) * _FLOATS
    products = set().union(*(plan.products for plan in plans))
    sizes = (library.scratch_size(kind, k, rows * n, threads) for kind, k, rows in products)
    rounding, own = _whole(max(sizes)), _whole(library.piece_size())
    made = Layout(made_for, tuple(map(ref, plans)), rounding, own, starts, 4 * total)
    plans[0].layout = made
    return made


def _whole(n_bytes: int) -> int:
    """Up to a whole cache line."""
    return -(-n_bytes // _LINE) * _LINE
