"""What every part of a model needs: its file, tokeniser, network and limits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.generate._decode import Cancel, prefill
from abi.generate._prompt_cache import PromptCache
from abi.generate._request import check_fit, known_ids
from abi.generate._words import vocabulary_of
from abi.gguf import GGUFFile
from abi.kernels import NumpyKernels
from abi.model import Config, KVCache, Transformer
from abi.tokenizer import Tokenizer

__all__ = ["ModelBase"]


class ModelBase:
    """What the parts of `Model` share; its attributes are documented there."""

    def __init__(
        self,
        file: GGUFFile,
        transformer: Transformer,
        tokenizer: Tokenizer,
        n_ctx: int,
        n_batch: int,
        cache_types: tuple[str, str] = ("f32", "f32"),
        swa_full: bool = False,
    ) -> None:
        self.cache_types, self.swa_full = cache_types, swa_full
        self.tokenizer, self.n_ctx, self.n_batch = tokenizer, n_ctx, n_batch
        self.transformer = transformer
        self._vocabulary = vocabulary_of(tokenizer)
        self.metadata: Mapping[str, Any] = file.metadata
        self.prompt_cache = PromptCache()

    @property
    def config(self) -> Config:
        return self.transformer.config

    @property
    def kernels(self) -> NumpyKernels:
        return self.transformer.kernels

    @property
    def weights(self) -> str:
        return self.transformer.weights

    def new_cache(self, n_slots: int = 1) -> KVCache:
        """An empty cache of this model's context and types."""
        return self.transformer.new_cache(
            n_slots=n_slots, n_ctx=self.n_ctx, types=self.cache_types, swa_full=self.swa_full
        )

    def logits(
        self, ids: Sequence[int], *, all: bool = False, cancel: Cancel | None = None
    ) -> npt.NDArray[np.float32]:
        """Scores of the next token.

        Parameters
        ----------
        ids : sequence of int
            T tokens.
        all : bool
            After every token instead of the last.
        cancel : callable, optional
            Asked before each block of `n_batch` tokens; true raises `Cancelled`.

        Returns
        -------
        (n_vocab,) float32, or (T, n_vocab) with `all`

        Raises
        ------
        InputError
            If `ids` is empty or holds an unknown token.
        ContextLengthError
            If there are more tokens than the context window holds.
        """
        tokens = known_ids(ids, self.transformer.n_vocab)
        check_fit(len(tokens), 0, self.n_ctx)
        cache = self.new_cache()
        n_batch = self.n_batch if self.config.causal else len(tokens)  # all see all
        logits = prefill(self.transformer, cache, tokens, n_batch, cancel or _never, all_logits=all)
        return logits if all else logits[-1]

    def __repr__(self) -> str:
        kernels = " ".join(filter(None, (self.kernels.name, self.kernels.detail)))
        name = str(self.metadata.get("general.name", "unnamed"))[:60]
        return (
            f"<abi.Model {name!r}: {self.config.arch.name}, {self.config.n_layer} layers, "
            f"n_ctx {self.n_ctx}, weights {self.weights}, kernels {kernels}>"
        )


def _never() -> bool:
    return False
