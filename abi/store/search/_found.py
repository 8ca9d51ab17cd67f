"""What a search has found so far: rows of views with their scores, best first."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Found", "merge"]

I64 = npt.NDArray[np.int64]
F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Found:
    """Rows of views, best first.

    Parameters
    ----------
    view : (m,) int64
        Number of the view that each row is of.
    row : (m,) int64
    score : (m,) float32
        Larger is better.
    """

    view: I64
    row: I64
    score: F32

    @classmethod
    def none(cls) -> Found:
        """Nothing."""
        empty = np.empty(0, np.int64)
        return cls(empty, empty, np.empty(0, np.float32))

    @classmethod
    def of(cls, view: int, rows: I64, scores: F32) -> Found:
        """Rows of one view; -1 stands for none."""
        there = rows >= 0
        found = rows[there]
        return cls(np.full(len(found), view), found, scores[there])

    def __len__(self) -> int:
        return len(self.row)

    def take(self, places: I64 | slice | npt.NDArray[np.bool_]) -> Found:
        """Those at some places."""
        return Found(self.view[places], self.row[places], self.score[places])

    def keys(self) -> list[tuple[int, int]]:
        """View and row of each."""
        return list(zip(self.view.tolist(), self.row.tolist(), strict=True))


def merge(parts: Sequence[Found], k: int) -> Found:
    """The best k of all; equal scores in the order of the parts."""
    if len(parts) == 1:
        return parts[0].take(slice(k))
    if not parts:
        return Found.none()
    joined = Found(
        np.concatenate([part.view for part in parts]),
        np.concatenate([part.row for part in parts]),
        np.concatenate([part.score for part in parts]),
    )
    return joined.take(np.argsort(-joined.score, kind="stable")[:k])
