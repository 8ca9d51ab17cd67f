"""The reference kernels, in NumPy: the protocol and the fallback.

Written for clarity first, then for what NumPy does well: BLAS for products, few passes over
memory, no Python loop over tokens.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from abi._platform import has_blas
from abi.errors import InputError, KernelError
from abi.kernels._act import activate, gated
from abi.kernels._attention import attend, visible
from abi.kernels._costs import SearchCosts
from abi.kernels._graph import GraphKernels
from abi.kernels._kv import hadamard, kv_read
from abi.kernels._moe import moe
from abi.kernels._numpy_cache import CacheKernels
from abi.kernels._partitions import PartitionKernels
from abi.kernels._search import SearchKernels
from abi.kernels._types import Array, KVLayer, Layer, Span, Spec, Weight
from abi.quant import Tensor, codec, decode

__all__ = ["NumpyKernels", "check_product"]

F32 = npt.NDArray[np.float32]

_CHUNK_BYTES = 1 << 19  # expanded at a time where weights stay in blocks: fits the L2 cache
_ROWS_BYTES = 1 << 19  # of a matrix that all vectors meet while it is in the cache
_FEW = 64  # tokens up to which BLAS is faster with the matrix on the left


class NumpyKernels(CacheKernels, SearchKernels, GraphKernels, PartitionKernels):
    """Kernels on NumPy arrays.

    Every array is float32. Shapes: T tokens in a batch, H query heads, Hk key/value heads,
    D elements a head.
    """

    name = "numpy"
    costs = SearchCosts()
    profile: Any = None  # where kernels that are `watched` note what they take

    @property
    def detail(self) -> str:
        """What they compute with here, such as an instruction set; empty where nothing is known."""
        return ""

    @classmethod
    def available(cls) -> str | None:
        """None if these kernels can run here, else the reason they cannot."""
        return None

    def set_threads(self, n: int) -> None:
        """Compute with n threads from now on, in the whole process.

        Raises
        ------
        KernelError
            These kernels cannot: NumPy's products have the threads of its BLAS.
        """
        raise KernelError(
            f"n_threads={n}: the {self.name} kernels compute with the threads of NumPy's BLAS; set "
            f"OPENBLAS_NUM_THREADS={n} before Python starts, or install abi-accel"
        )

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
        mean = np.vecdot(x, x)[..., None] / np.float32(x.shape[-1])
        return x / np.sqrt(mean + np.float32(eps)) * w.data

    def layer_norm(self, x: Array, w: Weight, b: Weight | None, eps: float) -> Array:
        """`(x - mean(x)) / sqrt(var(x) + eps) * w + b` for each row."""
        centred = x - x.mean(axis=-1, keepdims=True)
        var = np.vecdot(centred, centred)[..., None] / np.float32(x.shape[-1])
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

    def hadamard(self, x: Array, n: int) -> Array:
        """Turn every n elements of each row by the orthonormal Hadamard matrix of side n."""
        return (x.reshape(-1, n) @ hadamard(n)).reshape(x.shape)

    def attention(
        self,
        q: Array,
        cache: KVLayer,
        spans: Sequence[Span],
        spec: Spec,
        sinks: Weight | None = None,
    ) -> Array:
        """Attention of each token over its slot, with grouped key/value heads.

        Parameters
        ----------
        q : (T, H * D)
        cache : KVLayer
            Holds the keys and values of each span, and what came before it in its slot.
        spans : sequence of Span
        spec : Spec
            `scale`, `causal`, `window`, `softcap` and `alibi` count.
        sinks : Weight, optional
            `(H,)`: a score a head that takes weight from the others and adds nothing.

        Returns
        -------
        (T, H * D)
        """
        out = np.empty_like(q)
        for span in (span for span in spans if span.stop > span.start):
            rows, end = slice(span.start, span.stop), span.pos + span.stop - span.start
            low, _ = visible(span.pos, end, end, spec)
            k = kv_read(cache.k, span.slot, low, end, cache.type_k)
            v = kv_read(cache.v, span.slot, low, end, cache.type_v)
            values = None if sinks is None else sinks.data
            out[rows] = attend(q[rows], k, v, span.pos, spec, low, values)
        return out

    def act(self, x: Array, kind: str) -> Array:
        """An activation: "silu", "gelu" (tanh form), "relu", "sigmoid" or "tanh"."""
        return activate(x, kind)

    def glu(self, gate: Array, up: Array, kind: str = "silu") -> Array:
        """`act(gate) * up`; "swiglu_oai" is the clamped form of gpt-oss."""
        return gated(gate, up, kind)

    def select(self, x: Array, rows: npt.NDArray[np.int64]) -> Array:
        """Rows of activations: `(T, k)` at `(n,)` to `(n, k)`."""
        return x[rows]

    def add(self, a: Array, b: Array) -> Array:
        """`a + b`: two of `(T, k)`, or a row `(k,)` added to each."""
        return a + b

    def scale(self, x: Array, by: Array | float) -> Array:
        """`x * by`: a number, or `(T, 1)`, one a row."""
        if isinstance(by, float):
            return x if by == 1.0 else x * np.float32(by)
        return x * by

    def softcap(self, x: Array, cap: float) -> Array:
        """`cap * tanh(x / cap)`."""
        return np.tanh(x / np.float32(cap)) * np.float32(cap)

    def split(self, x: Array, widths: Sequence[int]) -> list[Array]:
        """Columns of `(T, k)` as parts of the given widths."""
        stops = np.cumsum(widths)
        return [x[:, stop - w : stop] for w, stop in zip(widths, stops.tolist(), strict=True)]

    def moe(self, x: Array, layer: Layer, spec: Spec) -> Array:
        """Each token through the experts that its router prefers: `(T, n_embd)`."""
        return moe(self, x, layer, spec)


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
