"""Reference attention of one span of tokens over the cache of its slot.

Query rows are taken in parts, so that the score matrix stays within a few megabytes and a
part near the start never looks at keys it would mask.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

__all__ = ["attend"]

F32 = npt.NDArray[np.float32]

_SCORE_BYTES = 4 << 20
_MIN_ROWS = 16


def attend(q: F32, k: F32, v: F32, pos: int, scale: float) -> F32:
    """Causal attention.

    Parameters
    ----------
    q : (T, H * D) float32
    k, v : (Hk, capacity, D) float32
        Filled up to position `pos + T`.
    pos : int
        Position of the first query.
    scale : float

    Returns
    -------
    (T, H * D) float32
    """
    if not len(q):
        return q
    n_head_kv, _, head_dim = k.shape
    n_tokens = len(q)
    group = q.shape[1] // (n_head_kv * head_dim)
    heads = q.reshape(n_tokens, n_head_kv, group, head_dim).transpose(1, 2, 0, 3)  # (Hk, G, T, D)
    heads = heads * np.float32(scale)
    out = np.empty((n_tokens, n_head_kv, group, head_dim), np.float32)
    row_bytes = 4 * n_head_kv * group * (pos + n_tokens)
    step = max(_MIN_ROWS, _SCORE_BYTES // row_bytes)
    for start in range(0, n_tokens, step):
        stop = min(n_tokens, start + step)
        part = _part(heads[:, :, start:stop], k, v, pos + start)
        out[start:stop] = part.transpose(2, 0, 1, 3)
    return out.reshape(q.shape)


def _part(q: F32, k: F32, v: F32, pos: int) -> F32:
    """`(Hk, G, T, D)` queries from position `pos` on, to the same shape."""
    n_head_kv, group, n_tokens, head_dim = q.shape
    length = pos + n_tokens
    keys, values = k[:, :length], v[:, :length]  # (Hk, L, D)
    rows = q.reshape(n_head_kv, group * n_tokens, head_dim)
    scores: F32 = np.matmul(rows, keys.transpose(0, 2, 1))  # (Hk, G * T, L)
    if n_tokens > 1:
        future = np.triu(np.full((n_tokens, n_tokens), -np.inf, np.float32), 1)
        scores.reshape(n_head_kv, group, n_tokens, length)[..., pos:] += future
    scores -= scores.max(axis=-1, keepdims=True)
    np.exp(scores, out=scores)
    total = scores.sum(axis=-1, keepdims=True)
    mixed: F32 = np.matmul(scores, values)
    mixed /= total
    return mixed.reshape(q.shape)
