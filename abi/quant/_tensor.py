"""A named tensor in its stored format: what a file holds and what kernels pack."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import prod

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.quant._codec import decode, encode, tensor_type
from abi.quant._types import TensorType

__all__ = ["Tensor"]

Bytes = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Tensor:
    """A tensor as stored.

    Parameters
    ----------
    name : str
        GGUF name, such as `blk.0.attn_q.weight`.
    shape : tuple of int
        NumPy order, outermost first; GGUF files store the reverse.
    type : TensorType
    source : (n_bytes,) uint8, or a function of no arguments that returns it
        A function defers making the bytes until they are written or read.
    """

    name: str
    shape: tuple[int, ...]
    type: TensorType
    source: Bytes | Callable[[], Bytes] = field(repr=False)

    @classmethod
    def from_array(cls, name: str, array: npt.ArrayLike, type_name: str = "F32") -> Tensor:
        """Encode an array.

        Raises
        ------
        InputError
            If the last dimension is not a whole number of blocks.
        UnsupportedError
            If the type is unknown or can only be read.
        """
        values = np.asarray(array, np.float32)
        try:
            return cls(name, values.shape, tensor_type(type_name), encode(values, type_name))
        except InputError as error:
            raise InputError(f"{name}: {error}") from None

    @property
    def n_elements(self) -> int:
        return prod(self.shape)

    @property
    def n_bytes(self) -> int:
        return self.type.n_bytes(self.n_elements)

    @property
    def data(self) -> Bytes:
        """The stored bytes, `(n_bytes,) uint8`."""
        return self.source() if callable(self.source) else self.source

    def rows(self, start: int, stop: int) -> npt.NDArray[np.float32]:
        """Expand rows of a matrix: `(stop - start, shape[-1]) float32`."""
        width = self.type.n_bytes(self.shape[-1])
        part = self.data[start * width : stop * width]
        return decode(part, self.type.name).reshape(-1, self.shape[-1])

    def split(self) -> list[Tensor]:
        """The parts along the first dimension, named `name[i]`."""
        size = self.n_bytes // self.shape[0]
        data = self.data
        return [
            Tensor(f"{self.name}[{i}]", self.shape[1:], self.type, data[i * size : (i + 1) * size])
            for i in range(self.shape[0])
        ]

    def to_float32(self) -> npt.NDArray[np.float32]:
        """Expand the whole tensor, in its shape; a view where it is float32 already."""
        return decode(self.data, self.type.name).reshape(self.shape)
