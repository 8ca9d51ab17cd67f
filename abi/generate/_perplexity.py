"""How well a model predicts a text: perplexity, counted as llama-perplexity counts it.

The text is cut into chunks of the context; each starts with the start token, if the model has
one, and only the second half of its tokens counts, so that each has a context before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import exp, sqrt

import numpy as np
import numpy.typing as npt

from abi.errors import Cancelled, FormatError, InputError, UnsupportedError
from abi.generate._model import Model
from abi.model import Batch, Progress

__all__ = ["Perplexity", "perplexity"]

_DEFAULT_CTX = 512  # llama-perplexity's
_ROWS = 32  # of logits held at a time: a vocabulary is long


@dataclass(frozen=True)
class Perplexity:
    """The result.

    Attributes
    ----------
    value : float
        `exp` of the mean negative log-likelihood of a token.
    error : float
        Standard error of `value`.
    n_tokens : int
        Tokens that were counted.
    n_chunks, n_ctx : int
    """

    value: float
    error: float
    n_tokens: int
    n_chunks: int
    n_ctx: int


def perplexity(
    model: Model,
    text: str | bytes,
    *,
    n_ctx: int | None = None,
    chunks: int | None = None,
    types: tuple[str, str] | None = None,
    rotate: bool = True,
    cancel: Callable[[], bool] | None = None,
    progress: Progress | None = None,
) -> Perplexity:
    """Measure a model on a text.

    Parameters
    ----------
    model : Model
    text : str or bytes
    n_ctx : int, optional
        Tokens of a chunk; None takes 512, or the model's context where that is shorter.
    chunks : int, optional
        At most so many.
    types, rotate
        How the cache is held, as `Transformer.new_cache` takes them; None is as the model's.
    cancel : callable, optional
        Asked before each block of tokens; true raises `Cancelled`.
    progress : callable, optional
        Called after each chunk with the chunks so far and in all.

    Returns
    -------
    Perplexity

    Raises
    ------
    InputError
        If the text has fewer tokens than two chunks, or an option is out of range.

    Examples
    --------
    >>> import abi
    >>> text = "Once upon a time there was a cat. " * 40
    >>> 1 < perplexity(abi.load(), text, n_ctx=64).value < 30
    True
    """
    n_ctx = min(_DEFAULT_CTX, model.n_ctx) if n_ctx is None else n_ctx
    if not model.config.causal:
        raise UnsupportedError("perplexity is of causal models; this one sees both ways")
    if type(n_ctx) is not int or not 4 <= n_ctx <= model.n_ctx:
        raise InputError(f"n_ctx={n_ctx}: expected 4 to the model's {model.n_ctx}")
    if chunks is not None and chunks < 1:
        raise InputError(f"chunks={chunks}: expected 1 or more")
    ids = model.tokenizer.encode(text)
    if len(ids) < 2 * n_ctx:
        raise InputError(
            f"the text has {len(ids)} tokens, two chunks of {n_ctx} need {2 * n_ctx}; "
            f"give a longer text, or n_ctx={max(4, len(ids) // 2)}"
        )
    total = min(len(ids) // n_ctx, chunks or len(ids))
    losses, types = [], types or model.cache_types
    for i in range(total):
        chunk = ids[i * n_ctx : (i + 1) * n_ctx]
        losses += list(_losses(model, chunk, types, rotate=rotate, cancel=cancel))
        if progress is not None:
            progress(i + 1, total)
    return _summary(np.concatenate(losses), total, n_ctx)


def _losses(
    model: Model,
    chunk: list[int],
    types: tuple[str, str],
    *,
    rotate: bool,
    cancel: Callable[[], bool] | None,
) -> Iterator[npt.NDArray[np.float64]]:
    """Negative log-likelihoods of the tokens of the second half, but its first."""
    bos, first = model.tokenizer.bos, len(chunk) // 2
    fed = [bos, *chunk[1:]] if bos is not None and model.tokenizer.vocab.add_bos else chunk
    cache = model.transformer.new_cache(n_ctx=len(chunk), types=types, rotate=rotate)
    for start in range(0, len(chunk), model.n_batch):
        if cancel is not None and cancel():
            raise Cancelled("cancelled")
        stop = min(len(chunk), start + model.n_batch)
        counted = range(max(start, first), min(stop, len(chunk) - 1))
        rows = [i - start for i in counted]
        hidden = model.transformer.hidden(Batch.of(fed[start:stop], pos=start), cache, rows)
        for at in range(0, len(rows), _ROWS):
            some = np.arange(at, min(at + _ROWS, len(rows)))
            logits = model.transformer.head(model.kernels.select(hidden, some))
            targets = [chunk[counted[i] + 1] for i in some]
            yield _cross_entropy(logits.astype(np.float64), targets)


def _cross_entropy(logits: npt.NDArray[np.float64], targets: list[int]) -> npt.NDArray[np.float64]:
    top = logits.max(axis=1)
    if not np.isfinite(top).all():
        raise FormatError("the model computes NaN or infinity; its weights are broken")
    total = np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top
    losses: npt.NDArray[np.float64] = total - logits[np.arange(len(targets)), targets]
    return losses


def _summary(losses: npt.NDArray[np.float64], n_chunks: int, n_ctx: int) -> Perplexity:
    mean, n = float(losses.mean()), len(losses)
    value = exp(min(mean, 700.0))  # the largest that a float holds
    spread = sqrt(max(0.0, float(losses.var())) / max(1, n - 1))
    return Perplexity(value, value * spread, n, n_chunks, n_ctx)
