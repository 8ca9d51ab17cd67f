"""What is laid over a loaded model: adapters, control vectors, computed prompts."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite
from pathlib import Path
from typing import IO

from abi.errors import InputError
from abi.generate._base import ModelBase
from abi.gguf import Source
from abi.model import (
    Transformer,
    load_control,
    load_lora,
    load_slot,
    save_slot,
    with_control,
    with_loras,
)

__all__ = ["OverlayModel"]


class OverlayModel(ModelBase):
    """Adapters and control vectors at run time, and the prompt cache as a file."""

    def set_adapters(self, adapters: Sequence[Source | tuple[Source, float]]) -> None:
        """Use these LoRA adapters from the next call on, in place of those before.

        Parameters
        ----------
        adapters : sequence of (source, strength), or of sources for a strength of 1
            GGUF files; an empty sequence removes all.

        Raises
        ------
        FormatError, UnsupportedError
            If one is no adapter of this model; nothing changes then.
        """
        pairs = _with_strengths("adapters", adapters)
        loras = [(load_lora(source, self.transformer), strength) for source, strength in pairs]
        self._replace(with_loras(self.transformer, loras))

    def set_control(
        self,
        vectors: Sequence[Source | tuple[Source, float]],
        *,
        layers: tuple[int, int] | None = None,
    ) -> None:
        """Add the sum of these control vectors from the next call on.

        Parameters
        ----------
        vectors : sequence of (source, strength), or of sources for a strength of 1
            GGUF files; an empty sequence removes all.
        layers : (first, last), optional
            Only these layers, counted from 0; None for all that the files name.

        Raises
        ------
        FormatError
            If one does not fit the model; nothing changes then.
        """
        n_layer = self.config.n_layer
        if layers is not None and not _is_range(layers, n_layer):
            raise InputError(f"layers={layers}: expected (first, last) within 0 to {n_layer - 1}")
        pairs = _with_strengths("vectors", vectors)
        controls = [(load_control(source, self.transformer), s) for source, s in pairs]
        self._replace(with_control(self.transformer, controls, layers))

    def save_prompt_cache(self, target: str | Path | IO[bytes]) -> int:
        """Write what the last generation computed; how many tokens that is.

        Raises
        ------
        InputError
            If nothing is kept: nothing was generated yet, or not since adapters or control
            vectors changed, or a generation is running.
        """
        held = self.prompt_cache.held_by(self.transformer)
        if held is None:
            raise InputError("no computed prompt is kept; generate from it first")
        if not isinstance(target, str | Path) and not callable(getattr(target, "write", None)):
            raise InputError(f"target={target!r:.80}: expected a path or a binary file")
        cache, tokens = held
        save_slot(target, self.transformer, cache, 0, tokens)
        return len(tokens)

    def load_prompt_cache(self, source: Source) -> int:
        """Read what `save_prompt_cache` wrote; prompts that begin so go on from there.

        Raises
        ------
        FormatError
            If the file is broken, or of another model, adapter or type of cache.
        ContextLengthError
            If it holds more than the context.
        """
        cache = self.new_cache()
        tokens = load_slot(source, self.transformer, cache, 0)
        self.prompt_cache.keep(self.transformer, cache, tokens)
        return len(tokens)

    def _replace(self, transformer: Transformer) -> None:
        """Another network from now on; what the one before computed is of no use to it."""
        self.transformer = transformer
        self.prompt_cache.clear()


def _with_strengths(
    name: str, values: Sequence[Source | tuple[Source, float]]
) -> list[tuple[Source, float]]:
    if isinstance(values, str | bytes) or not isinstance(values, Sequence):
        raise InputError(f"{name}={str(values)[:80]!r}: expected a list of files")
    pairs: list[tuple[Source, float]] = []
    for value in values:
        if not isinstance(value, tuple):
            pairs.append((value, 1.0))
            continue
        strength = value[1] if len(value) == 2 else None
        if not isinstance(strength, int | float) or not isfinite(strength):
            raise InputError(f"strength={strength!r}: expected a number")
        pairs.append((value[0], float(strength)))
    return pairs


def _is_range(layers: object, n_layer: int) -> bool:
    if not isinstance(layers, tuple | list) or len(layers) != 2:
        return False
    first, last = layers
    return type(first) is int and type(last) is int and 0 <= first <= last < n_layer
