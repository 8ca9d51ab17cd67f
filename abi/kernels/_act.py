"""Reference activations.

GELU is the tanh form of arXiv 1606.08415 with argument and value rounded to float16, looked up
in a table: ggml does it so, and what it rounds away shows in the third decimal of logits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from abi.errors import InputError

__all__ = ["ACTIVATIONS", "activate", "gated"]

F32 = npt.NDArray[np.float32]

_ROOT = np.float32(0.7978845608028654)  # sqrt(2 / pi)
_EDGE = np.float32(10)  # past it GELU is x or 0
_ALPHA, _LIMIT = np.float32(1.702), np.float32(7)  # of gpt-oss


def _sigmoid(x: F32) -> F32:
    with np.errstate(over="ignore"):
        out: F32 = np.float32(1) / (np.float32(1) + np.exp(-x))
    return out


def _silu(x: F32) -> F32:
    with np.errstate(over="ignore"):
        return np.divide(x, np.float32(1) + np.exp(-x), dtype=np.float32)


def _gelu(x: F32) -> F32:
    with np.errstate(over="ignore"):  # what is too large for float16 is past the edge
        found: F32 = _gelu_table()[x.astype(np.float16).view(np.uint16)]
    return np.where(x >= _EDGE, x, found)


@lru_cache(maxsize=1)
def _gelu_table() -> F32:
    with np.errstate(all="ignore"):  # some of all float16 are signalling NaN, which ARM tells
        x = np.arange(1 << 16, dtype=np.uint16).view(np.float16).astype(np.float32)
        inner = _ROOT * x * (1 + np.float32(0.044715) * x * x)
        table = np.float32(0.5) * x * (1 + np.tanh(inner))
    table[x <= -_EDGE] = 0
    rounded: F32 = table.astype(np.float16).astype(np.float32)
    return rounded


ACTIVATIONS: dict[str, Callable[[F32], F32]] = {
    "silu": _silu,
    "gelu": _gelu,
    "relu": lambda x: np.maximum(x, np.float32(0)),
    "sigmoid": _sigmoid,
    "tanh": np.tanh,
}


def activate(x: F32, kind: str) -> F32:
    """One of `ACTIVATIONS`, by name.

    Raises
    ------
    InputError
        If there is none of that name.
    """
    if kind not in ACTIVATIONS:
        raise InputError(f"unknown activation {kind!r}; expected one of {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[kind](x)


def gated(gate: F32, up: F32, kind: str) -> F32:
    """`act(gate) * up`; "swiglu_oai" as gpt-oss has it, clamped and with `up + 1`."""
    if kind == "swiglu_oai":
        gate = np.minimum(gate, _LIMIT)
        opened: F32 = gate * _sigmoid(_ALPHA * gate)
        opened *= np.clip(up, -_LIMIT, _LIMIT) + np.float32(1)
        return opened
    out = activate(gate, kind)
    out *= up
    return out
