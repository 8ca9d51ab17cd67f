"""The coarse kernels, composed from the small ones: a transformer layer and its parts.

An accelerator may override any of them with one call of its own. What a layer has (norms,
biases, gates, experts) is told by its tensors, the rest by its `Spec`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from abi.kernels._types import Array, KVLayer, Layer, Span, Spec, Step, Weight

__all__ = ["ComposedKernels"]


class ComposedKernels(ABC):
    """Layers out of the small kernels that a subclass gives."""

    @abstractmethod
    def matmul(self, x: Array, w: Weight) -> Array: ...
    @abstractmethod
    def rms_norm(self, x: Array, w: Weight, eps: float) -> Array: ...
    @abstractmethod
    def layer_norm(self, x: Array, w: Weight, b: Weight | None, eps: float) -> Array: ...
    @abstractmethod
    def rope(self, x: Array, cis: Array, head_dim: int, neox: bool) -> Array: ...
    @abstractmethod
    def hadamard(self, x: Array, n: int) -> Array: ...
    @abstractmethod
    def attention(
        self, q: Array, cache: KVLayer, spans: Sequence[Span], spec: Spec, sinks: Weight | None
    ) -> Array: ...
    @abstractmethod
    def act(self, x: Array, kind: str) -> Array: ...
    @abstractmethod
    def glu(self, gate: Array, up: Array, kind: str) -> Array: ...
    @abstractmethod
    def add(self, a: Array, b: Array) -> Array: ...
    @abstractmethod
    def scale(self, x: Array, by: Array | float) -> Array: ...
    @abstractmethod
    def split(self, x: Array, widths: Sequence[int]) -> list[Array]: ...
    @abstractmethod
    def select(self, x: Array, rows: npt.NDArray[np.int64]) -> Array: ...
    @abstractmethod
    def kv_append(self, cache: KVLayer, k: Array, v: Array, spans: Sequence[Span]) -> None: ...
    @abstractmethod
    def kv_take(self, cache: KVLayer, slot: int, start: int, stop: int) -> tuple[Array, Array]: ...
    @abstractmethod
    def moe(self, x: Array, layer: Layer, spec: Spec) -> Array: ...

    def layers(
        self,
        x: Array,
        layers: Sequence[Layer],
        specs: Sequence[Spec],
        caches: Sequence[KVLayer],
        steps: Sequence[Step],
        control: Mapping[int, Array],
    ) -> Array:
        """All layers in turn, each with its own spec, cache and step: `(T, n_embd)` to the same.

        Parameters
        ----------
        control : dict of int to (n_embd,)
            What is added after a layer, by its number.
        """
        for i, (layer, spec) in enumerate(zip(layers, specs, strict=True)):
            x = self.block(x, layer, spec, caches[i], steps[i])
            if i in control:
                x = self.add(x, control[i])
        return x

    def block(self, x: Array, layer: Layer, spec: Spec, cache: KVLayer, step: Step) -> Array:
        """One transformer layer: `(T, n_embd)` to the same."""
        h = self.norm(x, layer.attn_norm, layer.attn_norm_bias, spec)
        seen = h
        if layer.attn_norm_2 is not None:
            seen = self.norm(x, layer.attn_norm_2, layer.attn_norm_2_bias, spec)
        mixed = self.attend(seen, layer, spec, cache, step)
        mixed = self.norm(mixed, layer.post_attention_norm, None, spec)
        mixed = self.scale(mixed, spec.residual_scale)
        if spec.parallel:
            return self.add(self.add(mixed, self.feed_forward(h, layer, spec)), x)
        total = self.add(mixed, x)
        total = self.norm(total, layer.attn_output_norm, layer.attn_output_norm_bias, spec)
        if layer.attn_output_norm_2 is not None:
            total = self.add(total, x)
            bias = layer.attn_output_norm_2_bias
            total = self.norm(total, layer.attn_output_norm_2, bias, spec)
        return self.fed(total, layer, spec)

    def fed(self, total: Array, layer: Layer, spec: Spec) -> Array:
        """What follows attention in a layer that is not parallel: `(T, n_embd)` to the same."""
        h = self.norm(total, layer.ffn_norm, layer.ffn_norm_bias, spec)
        made = self.feed_forward(h, layer, spec)
        made = self.norm(made, layer.post_ffw_norm, None, spec)
        out = self.add(self.scale(made, spec.residual_scale), total)
        return self.norm(out, layer.layer_output_norm, layer.layer_output_norm_bias, spec)

    def attend(self, h: Array, layer: Layer, spec: Spec, cache: KVLayer, step: Step) -> Array:
        """The attention half: `(T, n_embd)`, with the keys and values put into the cache."""
        q, k, v = self.qkv(h, layer, spec)
        q = self.head_norm(q, layer.attn_q_norm, layer.attn_q_norm_bias, spec)
        k = self.head_norm(k, layer.attn_k_norm, layer.attn_k_norm_bias, spec)
        if spec.rope is not None:
            cis = step.cis[spec.rope]
            q = self.rope(q, cis, spec.head_dim, spec.rope_neox)
            k = self.rope(k, cis, spec.head_dim, spec.rope_neox)
        if cache.rotate_k:
            q, k = self.hadamard(q, cache.rotate_k), self.hadamard(k, cache.rotate_k)
        if cache.rotate_v:
            v = self.hadamard(v, cache.rotate_v)
        self.kv_append(cache, k, v, step.spans)
        mixed = self.attention(q, cache, step.spans, spec, layer.attn_sinks)
        if cache.rotate_v:
            mixed = self.hadamard(mixed, cache.rotate_v)
        return self.linear(mixed, layer.attn_output, layer.attn_output_bias)

    def kv_shift(
        self, cache: KVLayer, span: Span, by: int, spec: Spec, cis: tuple[Array, ...]
    ) -> None:
        """Move the keys and values of a span `by` positions to the front.

        Parameters
        ----------
        span : Span
            What is moved: `stop - start` positions from `pos` on.
        cis : tuple of (T, n_rot / 2, 2)
            The turn of `-by` positions, for each of them.
        """
        n = span.stop - span.start
        k, v = self.kv_take(cache, span.slot, span.pos, span.pos + n)
        if spec.rope is not None:
            if cache.rotate_k:  # the rotation is its own inverse
                k = self.hadamard(k, cache.rotate_k)
            k = self.rope(k, cis[spec.rope], spec.head_dim, spec.rope_neox)
            if cache.rotate_k:
                k = self.hadamard(k, cache.rotate_k)
        self.kv_append(cache, k, v, [Span(0, n, span.slot, span.pos - by)])

    def qkv(self, h: Array, layer: Layer, spec: Spec) -> tuple[Array, Array, Array]:
        """Queries, keys and values: `(T, H * D)`, `(T, Hk * D)` twice."""
        if layer.attn_qkv is None:
            return (
                self.linear(h, layer.attn_q, layer.attn_q_bias),
                self.linear(h, layer.attn_k, layer.attn_k_bias),
                self.linear(h, layer.attn_v, layer.attn_v_bias),
            )
        n_q, n_kv = spec.n_head * spec.head_dim, spec.n_head_kv * spec.head_dim
        fused = self.linear(h, layer.attn_qkv, layer.attn_qkv_bias)
        q, k, v = self.split(fused, (n_q, n_kv, n_kv))
        parts = ((q, layer.attn_q_bias), (k, layer.attn_k_bias), (v, layer.attn_v_bias))
        q, k, v = (x if b is None else self.add(x, b.data) for x, b in parts)
        return q, k, v

    def feed_forward(self, h: Array, layer: Layer, spec: Spec) -> Array:
        """The other half: dense, or experts with those that all tokens share."""
        if layer.ffn_gate_inp is None:
            return self._dense(h, layer, spec)
        out = self.moe(h, layer, spec)
        if layer.ffn_up_shexp is None:
            return out
        gate = self.linear(h, layer.ffn_gate_shexp, None)
        up = self.linear(h, layer.ffn_up_shexp, None)
        shared = self.linear(self.glu(gate, up, spec.act), layer.ffn_down_shexp, None)
        if layer.ffn_gate_inp_shexp is not None:
            opened = self.act(self.linear(h, layer.ffn_gate_inp_shexp, None), "sigmoid")
            shared = self.scale(shared, opened)
        return self.add(out, shared)

    def _dense(self, h: Array, layer: Layer, spec: Spec) -> Array:
        up = self.linear(h, layer.ffn_up, layer.ffn_up_bias)
        if layer.ffn_gate is not None:
            gate = self.linear(h, layer.ffn_gate, layer.ffn_gate_bias)
            inner = self.glu(gate, up, spec.act)
        elif up.shape[1] == 2 * spec.n_ff:
            gate, up = self.split(up, (spec.n_ff, spec.n_ff))
            inner = self.glu(gate, up, spec.act)
        else:
            inner = self.act(up, spec.act)
        return self.linear(inner, layer.ffn_down, layer.ffn_down_bias)

    def linear(self, x: Array, w: Weight | None, b: Weight | None) -> Array:
        """`x @ w.T + b`, with the adapters of w; without b where there is none."""
        assert w is not None, "a tensor that the loader should have required"
        out = self.matmul(x, w)
        for adapter in w.adapters:
            low = self.matmul(x, adapter.a)
            out = self.add(out, self.scale(self.matmul(low, adapter.b), adapter.scale))
        return out if b is None else self.add(out, b.data)

    def norm(self, x: Array, w: Weight | None, b: Weight | None, spec: Spec) -> Array:
        """The architecture's norm of each row; x itself where there is no weight."""
        if w is None:
            return x
        if spec.norm == "rms":
            return self.rms_norm(x, w, spec.eps)
        return self.layer_norm(x, w, b, spec.eps)

    def head_norm(self, x: Array, w: Weight | None, b: Weight | None, spec: Spec) -> Array:
        """The norm of all heads together, or of each, as the weight's shape tells."""
        if w is None or w.shape == x.shape[1:]:
            return self.norm(x, w, b, spec)
        heads = x.reshape(-1, *w.shape) if len(w.shape) == 2 else x.reshape(-1, spec.head_dim)
        return self.norm(heads, w, b, spec).reshape(x.shape)
