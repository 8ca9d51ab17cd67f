"""The searches for scales in which ggml's encoders of K-quants and IQ4 differ from rounding.

Groups are columns: arrays are `(k, n)`, the k elements of n groups. Every sum then runs over
the elements in order and in float32, as ggml's reference code does without fused instructions,
so the results are its own to the bit. Follows make_qkx2_quants, make_qx_quants,
make_q3_quants and the loop of quantize_row_iq4_nl_impl.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from abi.quant._base import F32Array, column_sum

__all__ = [
    "NOTHING",
    "columns",
    "in_parts",
    "nearest",
    "peak",
    "ranged_search",
    "refined_search",
    "signed_search",
    "table_search",
]

_PART = 1 << 14  # elements at a time: what a step reads and writes stays in the second-level cache
NOTHING = np.float32(1e-15)  # a group whose largest magnitude is below is all zero
_MAGIC = np.float32(12582912)  # 1.5 * 2**23: adding it rounds to a whole number

Found = tuple[F32Array, ...]


def columns(values: F32Array, k: int) -> F32Array:
    """`(n, m * k)` values to `(k, n * m)`, a group a column."""
    return np.ascontiguousarray(values.reshape(-1, k).T)


def in_parts(search: Callable[[F32Array], Found], x: F32Array, size: int = _PART) -> Found:
    """A search over `size` elements at a time: its results, joined."""
    k, n = x.shape
    step = size // k
    parts = [search(np.ascontiguousarray(x[:, i : i + step])) for i in range(0, max(n, 1), step)]
    return tuple(np.concatenate(found, axis=-1) for found in zip(*parts, strict=True))


def nearest(x: F32Array, low: int, high: int) -> F32Array:
    """ggml's nearest_int within limits: what is beyond 22 bits, or no number, wraps."""
    bits = (x + _MAGIC).view(np.int32) & np.int32(0x7FFFFF)
    whole: F32Array = np.clip(bits - np.int32(0x400000), low, high).astype(np.float32)
    return whole


def peak(x: F32Array) -> F32Array:
    """The first value of largest magnitude of each column, `(n,)`."""
    found: F32Array = np.take_along_axis(x, np.abs(x).argmax(axis=0)[None], axis=0)[0]
    return found


def ranged_search(
    x: F32Array, weights: F32Array, top: int, steps: F32Array, *, absolute: bool
) -> Found:
    """Scale and minimum of `x = scale * q - minimum` with q from 0 to `top`.

    For every step, spreads `top + step` quants from the best minimum so far to the largest
    value, fits scale and minimum by weighted least squares, and keeps the least weighted error:
    of the squares, or `absolute`. Returns scale and minimum, `(n,)`, and the quants, `(k, n)`.
    """
    high: F32Array = x.max(axis=0)
    minimum: F32Array = np.minimum(x.min(axis=0), np.float32(0))
    flat = high == minimum
    sum_w, sum_x = column_sum(weights), column_sum(weights * x)
    q, a, b = (np.empty_like(x) for _ in range(3))
    best_low: F32Array = minimum.copy()
    best_inverse: F32Array = np.float32(top) / (high - minimum)
    scale: F32Array = np.float32(1) / best_inverse
    _quants(x, best_low, best_inverse, top, q)
    least = _error(q, scale, minimum, x, weights, absolute)
    for step in steps:
        inverse = (step + np.float32(top)) / (high - minimum)
        _quants(x, minimum, inverse, top, q)
        np.multiply(weights, q, out=a)
        sum_q, sum_qq = column_sum(a), column_sum(np.multiply(a, q, out=b))
        sum_xq = column_sum(np.multiply(a, x, out=b))
        det = sum_w * sum_qq - sum_q * sum_q
        this_scale: F32Array = np.divide(sum_w * sum_xq - sum_x * sum_q, det)
        this_min: F32Array = np.divide(sum_qq * sum_x - sum_q * sum_xq, det)
        above = this_min > 0
        this_scale[above] = sum_xq[above] / sum_qq[above]
        this_min[above] = 0
        error = _error(q, this_scale, this_min, x, weights, absolute)
        better = (det > 0) & (error < least)
        for kept, found in (
            (best_low, minimum), (best_inverse, inverse),
            (least, error), (scale, this_scale), (minimum, this_min),
        ):  # fmt: skip
            np.copyto(kept, found, where=better)
    _quants(x, best_low, best_inverse, top, q)
    scale[flat], q[:, flat] = 0, 0
    return scale, -minimum, q


def signed_search(x: F32Array, middle: int) -> Found:
    """Scale of `x = scale * q` with q from `-middle` to `middle - 1`, weighted by `x * x`."""
    largest = peak(x)
    weights = (x * x, x * x * x)
    best_inverse = np.float32(-middle) / largest
    q, a = np.empty_like(x), np.empty_like(x)
    sum_xq, sum_qq = _fit(x, weights, best_inverse, middle, q, a)
    scale = np.where(sum_qq != 0, sum_xq / sum_qq, np.float32(0))
    best = scale * sum_xq
    for step in (*range(-9, 0), *range(1, 10)):
        inverse = -(np.float32(middle) + np.float32(0.1) * np.float32(step)) / largest
        sum_xq, sum_qq = _fit(x, weights, inverse, middle, q, a)
        better = (sum_qq > 0) & (sum_xq * sum_xq > best * sum_qq)
        np.copyto(scale, sum_xq / sum_qq, where=better)
        np.copyto(best, scale * sum_xq, where=better)
        np.copyto(best_inverse, inverse, where=better)
    _around(x, best_inverse, middle, q)
    q += np.float32(middle)
    empty = np.abs(largest) < NOTHING
    scale[empty], q[:, empty] = 0, 0
    return scale, q


def refined_search(x: F32Array, middle: int) -> Found:
    """The same fit, found by changing one quant after the other, five rounds at most."""
    largest, weights = peak(x), x * x
    q, a = np.empty_like(x), np.empty_like(x)
    weighted = weights * x
    sum_xq, sum_qq = _fit(x, (weights, weighted), np.float32(-middle) / largest, middle, q, a)
    for _ in range(5):
        before = q.copy()
        for i in range(len(x)):
            rest_xq = sum_xq - weighted[i] * q[i]
            rest_qq = sum_qq - weights[i] * q[i] * q[i]
            found = nearest(x[i] * rest_qq / rest_xq, -middle, middle - 1)
            new_xq = rest_xq + weighted[i] * found
            new_qq = rest_qq + weights[i] * found * found
            better = (rest_xq > 0) & (found != q[i]) & (new_qq > 0)
            better &= new_xq * new_xq * sum_qq > sum_xq * sum_xq * new_qq
            for kept, new in ((q[i], found), (sum_xq, new_xq), (sum_qq, new_qq)):
                np.copyto(kept, new, where=better)
        if np.array_equal(before, q):
            break
    scale = np.where(sum_qq > 0, sum_xq / sum_qq, np.float32(0))
    q += np.float32(middle)
    empty = np.abs(largest) < NOTHING
    scale[empty], q[:, empty] = 0, 0
    return scale, q


def table_search(
    x: F32Array, bottom: int, n_tries: int, value_at: Callable[[F32Array, F32Array], F32Array]
) -> Found:
    """Scale of `x = scale * value`, the values being those of a table that begins at `bottom`.

    `value_at(x, inverse)` gives the table's value nearest to each `x * inverse`.
    """
    largest, weights = peak(x), x * x
    firsts = [np.float32(1) / (-largest / np.float32(bottom))]
    tries = [np.float32(i + bottom) / largest for i in range(-n_tries, n_tries + 1)]
    scale = best = np.empty(0, np.float32)
    for inverse in firsts + tries:
        q = value_at(x, inverse)
        a = weights * q
        sum_xq, sum_qq = column_sum(a * x), column_sum(a * q)
        found = np.where(sum_qq > 0, sum_xq / sum_qq, np.float32(0))
        if not scale.size:
            scale, best = found, found * sum_xq
            continue
        better = (sum_qq > 0) & (sum_xq * sum_xq > best * sum_qq)
        np.copyto(scale, found, where=better)
        np.copyto(best, found * sum_xq, where=better)
    scale[np.abs(largest) < NOTHING] = 0
    return (scale,)


def _quants(x: F32Array, low: F32Array, inverse: F32Array, top: int, out: F32Array) -> None:
    np.subtract(x, low, out=out)
    out *= inverse
    np.rint(out, out=out)
    np.clip(out, np.float32(0), np.float32(top), out=out)


def _error(
    q: F32Array, scale: F32Array, low: F32Array, x: F32Array, weights: F32Array, absolute: bool
) -> F32Array:
    """The weighted error of the quants, which are overwritten."""
    q *= scale
    q += low
    q -= x
    if absolute:
        np.abs(q, out=q)
    else:
        q *= q
    q *= weights
    return column_sum(q)


def _around(x: F32Array, inverse: F32Array, middle: int, out: F32Array) -> None:
    np.multiply(x, inverse, out=out)
    np.rint(out, out=out)
    np.clip(out, np.float32(-middle), np.float32(middle - 1), out=out)


def _fit(
    x: F32Array, weights: Found, inverse: F32Array, middle: int, q: F32Array, a: F32Array
) -> tuple[F32Array, F32Array]:
    """Quants into `q`; the sums of `w * x * q` and of `w * q * q`, given `w` and `w * x`."""
    _around(x, inverse, middle, q)
    np.multiply(weights[1], q, out=a)
    sum_xq = column_sum(a)
    np.multiply(weights[0], q, out=a)
    a *= q
    return sum_xq, column_sum(a)
