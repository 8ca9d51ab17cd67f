"""Rotary angles: base frequencies and the ways of stretching them to a longer context.

Linear scaling, YaRN (arXiv 2309.00071) and factors a frequency (`rope_freqs.weight` of Llama
3.1; the long and short factors of LongRoPE, arXiv 2402.13753), with the arithmetic of
`ggml_rope_ext`.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import ceil, floor, log, pi

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError, UnsupportedError
from abi.model._arch import Architecture
from abi.model._keys import Keys

__all__ = ["Angles", "Rope", "Stretch", "read_ropes"]

F32 = npt.NDArray[np.float32]

# Turns over the original context between which YaRN mixes; llama.cpp takes no others.
_BETA_FAST, _BETA_SLOW = 32.0, 1.0
_TOGETHER = 64  # positions of a table
_KINDS = ("none", "linear", "yarn", "longrope")


@dataclass(frozen=True)
class Stretch:
    """Divisors of the frequencies, `(n_rot / 2,) float32` each, as a file may hold them."""

    always: F32 | None = None
    long: F32 | None = None  # for a context window above the original one
    short: F32 | None = None

    def factors(self, n_ctx: int, n_ctx_orig: int) -> F32 | None:
        """Those for a context window."""
        if self.always is not None:
            return self.always
        return self.long if n_ctx > n_ctx_orig else self.short


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

    def cis(
        self,
        positions: npt.NDArray[np.int64],
        factors: F32 | None = None,
        *,
        magnified: bool = True,
    ) -> F32:
        """Cosine and sine of every angle.

        Parameters
        ----------
        positions : (T,) int64
        factors : (n_rot / 2,) float32, optional
            Divide the frequencies.
        magnified : bool
            Multiply by the magnitude; without it this is a pure turn, for keys that have
            theirs.

        Returns
        -------
        (T, n_rot / 2, 2) float32
        """
        frequency = self.base ** (-np.arange(0, self.n_rot, 2) / self.n_rot)
        if factors is not None:
            frequency = frequency / factors
        frequency, magnitude = self._stretch(frequency)
        angles = positions[:, None] * frequency
        unit = np.stack([np.cos(angles), np.sin(angles)], axis=-1).astype(np.float32)
        return unit * np.float32(magnitude if magnified else 1.0)

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


class Angles:
    """Angles of single positions, from tables of some that follow each other: a text goes on."""

    def __init__(self) -> None:
        self._kept: dict[Rope, tuple[F32 | None, int, F32]] = {}

    def at(self, position: int, rope: Rope, factors: F32 | None) -> F32:
        """Cosine and sine of every angle: `(1, n_rot / 2, 2)`."""
        block, nth = divmod(position, _TOGETHER)
        kept = self._kept.get(rope)
        if kept is None or kept[0] is not factors or kept[1] != block:
            first = block * _TOGETHER
            table = rope.cis(np.arange(first, first + _TOGETHER), factors)
            kept = self._kept[rope] = factors, block, table
        return kept[2][nth : nth + 1]


def read_ropes(keys: Keys, arch: Architecture, head_dim: int) -> tuple[Rope, ...]:
    """Angles of the layers that see all positions, and of those with a window.

    Raises
    ------
    FormatError
        If a key has a value that cannot be.
    UnsupportedError
        If the scaling is of an unknown kind.
    """
    if arch.rope == "none":
        return ()
    rope = _read(keys, head_dim)
    if arch.window is None:
        return (rope,)
    base = _base(keys, "rope.freq_base_swa", 10000.0 if arch.window.rope == "own" else rope.base)
    if arch.window.rope == "same":
        return (rope, replace(rope, base=base))
    if arch.window.rope == "own":
        return (rope, replace(rope, base=base, factor=1.0, yarn=False))
    return (rope, replace(rope, factor=1.0, yarn=False, attn_factor=1.0))


def _read(keys: Keys, head_dim: int) -> Rope:
    n_rot = keys.size("rope.dimension_count", head_dim)
    if n_rot > head_dim or n_rot % 2:
        raise FormatError(
            f"expected an even number up to the head's {head_dim}, got {n_rot}",
            field=keys.name("rope.dimension_count"),
        )
    if keys.size("rope.dimension_count_swa", n_rot) != n_rot:
        raise UnsupportedError(
            f"{keys.name('rope.dimension_count_swa')}: rotating another part of each head in "
            f"layers with a window (the others rotate {n_rot}) is not supported"
        )
    kind = keys.text("rope.scaling.type", "linear")
    if kind not in _KINDS:
        raise UnsupportedError(
            f"{keys.name('rope.scaling.type')}: {kind[:80]!r} is not supported; "
            f"supported: {', '.join(_KINDS)}"
        )
    # The old key counts only where the new one is absent; 0 stands for no scaling.
    new_key = keys.has("rope.scaling.factor")
    factor = keys.real("rope.scaling.factor" if new_key else "rope.scale_linear", 0.0)
    return Rope(
        n_rot=n_rot,
        base=_base(keys, "rope.freq_base", 10000.0),
        factor=factor if factor and kind != "none" else 1.0,
        yarn=kind == "yarn",
        n_ctx_orig=keys.size("rope.scaling.original_context_length", keys.size("context_length")),
        attn_factor=keys.real("rope.scaling.attn_factor", 1.0),
    )


def _base(keys: Keys, key: str, default: float) -> float:
    base = keys.real(key, default)
    if base <= 1:
        raise FormatError(f"expected above 1, got {base}", field=keys.name(key))
    return base
