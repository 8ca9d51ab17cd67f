"""From one vector a token to one a text, as llama.cpp pools.

"none" keeps them all, "mean", "cls" (the first) and "last" take what they say, and "rank"
puts what the architecture's classifier reads through its head.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from abi.errors import InputError, UnsupportedError
from abi.kernels import Array, Span
from abi.model._batch import Batch
from abi.model._config import POOLINGS
from abi.model._transformer import Transformer

__all__ = ["embed_batch"]

F32 = npt.NDArray[np.float32]


def embed_batch(
    transformer: Transformer, batch: Batch, kind: str, n_ctx: int | None = None
) -> list[F32]:
    """Vectors of the sequences of a batch, each whole and from position 0.

    Parameters
    ----------
    transformer : Transformer
    batch : Batch
        One sequence a slot.
    kind : {"none", "mean", "cls", "last", "rank"}
    n_ctx : int, optional
        Of the model's window, where the rotation depends on it; None as it was trained.

    Returns
    -------
    list of arrays, one a sequence
        `(T, n_embd)` for "none", `(n_embd,)`, or `(n_labels,)` for "rank".

    Raises
    ------
    InputError
        If the kind is unknown.
    UnsupportedError
        If "rank" is asked of a model without a classifier.
    """
    if kind not in POOLINGS:
        raise InputError(f"pooling {kind!r}: expected one of {', '.join(POOLINGS)}")
    out = transformer.outside
    if kind == "rank" and out.cls is None and out.cls_output is None:
        raise UnsupportedError(
            "the model has no classifier (cls.weight, cls.output.weight); it cannot rank"
        )
    spans = batch.spans()
    longest = max(span.stop - span.start for span in spans)
    n_ctx = max(longest, n_ctx or transformer.config.n_ctx_train)
    cache = transformer.new_cache(n_slots=1 + max(s.slot for s in spans), n_ctx=n_ctx)
    x = transformer.hidden(batch, cache)
    if kind == "rank":
        return _rank(transformer, x, spans)
    rows = transformer.kernels.to_numpy(x)
    return [_pool(rows[span.start : span.stop], kind) for span in spans]


def _pool(rows: F32, kind: str) -> F32:
    if kind == "mean":
        mean: F32 = rows.mean(axis=0)
        return mean
    return rows if kind == "none" else rows[0 if kind == "cls" else -1]


def _rank(transformer: Transformer, x: Array, spans: tuple[Span, ...]) -> list[F32]:
    kernels, out, config = transformer.kernels, transformer.outside, transformer.config
    head = config.arch.classifier
    mean = head.mean if config.cls_pooling is None else config.cls_pooling == "mean"
    reads = "mean" if mean else "last" if config.causal else "cls"
    rows = kernels.to_numpy(x)
    pooled = kernels.asarray(np.stack([_pool(rows[s.start : s.stop], reads) for s in spans]))
    if out.cls is not None:
        pooled = kernels.act(kernels.linear(pooled, out.cls, out.cls_bias), head.act)
        pooled = kernels.norm(pooled, out.cls_norm, None, transformer.specs[0])
    if out.cls_output is not None:
        pooled = kernels.linear(pooled, out.cls_output, out.cls_output_bias)
    scores = kernels.to_numpy(pooled)
    if head.softmax:
        scores = np.exp(scores - scores.max(axis=1, keepdims=True))
        scores = scores / scores.sum(axis=1, keepdims=True)
    return list(scores)
