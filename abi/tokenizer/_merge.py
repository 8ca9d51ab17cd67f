"""Greedy pair merging, the heart of SentencePiece-BPE and of byte-level BPE alike."""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from typing import AnyStr

__all__ = ["CACHED_LENGTH", "CACHED_WORDS", "merge"]

# Words whose merges are remembered: a few megabytes, whatever the text.
CACHED_WORDS = 1 << 16
CACHED_LENGTH = 48


def merge(symbols: list[AnyStr], cost: Callable[[AnyStr, AnyStr], float | None]) -> list[AnyStr]:
    """Join neighbours, always the cheapest pair first and of equals the leftmost.

    Parameters
    ----------
    symbols : list of str or bytes
        Changed in place.
    cost : callable
        Of a left and a right neighbour; None where they do not join.

    Returns
    -------
    list of str or bytes
        What is left when no neighbours join.

    Examples
    --------
    >>> merge(list("abab"), lambda a, b: {"ab": 1.0, "abab": 2.0}.get(a + b))
    ['abab']
    """
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
        symbols[right] = symbols[right][:0]
        after[left] = after[right]
        if after[right] < n:
            before[after[right]] = left
        for a, b in ((before[left], left), (left, after[left])):
            if a >= 0 and b < n:
                price = cost(symbols[a], symbols[b])
                if price is not None:
                    heappush(heap, (price, a, b, len(symbols[a]) + len(symbols[b])))
    return [symbol for symbol in symbols if symbol]
