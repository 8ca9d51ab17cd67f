"""How the reference holds keys and values: float32, float16, or ggml's blocks of 32.

A block type's array is `(n_slots, n_head_kv, capacity, bytes of a head)` uint8. Quantised
keys and values are first turned by an orthonormal Hadamard matrix, which spreads outliers
over all elements (arXiv 2404.00456): scores are those of queries turned likewise, and the
mixed values are turned back.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.quant import TYPES, decode, encode

__all__ = ["KV_TYPES", "hadamard", "kv_empty", "kv_read", "kv_write", "rotation"]

F32 = npt.NDArray[np.float32]
Store = npt.NDArray[np.generic]

KV_TYPES = ("f32", "f16", "q8_0", "q4_0")

_SMALLEST = 64  # side of a rotation; llama.cpp turns no smaller heads


def kv_empty(n_slots: int, n_head_kv: int, capacity: int, head_dim: int, kind: str) -> Store:
    """An array for that many positions.

    Raises
    ------
    InputError
        If the type is unknown, or a head is not a whole number of its blocks.
    """
    if kind not in KV_TYPES:
        raise InputError(f"cache type {kind!r}: expected one of {', '.join(KV_TYPES)}")
    shape = (n_slots, n_head_kv, capacity)
    if kind in ("f32", "f16"):
        return np.empty((*shape, head_dim), np.float32 if kind == "f32" else np.float16)
    if head_dim % TYPES[kind.upper()].block_size:
        raise InputError(
            f"cache type {kind}: heads of {head_dim} elements are not whole blocks of "
            f"{TYPES[kind.upper()].block_size}; take f16 or f32"
        )
    # Zeros: what is never read may still be decoded, and must be a number.
    return np.zeros((*shape, TYPES[kind.upper()].n_bytes(head_dim)), np.uint8)


def kv_write(store: Store, slot: int, pos: int, rows: F32, kind: str) -> None:
    """Put `(Hk, n, D)` at positions from `pos` on."""
    where = slice(pos, pos + rows.shape[1])
    if kind in ("f32", "f16"):
        store[slot, :, where] = rows
    else:
        blocks = encode(np.ascontiguousarray(rows), kind.upper())
        store[slot, :, where] = blocks.reshape(*rows.shape[:2], -1)


def kv_read(store: Store, slot: int, start: int, stop: int, kind: str) -> F32:
    """Positions `start:stop` of a slot: `(Hk, n, D)`; a view where they are float32."""
    part = store[slot, :, start:stop]
    if kind in ("f32", "f16"):
        return part.astype(np.float32, copy=False)
    blocks = np.ascontiguousarray(part, np.uint8).reshape(-1)
    return decode(blocks, kind.upper()).reshape(*part.shape[:2], -1)


def rotation(kind: str, head_dim: int, *, widest: bool) -> int:
    """Side of the Hadamard matrix for a cache type, 0 where none is used.

    Keys take the widest that divides the head, values one of 64, as llama.cpp does.
    """
    if kind in ("f32", "f16") or head_dim % _SMALLEST:
        return 0
    return head_dim & -head_dim if widest else _SMALLEST


@lru_cache(maxsize=8)
def hadamard(n: int) -> F32:
    """The orthonormal Hadamard matrix of a power of two: `(n, n)`, its own inverse."""
    matrix = np.ones((1, 1), np.float32)
    while len(matrix) < n:
        matrix = np.block([[matrix, matrix], [matrix, -matrix]])
    return matrix / np.float32(n**0.5)
