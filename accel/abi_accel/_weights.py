"""Matrices as the kernels take them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.kernels import Weight
from abi.quant import TYPES, Tensor

__all__ = ["DENSE", "Native", "address", "aligned"]

DENSE = ("F32", "F16", "BF16")
ROWS = 16  # of a packed matrix that lie side by side
_ALIGNMENT = 64  # bytes: a cache line, and the widest vector

# How activations are rounded for a type: products of the same sort share what was rounded.
_ROUNDING = {
    "Q4_1": 1, "Q5_1": 1, "Q4_K": 2, "Q5_K": 2, "IQ4_XS": 2, "Q2_K": 3, "Q3_K": 3, "Q6_K": 3,
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Native:
    """A matrix: what the kernels read, and the file's tensor for its rows."""

    type_name: str
    data: npt.NDArray[Any]
    tensor: Tensor | None = None

    @property
    def type(self) -> int:
        return TYPES[self.type_name].id

    @property
    def packed(self) -> bool:
        """Whether activations are rounded for it."""
        return self.type_name not in DENSE

    @property
    def rounding(self) -> int:
        return _ROUNDING.get(self.type_name, 0)

    @property
    def rows_together(self) -> int:
        """How many rows lie side by side."""
        return ROWS if self.packed else 1

    def step(self, shape: tuple[int, ...]) -> int:
        """Bytes of rows that lie together, of a matrix of that shape."""
        return self.data.nbytes // -(-shape[0] // self.rows_together)

    @cached_property
    def stored(self) -> Weight:
        """The file's tensor as the reference takes it."""
        assert self.tensor is not None
        return Weight(self.tensor.name, self.tensor.shape, self.type_name, "blocks", self.tensor, 0)

    @cached_property
    def address(self) -> int:
        return address(self.data)

    @classmethod
    def of(cls, w: Weight) -> Native:
        """What a weight has, or its expanded numbers."""
        if isinstance(w.data, cls):
            return w.data
        return cls("F32", np.ascontiguousarray(w.data, np.float32))


def aligned(n_bytes: int) -> npt.NDArray[np.uint8]:
    """Memory that begins at a cache line."""
    raw = np.empty(n_bytes + _ALIGNMENT, np.uint8)
    start = -address(raw) % _ALIGNMENT
    return raw[start : start + n_bytes]


def address(array: npt.NDArray[Any]) -> int:
    """Where an array begins."""
    found: int = array.__array_interface__["data"][0]
    return found
