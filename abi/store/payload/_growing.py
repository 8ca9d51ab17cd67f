"""Columns of rows that arrive: complete blocks, the rest anew when it has grown, a few without."""

from __future__ import annotations

from collections.abc import Sequence

from abi._platform import Lock
from abi.store.payload._columns import Columns
from abi.store.payload._encode import decode_all

__all__ = ["GrowingColumns"]

_BLOCK = 2048  # rows
_FEW = 32  # rows at the end that are looked at one by one


class GrowingColumns:
    """Columns of the rows of a list that only grows; made when they are first asked for.

    Parameters
    ----------
    payloads : list of bytes
        JSON, empty for none; rows that are there do not change.
    """

    def __init__(self, payloads: Sequence[bytes]) -> None:
        self._payloads = payloads
        self._lock = Lock()
        self._blocks: list[Columns] = []
        self._rest: tuple[int, Columns] | None = None  # the rest of so many rows

    def blocks(self, n: int) -> list[Columns]:
        """Columns of the first n rows, but for a few at the end; block i begins at i * 2048."""
        with self._lock:  # two readers must not make the same block, and count it twice
            while (len(self._blocks) + 1) * _BLOCK <= n:
                start = len(self._blocks) * _BLOCK
                self._blocks.append(self._built(start, start + _BLOCK))
            found = self._blocks[: n // _BLOCK]
            return found if n % _BLOCK <= _FEW else [*found, self._rest_of(n)]

    def _rest_of(self, n: int) -> Columns:
        """Columns of those of the first n rows that fill no block; kept while none comes."""
        rest = self._rest
        if rest is None or rest[0] != n:
            rest = self._rest = n, self._built(n - n % _BLOCK, n)
        return rest[1]

    def _built(self, start: int, stop: int) -> Columns:
        return Columns.build(decode_all(self._payloads[start:stop]))
