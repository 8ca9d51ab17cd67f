"""Codecs by name, and decoding and encoding of whole arrays through them."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

from abi.errors import InputError, UnsupportedError
from abi.quant._dot import Q8_1, Q8_K
from abi.quant._e2m1 import MXFP4, NVFP4
from abi.quant._float import BF16, F16, F32, NUMBERS
from abi.quant._iq import IQ1_M, IQ1_S, IQ2_S, IQ2_XS, IQ2_XXS, IQ3_S, IQ3_XXS
from abi.quant._k import Q2_K, Q3_K, Q4_K, Q5_K, Q6_K
from abi.quant._simple import Q4_0, Q4_1, Q5_0, Q5_1, Q8_0
from abi.quant._table import IQ4_NL, IQ4_XS
from abi.quant._ternary import Q1_0, Q2_0, TQ1_0, TQ2_0
from abi.quant._types import TYPES, TensorType

__all__ = ["CODECS", "Codec", "codec", "decode", "encode", "tensor_type"]

_ENCODE_STEP = 1 << 20  # elements at a time, so that temporaries stay small


class Codec(Protocol):
    """One format: blocks of bytes to float32 and back."""

    name: str
    encodes: bool  # whether it can be made here, or only read

    def decode(self, blocks: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Blocks `(n, type_size) uint8` to values `(n, block_size) float32`."""

    def encode(self, values: npt.NDArray[np.float32]) -> npt.NDArray[np.uint8]:
        """Values `(n, block_size) float32` to blocks `(n, type_size) uint8`."""


_ALL: tuple[Codec, ...] = (
    F32(), F16(), BF16(), *NUMBERS,
    Q4_0(), Q4_1(), Q5_0(), Q5_1(), Q8_0(),
    Q2_K(), Q3_K(), Q4_K(), Q5_K(), Q6_K(),
    IQ1_S(), IQ1_M(), IQ2_XXS(), IQ2_XS(), IQ2_S(), IQ3_XXS(), IQ3_S(),
    IQ4_NL(), IQ4_XS(), MXFP4(), NVFP4(), TQ1_0(), TQ2_0(), Q1_0(), Q2_0(), Q8_1(), Q8_K(),
)  # fmt: skip

CODECS: dict[str, Codec] = {codec.name: codec for codec in _ALL}


def tensor_type(name: str) -> TensorType:
    """The tensor type of that name.

    Raises
    ------
    UnsupportedError
        If there is none.
    """
    if name not in TYPES:
        raise UnsupportedError(f"tensor type {name} is unknown; known: {', '.join(TYPES)}")
    return TYPES[name]


def codec(name: str) -> Codec:
    """The codec of a tensor type.

    Raises
    ------
    UnsupportedError
        If the type is unknown.
    """
    return CODECS[tensor_type(name).name]


def decode(raw: npt.NDArray[np.uint8], type_name: str) -> npt.NDArray[np.float32]:
    """Expand the bytes of whole blocks.

    Parameters
    ----------
    raw : (n * type_size,) uint8
    type_name : str

    Returns
    -------
    (n * block_size,) float32
        A view where the format is float32 already.

    Raises
    ------
    InputError
        If the bytes are not a whole number of blocks.
    UnsupportedError
        If the type is unknown.
    """
    chosen, size = codec(type_name), tensor_type(type_name).type_size
    if raw.size % size:
        raise InputError(f"{raw.size} bytes are not a multiple of the {type_name} block ({size})")
    with np.errstate(all="ignore"):  # infinite scales give NaN, as in ggml
        return chosen.decode(raw.reshape(-1, size)).reshape(-1)


def encode(values: npt.ArrayLike, type_name: str) -> npt.NDArray[np.uint8]:
    """Quantise an array whose last dimension is a whole number of blocks.

    Parameters
    ----------
    values : (..., k * block_size) float32
    type_name : str

    Returns
    -------
    (n,) uint8
        The blocks, in the array's row-major order.

    Raises
    ------
    InputError
        If the last dimension is not a multiple of the block.
    UnsupportedError
        If the type is unknown, or can only be read.

    Examples
    --------
    >>> import numpy as np
    >>> encode(np.full((1, 32), 1.0), "Q8_0").nbytes
    34
    """
    chosen, info = codec(type_name), tensor_type(type_name)
    array = np.asarray(values, np.float32)
    row = array.shape[-1] if array.ndim else 1
    if row % info.block_size:
        raise InputError(
            f"row of {row} is not a multiple of the {type_name} block ({info.block_size})"
        )
    rows = np.ascontiguousarray(array).reshape(-1, info.block_size)
    out = np.empty((len(rows), info.type_size), np.uint8)
    step = _ENCODE_STEP // info.block_size
    for start in range(0, len(rows), step):
        with np.errstate(all="ignore"):  # searches divide by what may be 0, and choose after
            out[start : start + step] = chosen.encode(rows[start : start + step])
    return out.reshape(-1)
