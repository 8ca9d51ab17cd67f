"""Columns of rows that arrive: blocks that are complete, and a short end that has none."""

from __future__ import annotations

from collections.abc import Sequence

from abi.store.payload._columns import Columns
from abi.store.payload._encode import decode_all

__all__ = ["GrowingColumns"]

_BLOCK = 2048  # rows


class GrowingColumns:
    """Columns of the rows of a list that only grows; made when they are first asked for.

    Parameters
    ----------
    payloads : list of bytes
        JSON, empty for none; rows that are there do not change.
    """

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self._payloads = payloads
        self._blocks: list[Columns] = []

    def blocks(self, n: int) -> list[Columns]:
        """Columns of as many of the first n rows as fill blocks; block i begins at i * 2048."""
        while (len(self._blocks) + 1) * _BLOCK <= n:
            start = len(self._blocks) * _BLOCK
            some = self._payloads[start : start + _BLOCK]
            self._blocks.append(Columns.build(decode_all(some)))
        return self._blocks[: n // _BLOCK]
