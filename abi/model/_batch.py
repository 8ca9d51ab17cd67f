"""A batch: tokens, each with the sequence slot and the position it belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.kernels import Span

__all__ = ["Batch"]

Ids = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Tokens of one forward pass.

    Prefill, decode, several sequences at once and drafts to verify all have this shape.

    Attributes
    ----------
    tokens, slots, positions : (T,) int64
    """

    tokens: Ids
    slots: Ids
    positions: Ids

    @classmethod
    def of(cls, tokens: Sequence[int] | Ids, *, slot: int = 0, pos: int = 0) -> Batch:
        """Consecutive tokens of one sequence, the first at position `pos`."""
        ids = np.asarray(tokens, np.int64)
        return cls(ids, np.full(len(ids), slot, np.int64), np.arange(pos, pos + len(ids)))

    @classmethod
    def join(cls, batches: Sequence[Batch]) -> Batch:
        """Several sequences in one batch."""
        return cls(
            np.concatenate([b.tokens for b in batches]),
            np.concatenate([b.slots for b in batches]),
            np.concatenate([b.positions for b in batches]),
        )

    def __len__(self) -> int:
        return len(self.tokens)

    def spans(self) -> tuple[Span, ...]:
        """Runs of consecutive positions in one slot.

        Raises
        ------
        InputError
            If the batch is empty, or a slot has two runs: its second could not see the first.
        """
        if not len(self):
            raise InputError("the batch is empty; pass at least one token")
        if len(self) == 1:
            return (Span(0, 1, int(self.slots[0]), int(self.positions[0])),)
        breaks = np.flatnonzero((np.diff(self.slots) != 0) | (np.diff(self.positions) != 1)) + 1
        starts = [0, *breaks.tolist()]
        stops = [*breaks.tolist(), len(self)]
        spans = tuple(
            Span(a, b, int(self.slots[a]), int(self.positions[a]))
            for a, b in zip(starts, stops, strict=True)
        )
        if len({span.slot for span in spans}) != len(spans):
            raise InputError("a slot's tokens must stand together, at consecutive positions")
        return spans
