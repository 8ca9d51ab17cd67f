"""Byte strings of a part, one a row: all of them in one run, with where each begins."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError
from abi.store._pack import Array

__all__ = ["Blobs", "narrow"]


def narrow(values: Array, top: int) -> Array:
    """Non-negative integers in the narrowest unsigned type that holds `top`."""
    return values.astype(np.min_scalar_type(top), copy=False)


@dataclass(frozen=True)
class Blobs:
    """Byte strings in one run.

    Parameters
    ----------
    data : (total,) uint8
    offsets : (n + 1,) unsigned
        Row i is `data[offsets[i]:offsets[i + 1]]`.
    """

    data: Array
    offsets: Array

    @classmethod
    def of(cls, items: Iterable[bytes]) -> Blobs:
        """Join byte strings."""
        kept = items if isinstance(items, Sequence) else list(items)
        lengths = np.fromiter((len(item) for item in kept), np.int64, len(kept))
        return cls(np.frombuffer(b"".join(kept), np.uint8), offsets_of(lengths))

    @classmethod
    def checked(cls, data: Array, offsets: Array, n: int, source: str) -> Blobs:
        """Of a file.

        Raises
        ------
        FormatError
            If the offsets do not divide the data among `n` rows.
        """
        if data.dtype != np.uint8 or data.ndim != 1:
            raise FormatError(f"{data.dtype} {data.shape}, expected bytes", source=source)
        if offsets.dtype.kind != "u" or offsets.shape != (n + 1,):
            got = f"{offsets.dtype} {offsets.shape}"
            raise FormatError(f"offsets {got}, expected ({n + 1},) unsigned", source=source)
        if offsets[0] or offsets[-1] != len(data) or np.any(offsets[1:] < offsets[:-1]):
            raise FormatError("offsets that do not ascend from 0 to the end", source=source)
        return cls(data, offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> bytes:
        return self.data[self.offsets[row] : self.offsets[row + 1]].tobytes()

    def __iter__(self) -> Iterator[bytes]:
        ends = self.offsets.tolist()
        whole = self.data.tobytes()
        return (whole[a:b] for a, b in itertools.pairwise(ends))

    def take(self, rows: npt.NDArray[np.int64]) -> list[bytes]:
        """The strings of some rows."""
        starts, ends = self.offsets[rows].tolist(), self.offsets[rows + 1].tolist()
        return [self.data[a:b].tobytes() for a, b in zip(starts, ends, strict=True)]


def offsets_of(lengths: npt.NDArray[np.int64]) -> Array:
    """Where each of some runs begins, and the end, in the narrowest type."""
    ends = np.concatenate(([0], np.cumsum(lengths)))
    return narrow(ends, int(ends[-1]))
