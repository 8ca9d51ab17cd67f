"""The reference kernels, in NumPy: the protocol and the fallback.

Written for clarity first, then for what NumPy does well: BLAS for products, few passes over
memory, no Python loop over tokens.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from abi._platform import has_blas
from abi.errors import InputError
from abi.kernels._attention import attend
from abi.kernels._types import Array, KVLayer, Layer, Span, Spec, Step, Weight
from abi.quant import Tensor, codec, decode

__all__ = ["NumpyKernels", "check_product"]

F32 = npt.NDArray[np.float32]

_CHUNK_BYTES = 1 << 19  # expanded at a time where weights stay in blocks: fits the L2 cache
_ROWS_BYTES = 1 << 19  # of a matrix that all vectors meet while it is in the cache
_FEW = 64  # tokens up to which BLAS is faster with the matrix on the left


class NumpyKernels:
    """Kernels on NumPy arrays.

    Every array is float32. Shapes: T tokens in a batch, H query heads, Hk key/value heads,
    D elements a head.
    """

    name = "numpy"

    @classmethod
    def available(cls) -> str | None:
        """None if these kernels can run here, else the reason they cannot."""
        return None

    # -- edge: the only copies between host and device ------------------------------------

    def asarray(self, x: npt.ArrayLike) -> Array:
        """Host values to an array of these kernels, float32."""
        return np.asarray(x, np.float32)

    def to_numpy(self, x: Array) -> F32:
        """An array of these kernels to the host."""
        return np.asarray(x)

    def empty(self, shape: tuple[int, ...]) -> Array:
        """An array with unspecified contents."""
        return np.empty(shape, np.float32)

    # -- weights --------------------------------------------------------------------------

    def pack(self, tensor: Tensor, weights: str = "float32") -> Weight:
        """Prepare a weight once, at load.

        Parameters
        ----------
        tensor : Tensor
        weights : {"float32", "blocks"}
            Expand to float32 now, or keep the stored blocks and expand a part per use.
            Vectors and float32 tensors are expanded (a view) either way.
        """
        stored = tensor.type.name
        codec(stored)  # raises early, by name, for a type that cannot be expanded
        if weights == "blocks" and len(tensor.shape) > 1 and stored != "F32":
            return Weight(tensor.name, tensor.shape, stored, "blocks", tensor, 0)
        data = tensor.to_float32()
        n_bytes = 0 if stored == "F32" else data.nbytes
        return Weight(tensor.name, tensor.shape, stored, "float32", data, n_bytes)

    def take_rows(self, w: Weight, ids: npt.NDArray[np.int64]) -> Array:
        """Rows of a matrix: `(n, k)` at `(T,)` to `(T, k)`."""
        if w.layout == "float32":
            return w.data[ids]
        tensor: Tensor = w.data
        width = tensor.type.n_bytes(tensor.shape[-1])
        blocks = tensor.data.reshape(-1, width)[ids]
        return decode(blocks.reshape(-1), w.type_name).reshape(len(ids), -1)

    # -- transformer ----------------------------------------------------------------------

    def matmul(self, x: Array, w: Weight) -> Array:
        """`x @ w.T`: `(T, k)` by `(n, k)` to `(T, n)`."""
        check_product(x, w)
        if w.layout == "float32":
            return _dot(x, w.data)
        tensor: Tensor = w.data
        n, k = tensor.shape
        out = np.empty((len(x), n), np.float32)
        step = max(1, _CHUNK_BYTES // (4 * k))
        for start in range(0, n, step):
            stop = min(n, start + step)
            out[:, start:stop] = _dot(x, tensor.rows(start, stop))
        return out

    def rms_norm(self, x: Array, w: Weight, eps: float) -> Array:
        """`x / sqrt(mean(x**2) + eps) * w` for each row."""
        mean = np.vecdot(x, x)[:, None] / np.float32(x.shape[-1])
        return x / np.sqrt(mean + np.float32(eps)) * w.data

    def layer_norm(self, x: Array, w: Weight, b: Weight | None, eps: float) -> Array:
        """`(x - mean(x)) / sqrt(var(x) + eps) * w + b` for each row."""
        centred = x - x.mean(axis=-1, keepdims=True)
        var = np.vecdot(centred, centred)[:, None] / np.float32(x.shape[-1])
        out = centred / np.sqrt(var + np.float32(eps)) * w.data
        return out if b is None else out + b.data

    def rope(self, x: Array, cis: Array, head_dim: int, neox: bool) -> Array:
        """Rotate the first `2 * cis.shape[1]` elements of each head.

        Parameters
        ----------
        x : (T, H * D)
        cis : (T, n_rot / 2, 2)
            Cosine and sine for each token.
        head_dim : int
        neox : bool
            Pairs are (i, i + n_rot/2); otherwise (2i, 2i + 1). Source: RoFormer,
            arXiv 2104.09864.
        """
        n_rot = 2 * cis.shape[1]
        heads = x.reshape(len(x), x.shape[1] // head_dim, head_dim)  # (T, H, D)
        out = heads.copy()
        turn = np.ascontiguousarray(cis).view(np.complex64)[:, None, :, 0]  # (T, 1, n_rot/2)
        if neox:
            half = n_rot // 2
            a, b = heads[..., :half], heads[..., half:n_rot]
            out[..., :half] = a * turn.real - b * turn.imag
            out[..., half:n_rot] = a * turn.imag + b * turn.real
        elif n_rot == head_dim:
            out.view(np.complex64)[...] *= turn
        else:
            part = np.ascontiguousarray(heads[..., :n_rot])
            out[..., :n_rot] = (part.view(np.complex64) * turn).view(np.float32)
        return out.reshape(x.shape)

    def attention(self, q: Array, cache: KVLayer, spans: Sequence[Span], scale: float) -> Array:
        """Causal attention of each token over its slot, with grouped key/value heads.

        Parameters
        ----------
        q : (T, H * D)
        cache : KVLayer
            Holds the keys and values up to each token's own position.
        spans : sequence of Span
        scale : float

        Returns
        -------
        (T, H * D)
        """
        out = np.empty_like(q)
        for span in spans:
            rows = slice(span.start, span.stop)
            out[rows] = attend(q[rows], cache.k[span.slot], cache.v[span.slot], span.pos, scale)
        return out

    def act(self, x: Array, kind: str) -> Array:
        """An activation: "silu", "gelu" (tanh form), "relu"."""
        if kind == "silu":
            with np.errstate(over="ignore"):
                return x / (np.float32(1) + np.exp(-x))
        if kind == "gelu":
            inner = np.float32(0.7978845608028654) * x * (1 + np.float32(0.044715) * x * x)
            return np.float32(0.5) * x * (1 + np.tanh(inner))
        if kind == "relu":
            return np.maximum(x, 0)
        raise InputError(f"unknown activation {kind!r}; expected silu, gelu or relu")

    def glu(self, gate: Array, up: Array, kind: str = "silu") -> Array:
        """`act(gate) * up`."""
        out = self.act(gate, kind)
        out *= up
        return out

    def select(self, x: Array, rows: npt.NDArray[np.int64]) -> Array:
        """Rows of activations: `(T, k)` at `(n,)` to `(n, k)`."""
        return x[rows]

    def add(self, a: Array, b: Array) -> Array:
        """`a + b`: two of `(T, k)`, or a row `(k,)` added to each."""
        return a + b

    def kv_append(self, cache: KVLayer, k: Array, v: Array, spans: Sequence[Span]) -> None:
        """Write `(T, Hk * D)` keys and values at each span's positions."""
        n_head_kv, head_dim = cache.k.shape[1], cache.k.shape[3]
        for span in spans:
            where = slice(span.pos, span.pos + span.stop - span.start)
            for store, new in ((cache.k, k), (cache.v, v)):
                rows = new[span.start : span.stop].reshape(-1, n_head_kv, head_dim)
                store[span.slot, :, where] = rows.transpose(1, 0, 2)

    def kv_resize(self, cache: KVLayer, capacity: int) -> KVLayer:
        """A cache of another capacity with the positions that fit in both copied."""
        n_slots, n_head_kv, old, head_dim = cache.k.shape
        keep = min(old, capacity)
        grown = [self.empty((n_slots, n_head_kv, capacity, head_dim)) for _ in range(2)]
        for new, store in zip(grown, (cache.k, cache.v), strict=True):
            new[:, :, :keep] = store[:, :, :keep]
        return KVLayer(*grown)

    # -- coarse: composed here, one call in an accelerator --------------------------------

    def block(self, x: Array, layer: Layer, spec: Spec, cache: KVLayer, step: Step) -> Array:
        """One pre-norm transformer layer with a gated feed-forward part: `(T, n_embd)`."""
        h = self.rms_norm(x, layer.attn_norm, spec.eps)
        q = self.linear(h, layer.attn_q, layer.attn_q_bias)
        k = self.linear(h, layer.attn_k, layer.attn_k_bias)
        v = self.linear(h, layer.attn_v, layer.attn_v_bias)
        q, k = (
            self.head_norm(q, layer.attn_q_norm, spec),
            self.head_norm(k, layer.attn_k_norm, spec),
        )
        q = self.rope(q, step.cis, spec.head_dim, spec.rope_neox)
        k = self.rope(k, step.cis, spec.head_dim, spec.rope_neox)
        self.kv_append(cache, k, v, step.spans)
        mixed = self.attention(q, cache, step.spans, spec.scale)
        x = self.add(x, self.linear(mixed, layer.attn_output, layer.attn_output_bias))
        h = self.rms_norm(x, layer.ffn_norm, spec.eps)
        h = self.glu(self.matmul(h, layer.ffn_gate), self.matmul(h, layer.ffn_up))
        return self.add(x, self.matmul(h, layer.ffn_down))

    def linear(self, x: Array, w: Weight, b: Weight | None) -> Array:
        """`x @ w.T + b`; without b where there is none."""
        out = self.matmul(x, w)
        return out if b is None else self.add(out, b.data)

    def head_norm(self, x: Array, w: Weight | None, spec: Spec) -> Array:
        """`rms_norm` of each head of `(T, H * D)`; x itself where there is no weight."""
        if w is None:
            return x
        return self.rms_norm(x.reshape(-1, spec.head_dim), w, spec.eps).reshape(x.shape)


def check_product(x: Array, w: Weight) -> None:
    """Raise unless `x` is `(T, k)` and `w` is `(n, k)`; native code checks nothing.

    Raises
    ------
    InputError
        With both shapes.
    """
    if len(x.shape) != 2 or len(w.shape) != 2 or x.shape[1] != w.shape[1]:
        raise InputError(f"{w.name}: a weight of {w.shape} cannot take activations of {x.shape}")


def _dot(x: F32, w: F32) -> F32:
    """`(T, k)` by `(n, k)` to `(T, n)`; `tests/bench/products.py` times the ways to write it."""
    if has_blas():
        if len(x) > _FEW:
            return x @ w.T
        return np.ascontiguousarray((w @ x.T).T)
    out = np.empty((len(x), len(w)), np.float32)
    step = max(1, _ROWS_BYTES // (4 * w.shape[1]))
    for start in range(0, len(w), step):
        rows = w[start : start + step]
        np.vecdot(x[:, None, :], rows[None], out=out[:, start : start + step])
    return out
