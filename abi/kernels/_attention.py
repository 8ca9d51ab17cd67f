"""Reference attention of one span of tokens over the cache of its slot.

Query rows are taken in parts, so that the score matrix stays within a few megabytes and a
part never looks at keys that it would mask. Linear biases: arXiv 2108.12409; soft-capping:
arXiv 2408.00118; sinks: arXiv 2309.17453, as a learned score a head that takes weight only.
"""

from __future__ import annotations

from functools import lru_cache
from math import floor, log2

import numpy as np
import numpy.typing as npt

from abi.kernels._types import Spec

__all__ = ["alibi_slopes", "attend", "visible"]

F32 = npt.NDArray[np.float32]

_SCORE_BYTES = 4 << 20
_MIN_ROWS = 16


def attend(
    q: F32, k: F32, v: F32, pos: int, spec: Spec, first: int = 0, sinks: F32 | None = None
) -> F32:
    """Attention of consecutive tokens.

    Parameters
    ----------
    q : (T, H * D) float32
    k, v : (Hk, L, D) float32
        Of positions `first` to `pos + T`, at least of those that `visible` names.
    pos : int
        Position of the first query.
    spec : Spec
    first : int
        Position of the first key.
    sinks : (H,) float32, optional

    Returns
    -------
    (T, H * D) float32
    """
    n_head_kv, length, head_dim = k.shape
    n_tokens = len(q)
    group = q.shape[1] // (n_head_kv * head_dim)
    heads = q.reshape(n_tokens, n_head_kv, group, head_dim).transpose(1, 2, 0, 3)  # (Hk, G, T, D)
    heads = heads * np.float32(spec.scale)
    out = np.empty((n_tokens, n_head_kv, group, head_dim), np.float32)
    step = max(_MIN_ROWS, _SCORE_BYTES // (4 * n_head_kv * group * length))
    for start in range(0, n_tokens, step):
        stop = min(n_tokens, start + step)
        low, high = visible(pos + start, pos + stop, pos + n_tokens, spec)
        low = max(low, first)
        keys, values = k[:, low - first : high - first], v[:, low - first : high - first]
        bias = _bias(range(pos + start, pos + stop), range(low, high), spec, n_head_kv)
        part = _part(heads[:, :, start:stop], keys, values, spec.softcap, bias, sinks)
        out[start:stop] = part.transpose(2, 0, 1, 3)
    return out.reshape(q.shape)


def visible(start: int, stop: int, end: int, spec: Spec) -> tuple[int, int]:
    """Positions that queries `start:stop` of a sequence of `end` can see at all."""
    if spec.causal:
        return max(0, start - spec.window + 1) if spec.window else 0, stop
    half = spec.window // 2
    return (max(0, start - half), min(end, stop + half)) if spec.window else (0, end)


def alibi_slopes(n_head: int, max_bias: float) -> F32:
    """The slope of each head, also where their number is no power of two."""
    whole = 1 << floor(log2(n_head))
    even = 2.0 ** (-max_bias / whole * np.arange(1, whole + 1))
    odd = 2.0 ** (-max_bias / 2 / whole * np.arange(1, 2 * (n_head - whole), 2))
    return np.concatenate([even, odd]).astype(np.float32)


def _bias(queries: range, keys: range, spec: Spec, n_head_kv: int) -> F32 | None:
    """What is added to scores: 0 or -inf `(T, L)`, with linear biases `(Hk, G, T, L)`."""
    if not spec.alibi:
        if len(queries) == 1:  # the keys are those that it sees
            return None
        return _mask(queries, keys, spec.causal, spec.window)
    mask = _mask(queries, keys, spec.causal, spec.window)
    distance = abs(np.array(queries)[:, None] - np.array(keys)).astype(np.float32)
    slopes = alibi_slopes(spec.n_head, spec.alibi).reshape(n_head_kv, -1, 1, 1)
    biased: F32 = mask - slopes * distance
    return biased


@lru_cache(maxsize=8)  # every layer asks for the same
def _mask(queries: range, keys: range, causal: bool, window: int) -> F32:
    distance = np.array(queries)[:, None] - np.array(keys)
    hidden = distance < 0 if causal else np.zeros_like(distance, bool)
    if window:
        hidden |= distance >= window if causal else abs(distance) > window // 2
    return np.where(hidden, np.float32(-np.inf), np.float32(0))


def _part(q: F32, k: F32, v: F32, softcap: float, bias: F32 | None, sinks: F32 | None) -> F32:
    """`(Hk, G, T, D)` queries over `(Hk, L, D)` keys, to the same shape."""
    n_head_kv, group, n_tokens, head_dim = q.shape
    rows = q.reshape(n_head_kv, group * n_tokens, head_dim)
    scores: F32 = np.matmul(rows, k.transpose(0, 2, 1))  # (Hk, G * T, L)
    if softcap:
        scores = np.tanh(scores / np.float32(softcap)) * np.float32(softcap)
    if bias is not None:
        scores.reshape(n_head_kv, group, n_tokens, -1)[...] += bias
    top = scores.max(axis=-1, keepdims=True)
    if sinks is not None:
        sink = np.repeat(sinks.reshape(n_head_kv, group), n_tokens, axis=1)[..., None]
        top = np.maximum(top, sink)
    scores -= top
    np.exp(scores, out=scores)
    total = scores.sum(axis=-1, keepdims=True)
    if sinks is not None:
        total += np.exp(sink - top)
    mixed: F32 = np.matmul(scores, v)
    mixed /= total
    return mixed.reshape(q.shape)
