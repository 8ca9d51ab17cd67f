"""Random numbers as C++'s standard library makes them from a seed, so as llama.cpp does."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

__all__ = ["Uniforms"]

_BELOW_1 = math.nextafter(1.0, 0.0)
_BELOW_1_F32 = np.nextafter(np.float32(1), np.float32(0))


class Uniforms:
    """Numbers in [0, 1) from `std::mt19937`, by `std::generate_canonical`.

    M. Matsumoto and T. Nishimura, Mersenne Twister, ACM TOMACS 8 (1998) 3-30.

    Examples
    --------
    The generator's first output with the seed 5489 is 3499211612, of 2**32.

    >>> round(float(Uniforms(5489).single()), 4)
    0.8147
    """

    def __init__(self, seed: int) -> None:
        self._bits = np.random.MT19937()
        # RandomState seeds as the reference implementation does, MT19937 alone does not.
        state: Any = np.random.RandomState(seed).get_state(legacy=False)
        self._bits.state = state

    def double(self) -> float:
        """53 bits from two outputs, the lower first."""
        low, high = self._bits.random_raw(), self._bits.random_raw()
        return min((low + high * 2.0**32) / 2.0**64, _BELOW_1)

    def single(self) -> np.float32:
        """24 bits from one output."""
        return min(np.float32(self._bits.random_raw()) / np.float32(2**32), _BELOW_1_F32)
