"""A layer's operations, written once from its tensors and numbers.

The order is that of `ComposedKernels.block`, which does the same by one call each. What a layer has
that no operation does (linear biases) gives no program, and the reference composes it; with experts
that no operation does (not quantised, or with adapters) the program ends before them.
"""

from __future__ import annotations

import contextlib

from abi.errors import InputError
from abi.kernels import KVLayer, Layer, Spec
from abi_accel._buffers import assign
from abi_accel._experts import feed
from abi_accel._exports import BUFFERS, TABLES, Heads, Op
from abi_accel._operations import Operations, UnsupportedLayer
from abi_accel._plan import Plan

__all__ = ["plan"]

CACHES = {"f32": 0, "f16": 1, "q8_0": 8, "q4_0": 2}

_WIDEST_HEAD, _MOST_GROUP, _MOST_OPS = 256, 64, 128
_IN, _OUT = 0, 1  # buffers that the caller gives


def plan(layer: Layer, spec: Spec, cache: KVLayer, n_embd: int) -> Plan | None:
    """The plan of a layer; None where an operation for it is missing.

    Raises
    ------
    InputError
        If sizes of its tensors do not fit together.
    """
    ways = [False] if layer.ffn_gate_inp is None else [False, True]
    for half in ways:
        with contextlib.suppress(UnsupportedLayer):
            return _Writer(layer, spec, cache, n_embd, half).plan()
    return None


class _Writer(Operations):
    """Writes the operations of one layer."""

    def __init__(self, layer: Layer, spec: Spec, cache: KVLayer, n_embd: int, half: bool) -> None:
        super().__init__(spec, widths=[n_embd, n_embd])
        self.layer, self.cache, self.n_embd, self.half = layer, cache, n_embd, half

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
            raise UnsupportedLayer
        self._block()
        widths = assign(self.ops, self.widths, _OUT + 1)
        if len(self.ops) > _MOST_OPS or len(widths) > BUFFERS:
            raise UnsupportedLayer
        ops = (Op * len(self.ops))(*self.ops)
        return Plan(ops, widths, self.products, self._heads(), spec, self.kept, self.half)

    def _heads(self) -> Heads:
        spec = self.spec
        sinks = self.vector(self.layer.attn_sinks, spec.n_head)
        return Heads(
            0, 0, sinks, spec.n_head, spec.n_head_kv, spec.head_dim, 0, spec.window, spec.scale,
            spec.softcap, CACHES[self.cache.type_k], CACHES[self.cache.type_v], spec.causal,
        )  # fmt: skip

    def _block(self) -> None:
        layer, spec = self.layer, self.spec
        h = self.norm(_IN, layer.attn_norm, layer.attn_norm_bias)
        seen = h
        if layer.attn_norm_2 is not None:
            seen = self.norm(_IN, layer.attn_norm_2, layer.attn_norm_2_bias)
        mixed = self._scaled(self.norm(self._attend(seen), layer.post_attention_norm, None))
        if self.half:
            if spec.parallel or layer.attn_output_norm or layer.attn_output_norm_2:
                raise UnsupportedLayer
            self.add(mixed, _IN, _OUT)
            return
        if spec.parallel:
            both = self.add(mixed, self._feed_forward(h), self.buffer(self.n_embd))
            self.add(both, _IN, _OUT)
            return
        total = self.add(mixed, _IN, self.buffer(self.n_embd))
        total = self.norm(total, layer.attn_output_norm, layer.attn_output_norm_bias)
        if layer.attn_output_norm_2 is not None:
            total = self.add(total, _IN, self.buffer(self.n_embd))
            total = self.norm(total, layer.attn_output_norm_2, layer.attn_output_norm_2_bias)
        h = self.norm(total, layer.ffn_norm, layer.ffn_norm_bias)
        made = self._scaled(self.norm(self._feed_forward(h), layer.post_ffw_norm, None))
        if layer.layer_output_norm is None:
            self.add(made, total, _OUT)
            return
        out = self.add(made, total, self.buffer(self.n_embd))
        self.norm(out, layer.layer_output_norm, layer.layer_output_norm_bias, _OUT)

    def _scaled(self, x: int) -> int:
        return self.scaled(x, self.spec.residual_scale)

    def _attend(self, h: int) -> int:
        layer, spec = self.layer, self.spec
        q, k, v = self._qkv(h)
        for x, n in ((q, spec.n_head), (k, spec.n_head_kv), (v, spec.n_head_kv)):
            self.fits(x, n * spec.head_dim)
        q = self.head_norm(q, layer.attn_q_norm, layer.attn_q_norm_bias)
        k = self.head_norm(k, layer.attn_k_norm, layer.attn_k_norm_bias)
        if spec.rope is not None:
            for x in (q, k):
                self.op("rope", a=x, out=x, n=self.widths[x], k=spec.head_dim, type=spec.rope,
                         flag=spec.rope_neox, meet=x == k)  # fmt: skip
        self._rotate(self.cache.rotate_k, q, k)
        self._rotate(self.cache.rotate_v, v)
        self.op("append", a=k, b=v)
        mixed = self.op("attention", a=q, out=self.buffer(self.widths[q]))
        self._rotate(self.cache.rotate_v, mixed)  # it is its own inverse
        return self.linear(mixed, layer.attn_output, layer.attn_output_bias)

    def _rotate(self, side: int, *buffers: int) -> None:
        for x in buffers if side else ():
            if self.spec.head_dim % side or side & (side - 1):
                raise InputError(f"heads of {self.spec.head_dim}, and rotations of {side}")
            self.op("rotate", a=x, out=x, n=self.widths[x], k=side, meet=x == buffers[-1])

    def _qkv(self, h: int) -> tuple[int, int, int]:
        layer, spec = self.layer, self.spec
        if layer.attn_qkv is not None:
            n_q, n_kv = spec.n_head * spec.head_dim, spec.n_head_kv * spec.head_dim
            biases = (layer.attn_q_bias, layer.attn_k_bias, layer.attn_v_bias)
            q, k, v = self.parts(h, layer.attn_qkv, layer.attn_qkv_bias, (n_q, n_kv, n_kv), biases)
            return q, k, v
        return (
            self.linear(h, layer.attn_q, layer.attn_q_bias, meet=False),
            self.linear(h, layer.attn_k, layer.attn_k_bias, meet=False),
            self.linear(h, layer.attn_v, layer.attn_v_bias),
        )

    def _feed_forward(self, h: int) -> int:
        layer, spec = self.layer, self.spec
        w = layer.ffn_up
        if layer.ffn_gate_inp is not None:
            return feed(self, layer, h)
        if layer.ffn_gate is not None:
            up = self.linear(h, w, layer.ffn_up_bias, meet=False)
            gate = self.linear(h, layer.ffn_gate, layer.ffn_gate_bias)
        elif w is not None and w.shape[0] == 2 * spec.n_ff:
            halves = (spec.n_ff, spec.n_ff)
            gate, up = self.parts(h, w, layer.ffn_up_bias, halves, (None, None))
        else:
            up = self.act(self.linear(h, w, layer.ffn_up_bias))
            return self.linear(up, layer.ffn_down, layer.ffn_down_bias)
        return self.linear(self.glu(gate, up), layer.ffn_down, layer.ffn_down_bias)
