"""Rotary angles: base frequencies and the ways of stretching them to a longer context.

Linear scaling, YaRN (arXiv 2309.00071) and per-frequency factors (`rope_freqs.weight`, as
Llama 3.1 has them), with the arithmetic of `ggml_rope_ext`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, floor, log, pi

import numpy as np
import numpy.typing as npt

__all__ = ["Rope"]

F32 = npt.NDArray[np.float32]

# Turns over the original context between which YaRN mixes; llama.cpp takes no others for llama.
_BETA_FAST, _BETA_SLOW = 32.0, 1.0


@dataclass(frozen=True)
class Rope:
    """How positions turn into angles.

    Attributes
    ----------
    n_rot : int
        Elements of each head that are rotated.
    base : float
    factor : float
        Positions are divided by it (linear), or frequencies as YaRN does.
    yarn : bool
    n_ctx_orig : int
        Context the model was trained on before stretching.
    attn_factor : float
        Multiplies cosine and sine.
    """

    n_rot: int
    base: float
    factor: float = 1.0
    yarn: bool = False
    n_ctx_orig: int = 0
    attn_factor: float = 1.0

    def cis(self, positions: npt.NDArray[np.int64], factors: F32 | None = None) -> F32:
        """Cosine and sine of every angle.

        Parameters
        ----------
        positions : (T,) int64
        factors : (n_rot / 2,) float32, optional
            Divide the frequencies.

        Returns
        -------
        (T, n_rot / 2, 2) float32
        """
        frequency = self.base ** (-np.arange(0, self.n_rot, 2) / self.n_rot)
        if factors is not None:
            frequency = frequency / factors
        frequency, magnitude = self._stretch(frequency)
        angles = positions[:, None] * frequency
        return np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype(np.float32) * (
            np.float32(magnitude)
        )

    def _stretch(self, frequency: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], float]:
        stretched = frequency / self.factor
        if not self.yarn:
            return stretched, self.attn_factor
        low = max(0, floor(self._dimension(_BETA_FAST)))
        high = min(self.n_rot - 1, ceil(self._dimension(_BETA_SLOW)))
        ramp = (np.arange(self.n_rot // 2) - low) / max(0.001, high - low)
        keep = 1 - np.clip(ramp, 0, 1)  # high frequencies are kept as they are
        mixed = stretched * (1 - keep) + frequency * keep
        return mixed, self.attn_factor * (1 + 0.1 * log(max(1.0, self.factor)))

    def _dimension(self, turns: float) -> float:
        """The dimension whose frequency makes that many turns over the original context."""
        return self.n_rot * log(self.n_ctx_orig / (turns * 2 * pi)) / (2 * log(self.base))
