"""How the conformance suite compares, and how closely."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["SIZES", "TOLERANCES", "Check", "compare", "normal"]

SIZES = (0, 1, 7, 31, 32, 33, 63, 64, 65, 97)

# By kernel; "int8" is a product whose activations are rounded to 8 bits a block of 32.
TOLERANCES: dict[str, float] = {
    "take_rows": 0.0,
    "matmul": 1e-6,
    "matmul/int8": 4e-3,
    "matmul/16": 5e-5,  # activations in 16 bits a block, or as sums of two bfloat16
    "rms_norm": 2e-6,
    "layer_norm": 4e-6,
    "rope": 1e-6,
    "attention": 4e-6,
    "hadamard": 2e-6,
    "act": 2e-6,
    "act/gelu": 6e-4,  # float16, as ggml has it
    "glu": 2e-6,
    "add": 0.0,
    "select": 0.0,
    "scale": 2e-7,
    "softcap": 2e-6,
    "moe": 4e-6,
    "kv": 0.0,
    "kv/f16": 6e-4,
    "kv/q8_0": 5e-3,
    "distances": 1e-5,
    "scan": 1e-5,
    "top_k": 0.0,
    "adc": 2e-6,
    "popcount": 0.0,
    "nearest": 0.0,
    "sums": 2e-6,
    "kv/q4_0": 0.126,  # an eighth, for the opposite of the largest value, and the scale's rounding
}


@dataclass(frozen=True)
class Check:
    """One comparison."""

    name: str
    error: float
    tolerance: float

    @property
    def ok(self) -> bool:
        return self.error <= self.tolerance


def compare(
    kind: str, label: str, got: object, expected: npt.ArrayLike, magnitude: float | None = None
) -> Check:
    want, have = np.asarray(expected, np.float64), np.asarray(got, np.float64)
    if want.shape != have.shape:
        return Check(f"{kind} {label}: shape {have.shape} not {want.shape}", np.inf, 0.0)
    scale = magnitude or np.abs(want).max(initial=0.0) or 1.0
    error = float(np.abs(want - have).max(initial=0.0) / scale)
    return Check(f"{kind} {label}", error if error == error else np.inf, TOLERANCES[kind])


def normal(rng: np.random.Generator, *shape: int) -> npt.NDArray[np.float32]:
    return rng.standard_normal(shape, np.float32)
