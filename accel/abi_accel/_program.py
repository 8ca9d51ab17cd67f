"""A layer's operations, written once from its tensors and numbers.

The order is that of `ComposedKernels.block`, which does the same by one call each. What a layer has
that no operation does (adapters, linear biases) gives no program, and the reference composes it;
with experts the program ends before them. Sizes are checked here: the kernels check nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from abi.errors import InputError
from abi.kernels import KVLayer, Layer, Spec, Weight
from abi_accel._buffers import assign
from abi_accel._exports import BUFFERS, TABLES, Heads, Op
from abi_accel._plan import Plan
from abi_accel._weights import Native, address

__all__ = ["plan"]

KINDS = (
    "rms_norm", "layer_norm", "round", "matmul", "rope", "append", "attention", "glu", "act", "add",
    "scale", "rotate",
)  # fmt: skip
ACTS = ("silu", "gelu", "relu", "sigmoid", "tanh")
CACHES = {"f32": 0, "f16": 1, "q8_0": 8, "q4_0": 2}

_WIDEST_HEAD, _MOST_GROUP, _MOST_OPS = 256, 64, 64
_IN, _OUT = 0, 1  # buffers that the caller gives


class _Unsupported(Exception):  # noqa: N818 - it never leaves this module
    """There is no operation for it."""


def plan(layer: Layer, spec: Spec, cache: KVLayer, n_embd: int) -> Plan | None:
    """The plan of a layer; None where an operation for it is missing.

    Raises
    ------
    InputError
        If sizes of its tensors do not fit together.
    """
    try:
        return _Writer(layer, spec, cache, n_embd).plan()
    except _Unsupported:
        return None


@dataclass
class _Writer:
    """Writes the operations of one layer. Buffers are numbers; `rounded` is what was last."""

    layer: Layer
    spec: Spec
    cache: KVLayer
    n_embd: int
    ops: list[Op] = field(default_factory=list)
    widths: list[int] = field(default_factory=list)
    products: set[tuple[int, int]] = field(default_factory=set)
    kept: list[Any] = field(default_factory=list)
    rounded: tuple[int, int] | None = None

    def plan(self) -> Plan:
        spec, cache = self.spec, self.cache
        if (
            spec.alibi
            or not {cache.type_k, cache.type_v} <= CACHES.keys()
            or (spec.head_dim % 32 and not {cache.type_k, cache.type_v} <= {"f32", "f16"})
            or spec.head_dim > _WIDEST_HEAD
            or spec.n_head // spec.n_head_kv > _MOST_GROUP
            or spec.n_head % spec.n_head_kv
            or (spec.rope or 0) >= TABLES
        ):
            raise _Unsupported
        self.widths = [self.n_embd, self.n_embd]
        self._block()
        widths = assign(self.ops, self.widths, _OUT + 1)
        if len(self.ops) > _MOST_OPS or len(widths) > BUFFERS:
            raise _Unsupported
        ops = (Op * len(self.ops))(*self.ops)
        half = self.layer.ffn_gate_inp is not None
        return Plan(ops, widths, self.products, self._heads(), spec, self.kept, half)

    def _heads(self) -> Heads:
        spec = self.spec
        sinks = self._vector(self.layer.attn_sinks, spec.n_head)
        return Heads(
            0, 0, sinks, spec.n_head, spec.n_head_kv, spec.head_dim, 0, spec.window, spec.scale,
            spec.softcap, CACHES[self.cache.type_k], CACHES[self.cache.type_v], spec.causal,
        )  # fmt: skip

    def _block(self) -> None:
        layer, spec = self.layer, self.spec
        h = self._norm(_IN, layer.attn_norm, layer.attn_norm_bias)
        seen = h
        if layer.attn_norm_2 is not None:
            seen = self._norm(_IN, layer.attn_norm_2, layer.attn_norm_2_bias)
        mixed = self._scaled(self._norm(self._attend(seen), layer.post_attention_norm, None))
        if layer.ffn_gate_inp is not None:
            if spec.parallel or layer.attn_output_norm or layer.attn_output_norm_2:
                raise _Unsupported
            self._add(mixed, _IN, _OUT)
            return
        if spec.parallel:
            both = self._add(mixed, self._feed_forward(h), self._buffer(self.n_embd))
            self._add(both, _IN, _OUT)
            return
        total = self._add(mixed, _IN, self._buffer(self.n_embd))
        total = self._norm(total, layer.attn_output_norm, layer.attn_output_norm_bias)
        if layer.attn_output_norm_2 is not None:
            total = self._add(total, _IN, self._buffer(self.n_embd))
            total = self._norm(total, layer.attn_output_norm_2, layer.attn_output_norm_2_bias)
        h = self._norm(total, layer.ffn_norm, layer.ffn_norm_bias)
        made = self._scaled(self._norm(self._feed_forward(h), layer.post_ffw_norm, None))
        if layer.layer_output_norm is None:
            self._add(made, total, _OUT)
            return
        out = self._add(made, total, self._buffer(self.n_embd))
        self._norm(out, layer.layer_output_norm, layer.layer_output_norm_bias, _OUT)

    def _attend(self, h: int) -> int:
        layer, spec = self.layer, self.spec
        q, k, v = self._qkv(h)
        for x, n in ((q, spec.n_head), (k, spec.n_head_kv), (v, spec.n_head_kv)):
            self._fits(x, n * spec.head_dim)
        q = self._head_norm(q, layer.attn_q_norm, layer.attn_q_norm_bias)
        k = self._head_norm(k, layer.attn_k_norm, layer.attn_k_norm_bias)
        if spec.rope is not None:
            for x in (q, k):
                self._op("rope", a=x, out=x, n=self.widths[x], k=spec.head_dim, type=spec.rope,
                         flag=spec.rope_neox, meet=x == k)  # fmt: skip
        self._rotate(self.cache.rotate_k, q, k)
        self._rotate(self.cache.rotate_v, v)
        self._op("append", a=k, b=v)
        mixed = self._op("attention", a=q, out=self._buffer(self.widths[q]))
        self._rotate(self.cache.rotate_v, mixed)  # it is its own inverse
        return self._linear(mixed, layer.attn_output, layer.attn_output_bias)

    def _rotate(self, side: int, *buffers: int) -> None:
        for x in buffers if side else ():
            if self.spec.head_dim % side or side & (side - 1):
                raise InputError(f"heads of {self.spec.head_dim}, and rotations of {side}")
            self._op("rotate", a=x, out=x, n=self.widths[x], k=side, meet=x == buffers[-1])

    def _qkv(self, h: int) -> tuple[int, int, int]:
        layer, spec = self.layer, self.spec
        if layer.attn_qkv is not None:
            n_q, n_kv = spec.n_head * spec.head_dim, spec.n_head_kv * spec.head_dim
            biases = (layer.attn_q_bias, layer.attn_k_bias, layer.attn_v_bias)
            q, k, v = self._parts(h, layer.attn_qkv, layer.attn_qkv_bias, (n_q, n_kv, n_kv), biases)
            return q, k, v
        return (
            self._linear(h, layer.attn_q, layer.attn_q_bias, meet=False),
            self._linear(h, layer.attn_k, layer.attn_k_bias, meet=False),
            self._linear(h, layer.attn_v, layer.attn_v_bias),
        )

    def _feed_forward(self, h: int) -> int:
        layer, spec = self.layer, self.spec
        if spec.act not in ACTS:
            raise _Unsupported
        act, w = ACTS.index(spec.act), layer.ffn_up
        if layer.ffn_gate is not None:
            up = self._linear(h, w, layer.ffn_up_bias, meet=False)
            gate = self._linear(h, layer.ffn_gate, layer.ffn_gate_bias)
        elif w is not None and w.shape[0] == 2 * spec.n_ff:
            halves = (spec.n_ff, spec.n_ff)
            gate, up = self._parts(h, w, layer.ffn_up_bias, halves, (None, None))
        else:
            up = self._linear(h, w, layer.ffn_up_bias)
            self._op("act", a=up, out=up, n=self.widths[up], type=act)
            return self._linear(up, layer.ffn_down, layer.ffn_down_bias)
        self._fits(gate, self.widths[up])
        self._op("glu", a=gate, b=up, out=gate, n=self.widths[up], type=act)
        return self._linear(gate, layer.ffn_down, layer.ffn_down_bias)

    # -- one operation each --------------------------------------------------------------------

    def _op(self, kind: str, *, out: int = 0, meet: bool = True, **fields: Any) -> int:
        self.ops.append(Op(kind=KINDS.index(kind), out=out, meet=meet, **fields))
        if self.rounded is not None and kind != "round" and self.rounded[0] == out:
            self.rounded = None
        return out

    def _buffer(self, width: int) -> int:
        self.widths.append(width)
        return len(self.widths) - 1

    def _fits(self, x: int, width: int) -> None:
        if self.widths[x] != width:
            raise InputError(f"a layer with {self.widths[x]} columns where {width} are expected")

    def _vector(self, w: Weight | None, n: int) -> int:
        if w is None:
            return 0
        data = np.ascontiguousarray(w.data, np.float32)
        if data.size != n:
            raise InputError(f"{w.name}: {data.shape}, expected ({n},)")
        self.kept.append(data)
        return address(data)

    def _norm(self, x: int, w: Weight | None, b: Weight | None, out: int | None = None) -> int:
        if w is None:
            if out is not None:
                raise _Unsupported
            return x
        out = self._buffer(self.widths[x]) if out is None else out
        return self._norms(x, w, b, self.widths[x], out)

    def _head_norm(self, x: int, w: Weight | None, b: Weight | None) -> int:
        if w is None:
            return x
        if len(w.shape) != 1 or w.shape[0] not in (self.widths[x], self.spec.head_dim):
            raise _Unsupported
        return self._norms(x, w, b, w.shape[0], x)

    def _norms(self, x: int, w: Weight, b: Weight | None, n: int, out: int) -> int:
        kind = "rms_norm" if self.spec.norm == "rms" else "layer_norm"
        bias = self._vector(b, n) if kind == "layer_norm" else 0
        return self._op(kind, a=x, out=out, n=n, k=self.widths[x], w=self._vector(w, n), bias=bias,
                        f=self.spec.eps)  # fmt: skip

    def _linear(self, x: int, w: Weight | None, b: Weight | None, *, meet: bool = True) -> int:
        if w is None or w.adapters or w.layout not in ("native", "float32"):
            raise _Unsupported
        return self._product(x, w, 0, w.shape[0], self._vector(b, w.shape[0]), meet=meet)

    def _parts(
        self,
        x: int,
        w: Weight,
        bias: Weight | None,
        sizes: Sequence[int],
        biases: Sequence[Weight | None],
    ) -> list[int]:
        """A product whose columns are several values."""
        if w.adapters or w.layout not in ("native", "float32"):
            raise _Unsupported
        made: list[int] = []
        first = 0
        whole = self._vector(bias, sum(sizes))
        for size, own in zip(sizes, biases, strict=True):
            if own is not None and bias is not None:
                raise _Unsupported
            at = whole + 4 * first if whole else self._vector(own, size)
            last = len(made) == len(sizes) - 1
            made.append(self._product(x, w, first, size, at, meet=last))
            first += size
        return made

    def _product(self, x: int, w: Weight, first: int, n: int, bias: int, *, meet: bool) -> int:
        """By n rows of a matrix from `first` on."""
        native, k = Native.of(w), w.shape[1]
        if self.widths[x] != k or first + n > w.shape[0]:
            raise InputError(f"{w.name}: {w.shape}, expected ({first + n}, {self.widths[x]})")
        if first % native.rows_together:
            raise _Unsupported
        if native.packed and self.rounded != (x, native.rounding):
            if self.ops:  # what was rounded before is read until then
                self.ops[-1].meet = True
            self._op("round", a=x, k=k, type=native.type)
            self.rounded = (x, native.rounding)
        elif not native.packed:  # it writes where products of other types may still read
            if self.ops and self.ops[-1].type != native.type:
                self.ops[-1].meet = True
            self.rounded = None
        self.products.add((native.type, k))
        self.kept.append(native)
        at = native.address + first // native.rows_together * native.step(w.shape)
        return self._op("matmul", a=x, out=self._buffer(n), n=n, k=k, type=native.type, w=at,
                        bias=bias, meet=meet)  # fmt: skip

    def _scaled(self, x: int) -> int:
        by = self.spec.residual_scale
        return x if by == 1.0 else self._op("scale", a=x, out=x, n=self.widths[x], f=by)

    def _add(self, a: int, b: int, out: int) -> int:
        for x in (b, out):
            self._fits(x, self.widths[a])
        return self._op("add", a=a, b=b, out=out, n=self.widths[a])
