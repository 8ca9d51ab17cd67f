"""The forward pass: embeddings, layers, head. All arithmetic is the kernels'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.kernels import Layer, NumpyKernels, Spec, Step, Weight
from abi.model._batch import Batch
from abi.model._cache import KVCache
from abi.model._config import Config

__all__ = ["Transformer"]

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True)
class Transformer:
    """A decoder-only network; attributes carry the GGUF tensor names.

    Attributes
    ----------
    config : Config
    kernels : NumpyKernels
    weights : str
        "float32" or "blocks": how quantised matrices are held.
    token_embd, output_norm, output : Weight
    layers : list of Layer
    rope_factors : (n_rot / 2,) float32 or None
    """

    config: Config
    kernels: NumpyKernels
    weights: str
    token_embd: Weight = field(repr=False)
    layers: list[Layer] = field(repr=False)
    output_norm: Weight = field(repr=False)
    output: Weight = field(repr=False)
    rope_factors: F32 | None = field(repr=False)

    @property
    def n_vocab(self) -> int:
        return self.token_embd.shape[0]

    def new_cache(self, *, n_slots: int = 1, n_ctx: int | None = None) -> KVCache:
        """An empty cache of `n_ctx` positions a slot (the training context when None)."""
        return KVCache(self.config, self.kernels, n_slots, n_ctx or self.config.n_ctx_train)

    def forward(self, batch: Batch, cache: KVCache, outputs: Sequence[int] | None = None) -> F32:
        """Run a batch and write its keys and values into the cache.

        Parameters
        ----------
        batch : Batch
            T tokens. A span that starts before the end of its slot replaces what follows.
        cache : KVCache
        outputs : sequence of int, optional
            Rows whose logits are wanted; None for all.

        Returns
        -------
        (len(outputs), n_vocab) float32

        Raises
        ------
        InputError
            If the batch is empty, a token is unknown or a position leaves a gap.
        ContextLengthError
            If a sequence would pass the context; the cache is unchanged.
        """
        self._check(batch, outputs)
        spans = batch.spans()
        cache.check(spans)
        cache.reserve(spans)
        for span in spans:  # what is about to be overwritten is no longer held
            cache.truncate(span.slot, span.pos)
        kernels, config = self.kernels, self.config
        with np.errstate(all="ignore"):  # broken weights show in the logits
            cis = config.rope.cis(batch.positions, self.rope_factors)
            step = Step(spans, kernels.asarray(cis))
            x = kernels.take_rows(self.token_embd, batch.tokens)
            for layer, kv in zip(self.layers, cache.layers, strict=True):
                x = kernels.block(x, layer, self.spec, kv, step)
            cache.commit(spans)
            if outputs is not None:
                x = kernels.select(x, np.asarray(outputs, np.int64))
            x = kernels.rms_norm(x, self.output_norm, config.eps)
            return kernels.to_numpy(kernels.matmul(x, self.output))

    @cached_property
    def spec(self) -> Spec:
        """What the kernels need to know of every layer."""
        c = self.config
        return Spec(c.n_head, c.n_head_kv, c.head_dim, c.eps, c.arch.rope_neox, c.scale)

    def _check(self, batch: Batch, outputs: Sequence[int] | None) -> None:
        if not len(batch):
            raise InputError("the batch is empty; pass at least one token")
        if outputs is not None and any(not 0 <= row < len(batch) for row in outputs):
            raise InputError(f"outputs {list(outputs)} are not rows of a batch of {len(batch)}")
        low, high = int(batch.tokens.min()), int(batch.tokens.max())
        if low < 0 or high >= self.n_vocab:
            wrong = low if low < 0 else high
            raise InputError(f"token {wrong} is not in the vocabulary (0 to {self.n_vocab - 1})")
