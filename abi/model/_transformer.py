"""The forward pass: embeddings, layers, head. All arithmetic is the kernels'."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from abi.errors import ContextLengthError, InputError, UnsupportedError
from abi.kernels import Array, Layer, NumpyKernels, Span, Spec, Step, Weight
from abi.model._batch import Batch
from abi.model._cache import KVCache
from abi.model._config import Config
from abi.model._rope import Angles, Stretch

__all__ = ["Outside", "Transformer"]

F32 = npt.NDArray[np.float32]


@dataclass(frozen=True, eq=False, repr=False)
class Outside:
    """The tensors outside the layers, by their GGUF names; None is absent."""

    token_embd: Weight
    token_embd_norm: Weight | None = None
    token_embd_norm_bias: Weight | None = None
    token_types: Weight | None = None
    position_embd: Weight | None = None
    output_norm: Weight | None = None
    output_norm_bias: Weight | None = None
    output: Weight | None = None
    output_bias: Weight | None = None
    cls: Weight | None = None
    cls_bias: Weight | None = None
    cls_norm: Weight | None = None
    cls_output: Weight | None = None
    cls_output_bias: Weight | None = None


@dataclass(frozen=True)
class Transformer:
    """A network of one kind of layer, decoder or encoder.

    Attributes
    ----------
    config : Config
    kernels : NumpyKernels
    weights : str
        "float32" or "blocks": how quantised matrices are held; "native" where native kernels
        keep the blocks of types that they compute with, in an order of their own.
    outside : Outside
    layers : list of Layer
    specs : list of Spec
        One a layer.
    stretch : Stretch
        Factors of the rotary frequencies.
    control : dict of int to array
        What is added after a layer: `(n_embd,)`, by the layer's number.
    angles : Angles
        Those that were computed last.
    """

    config: Config
    kernels: NumpyKernels
    weights: str
    outside: Outside = field(repr=False)
    layers: list[Layer] = field(repr=False)
    specs: list[Spec] = field(repr=False)
    stretch: Stretch = field(repr=False)
    control: dict[int, Array] = field(default_factory=dict, repr=False)
    angles: Angles = field(default_factory=Angles, repr=False)

    @property
    def n_vocab(self) -> int:
        return self.outside.token_embd.shape[0]

    def new_cache(
        self,
        *,
        n_slots: int = 1,
        n_ctx: int | None = None,
        types: tuple[str, str] = ("f32", "f32"),
        rotate: bool = True,
        swa_full: bool = True,
    ) -> KVCache:
        """An empty cache of `n_ctx` positions a slot (the training context when None).

        Parameters
        ----------
        types, rotate
            As `NumpyKernels.kv_new` takes them.
        swa_full : bool
            Layers with a sliding window hold all positions. Without it they hold those that
            they need, and at least 512 before: a slot can be gone back by so many.
        """
        n_ctx = n_ctx or self.config.n_ctx_train
        windows = [0 if swa_full or not spec.causal else spec.window for spec in self.specs]
        return KVCache(
            self.config, self.kernels, n_slots, n_ctx, types, rotate=rotate, windows=windows
        )

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
        UnsupportedError
            If the model is an encoder, which has no logits.
        """
        self._check_head()
        x = self.hidden(batch, cache, outputs)
        if outputs is not None and not len(outputs):
            return np.empty((0, self.n_vocab), np.float32)
        return self.head(x)

    def head(self, x: Array) -> F32:
        """Logits of what `hidden` gives: `(T, n_embd)` to `(T, n_vocab) float32`.

        Raises
        ------
        UnsupportedError
            If the model is an encoder, which has no logits.
        """
        self._check_head()
        kernels, out = self.kernels, self.outside
        assert out.output is not None
        with np.errstate(all="ignore"):
            x = kernels.linear(x, out.output, out.output_bias)
            x = kernels.scale(x, self.config.logit_scale)
            if self.config.final_softcap:
                x = kernels.softcap(x, self.config.final_softcap)
            return kernels.to_numpy(x)

    def hidden(self, batch: Batch, cache: KVCache, outputs: Sequence[int] | None = None) -> Array:
        """What `forward` puts through the head: `(len(outputs), n_embd)` of the last norm."""
        self._check(batch, outputs)
        spans = batch.spans()
        cache.check(spans)
        cache.reserve(spans)
        for span in spans:  # what is about to be overwritten is no longer held
            cache.truncate(span.slot, span.pos)
        kernels, out = self.kernels, self.outside
        with np.errstate(all="ignore"):  # broken weights show in the logits
            step = Step(spans, self._angles(batch.positions, cache))
            near = Step(cache.near_spans(spans), step.cis) if cache.window else step
            x = self._embed(batch)
            steps = [near if is_near else step for is_near in cache.near]
            x = kernels.layers(x, self.layers, self.specs, cache.layers, steps, self.control)
            cache.commit(spans)
            if outputs is not None:
                x = kernels.select(x, np.asarray(outputs, np.int64))
            return kernels.norm(x, out.output_norm, out.output_norm_bias, self.specs[0])

    def shift(self, cache: KVCache, slot: int, keep: int, discard: int) -> None:
        """Forget positions of a slot and move up what follows them, turned to its new place.

        What follows still holds what it took from the forgotten: the text goes on, but not
        exactly as if they had never been.

        Parameters
        ----------
        cache : KVCache
        slot : int
        keep : int
            Positions at the start that stay as they are.
        discard : int
            Positions after them that are forgotten.

        Raises
        ------
        InputError
            If the slot does not hold that many.
        UnsupportedError
            If the model has learned its positions one by one, or layers hold only a part.
        """
        if self.outside.position_embd is not None:
            raise UnsupportedError(
                f"the positions of a {self.config.arch.name} model are learned; its context "
                "cannot be shifted"
            )
        if cache.window:
            raise UnsupportedError("only a cache that was made with swa_full=True can be shifted")
        held = cache.lengths[slot]
        if keep < 0 or discard < 1 or keep + discard > held:
            raise InputError(f"slot {slot} holds {held} positions, not {keep} + {discard}")
        moved = held - keep - discard
        turn = np.full(moved, -discard, np.int64)
        cis = self._angles(turn, cache, magnified=False)
        cache.lengths[slot] = keep  # should this be interrupted, the rest is not trusted
        if moved:
            span = Span(0, moved, slot, keep + discard)
            for layer, spec in zip(cache.layers, self.specs, strict=True):
                self.kernels.kv_shift(layer, span, discard, spec, cis)
        cache.lengths[slot] = held - discard

    def _embed(self, batch: Batch) -> Array:
        kernels, out = self.kernels, self.outside
        x = kernels.take_rows(out.token_embd, batch.tokens)
        for adapter in out.token_embd.adapters:  # a row of the matrix is a product with b
            low = kernels.take_rows(adapter.a, batch.tokens)
            x = kernels.add(x, kernels.scale(kernels.matmul(low, adapter.b), adapter.scale))
        x = kernels.scale(x, float(np.float32(self.config.embedding_scale)))
        if out.token_types is not None:  # every token is of the first type
            x = kernels.add(x, kernels.take_rows(out.token_types, np.zeros(len(batch), np.int64)))
        if out.position_embd is not None:
            x = kernels.add(x, kernels.take_rows(out.position_embd, batch.positions))
        return kernels.norm(x, out.token_embd_norm, out.token_embd_norm_bias, self.specs[0])

    def _angles(
        self, positions: npt.NDArray[np.int64], cache: KVCache, *, magnified: bool = True
    ) -> tuple[Array, ...]:
        tables = []
        for i, rope in enumerate(self.config.ropes):
            factors = None if i else self.stretch.factors(cache.n_ctx, rope.n_ctx_orig)
            if magnified and len(positions) == 1:
                cis = self.angles.at(int(positions[0]), rope, factors)
            else:
                cis = rope.cis(positions, factors, magnified=magnified)
            tables.append(self.kernels.asarray(cis))
        return tuple(tables)

    def _check_head(self) -> None:
        if self.outside.output is None:
            raise UnsupportedError(
                f"a {self.config.arch.name} model gives embeddings, not logits; use embed()"
            )

    def _check(self, batch: Batch, outputs: Sequence[int] | None) -> None:
        if not len(batch):
            raise InputError("the batch is empty; pass at least one token")
        if outputs is not None and any(not 0 <= row < len(batch) for row in outputs):
            raise InputError(f"outputs {list(outputs)} are not rows of a batch of {len(batch)}")
        low, high = _ends(batch.tokens)
        if low < 0 or high >= self.n_vocab:
            wrong = low if low < 0 else high
            raise InputError(f"token {wrong} is not in the vocabulary (0 to {self.n_vocab - 1})")
        table = self.outside.position_embd
        if table is not None and (last := _ends(batch.positions)[1]) >= table.shape[0]:
            raise ContextLengthError(
                f"{last + 1} positions, and the model has learned {table.shape[0]}; "
                "shorten the text",
                n_tokens=last + 1,
                n_ctx=table.shape[0],
            )


def _ends(ids: npt.NDArray[np.int64]) -> tuple[int, int]:
    """The smallest and the largest; of one, as mostly, without a reduction."""
    if len(ids) == 1:
        return int(ids[0]), int(ids[0])
    return int(ids.min()), int(ids.max())
