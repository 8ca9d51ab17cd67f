"""Greedy pair merging, the heart of SentencePiece-BPE and of byte-level BPE alike."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from itertools import pairwise

__all__ = ["merge"]

_SHORT = 40  # symbols up to which the plain loop is faster than the heap
_NEVER = float("inf")


def merge(symbols: list[str], cost: Callable[[str, str], float | None]) -> list[str]:
    """Join neighbours, always the cheapest pair first and of equals the leftmost.

    Parameters
    ----------
    symbols : list of str
        Changed in place.
    cost : callable
        Of a left and a right neighbour; None where they do not join. No cost is infinite.

    Returns
    -------
    list of str
        What is left when no neighbours join.

    Examples
    --------
    >>> merge(list("abab"), lambda a, b: {"ab": 1.0, "abab": 2.0}.get(a + b))
    ['abab']
    """
    return _merge_short(symbols, cost) if len(symbols) <= _SHORT else _merge_long(symbols, cost)


def _merge_short(symbols: list[str], cost: Callable[[str, str], float | None]) -> list[str]:
    costs = [_NEVER if (c := cost(a, b)) is None else c for a, b in pairwise(symbols)]
    while costs:
        best = min(costs)
        if best == _NEVER:
            break
        at = costs.index(best)
        symbols[at] += symbols.pop(at + 1)
        del costs[at]
        if at:
            price = cost(symbols[at - 1], symbols[at])
            costs[at - 1] = _NEVER if price is None else price
        if at < len(costs):
            price = cost(symbols[at], symbols[at + 1])
            costs[at] = _NEVER if price is None else price
    return symbols


def _merge_long(symbols: list[str], cost: Callable[[str, str], float | None]) -> list[str]:
    n = len(symbols)
    before, after = list(range(-1, n - 1)), list(range(1, n + 1))
    heap: list[tuple[float, int, int, int]] = []  # cost, left, right, joined length
    for left in range(n - 1):
        first = cost(symbols[left], symbols[left + 1])
        if first is not None:
            heap.append((first, left, left + 1, len(symbols[left]) + len(symbols[left + 1])))
    heapify(heap)
    while heap:
        _, left, right, size = heappop(heap)
        # Dead symbols are empty, so this holds only for a pair that nothing has changed.
        if not symbols[left] or not symbols[right]:
            continue
        if len(symbols[left]) + len(symbols[right]) != size:
            continue
        symbols[left] += symbols[right]
        symbols[right] = ""
        after[left] = after[right]
        if after[right] < n:
            before[after[right]] = left
        for a, b in ((before[left], left), (left, after[left])):
            if a >= 0 and b < n:
                price = cost(symbols[a], symbols[b])
                if price is not None:
                    heappush(heap, (price, a, b, len(symbols[a]) + len(symbols[b])))
    return [symbol for symbol in symbols if symbol]
