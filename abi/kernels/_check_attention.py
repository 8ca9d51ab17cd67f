"""The conformance suite's attention, experts and cache, head by head in float64."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import numpy.typing as npt

from abi.kernels._check import Check, compare, normal
from abi.kernels._kv import kv_read
from abi.kernels._numpy import NumpyKernels
from abi.kernels._types import KVLayer, Layer, Span, Spec, Weight
from abi.quant import Tensor

__all__ = ["check_attention", "check_cache", "check_experts"]

F64 = npt.NDArray[np.float64]

_SPANS = (
    (Span(0, 0, 0, 0), Span(0, 1, 0, 0)),
    (Span(0, 1, 1, 96),),
    (Span(0, 7, 1, 31), Span(7, 8, 0, 64)),
    (Span(0, 65, 0, 32),),
)
_KINDS: dict[str, dict[str, float]] = {  # what attention can be, as fields of Spec
    "plain": {},
    "window": {"window": 9},
    "both ways": {"causal": False},
    "window both ways": {"causal": False, "window": 9},
    "softcap": {"softcap": 1.5},
    "alibi": {"alibi": 8.0},
    "sinks": {},
}


def check_attention(kernels: NumpyKernels, rng: np.random.Generator) -> Iterator[Check]:
    for heads, heads_kv, dim in ((1, 1, 7), (4, 2, 8), (6, 1, 33)):
        cache = KVLayer(*(kernels.asarray(normal(rng, 2, heads_kv, 97, dim)) for _ in range(2)))
        plain = Spec(heads, heads_kv, dim, 1e-5, dim**-0.5)
        for kind, fields in _KINDS.items():
            spec = replace(plain, **fields)  # type: ignore[arg-type]
            sinks = _vector(kernels, normal(rng, heads)) if kind == "sinks" else None
            for spans in _SPANS:
                q = normal(rng, spans[-1].stop, heads * dim)
                got = kernels.attention(kernels.asarray(q), cache, spans, spec, sinks)
                want = np.stack(
                    [_attend(q, cache, s, i, spec, sinks)
                     for s in spans for i in range(s.start, s.stop)]
                )  # fmt: skip
                label = f"{kind} H={heads}/{heads_kv} D={dim} {spans[0]}"
                yield compare("attention", label, kernels.to_numpy(got), want)


def _attend(
    q: npt.NDArray[np.float32],
    cache: KVLayer,
    span: Span,
    row: int,
    spec: Spec,
    sinks: Weight | None,
) -> F64:
    """One token, head by head."""
    keys, values = (np.asarray(a, np.float64)[span.slot] for a in (cache.k, cache.v))
    heads = q[row].astype(np.float64).reshape(-1, keys.shape[-1])
    here, end = span.pos + row - span.start, span.pos + span.stop - span.start
    distance = here - np.arange(end)
    far = distance >= spec.window if spec.causal else abs(distance) > spec.window // 2
    seen = ~(bool(spec.window) & far) & ((distance >= 0) | (not spec.causal))
    out = []
    for h, head in enumerate(heads):
        scores = keys[h // (len(heads) // len(keys)), :end] @ head * spec.scale
        if spec.softcap:
            scores = spec.softcap * np.tanh(scores / spec.softcap)
        if spec.alibi:
            scores -= _slope(h, len(heads), spec.alibi) * abs(distance)
        weights = np.exp(scores) * seen
        total = weights.sum() + (0 if sinks is None else np.exp(np.float64(sinks.data[h])))
        out.append(weights / total @ values[h // (len(heads) // len(keys)), :end])
    return np.concatenate(out)


def _slope(head: int, n_head: int, max_bias: float) -> float:
    whole = 2 ** int(np.log2(n_head))
    if head < whole:
        return float(2 ** (-max_bias * (head + 1) / whole))
    return float(2 ** (-max_bias / 2 * (2 * (head - whole) + 1) / whole))


def check_experts(kernels: NumpyKernels, rng: np.random.Generator) -> Iterator[Check]:
    n_expert, n_ff, n_embd = 4, 6, 8
    tensors = {
        name: normal(rng, n_expert, *shape)
        for name, shape in (
            ("gate", (n_ff, n_embd)), ("up", (n_ff, n_embd)), ("down", (n_embd, n_ff)),
        )
    }  # fmt: skip
    router = normal(rng, n_expert, n_embd)
    packed = {
        name: tuple(_matrix(kernels, values[i]) for i in range(n_expert))
        for name, values in tensors.items()
    }
    layer = Layer(
        ffn_gate_inp=_matrix(kernels, router),
        ffn_gate_exps=packed["gate"],
        ffn_up_exps=packed["up"],
        ffn_down_exps=packed["down"],
    )
    for softmax, norm in (("all", True), ("all", False), ("used", False)):
        spec = Spec(
            1, 1, n_embd, 1e-5, 1.0, act="relu",
            n_expert_used=2, expert_softmax=softmax, expert_norm=norm,
        )  # fmt: skip
        x = normal(rng, 9, n_embd)
        want = np.stack([_mixture(row, router, tensors, spec) for row in x.astype(np.float64)])
        got = kernels.to_numpy(kernels.moe(kernels.asarray(x), layer, spec))
        yield compare("moe", f"softmax={softmax} norm={norm}", got, want)


def _mixture(
    x: F64, router: npt.NDArray[np.float32], tensors: dict[str, npt.NDArray[np.float32]], spec: Spec
) -> F64:
    """One token through its experts."""
    scores = router.astype(np.float64) @ x
    best = sorted(range(len(scores)), key=lambda i: -scores[i])[: spec.n_expert_used]
    among = scores if spec.expert_softmax == "all" else scores[best]
    weights = np.exp(scores[best]) / np.exp(among).sum()
    if spec.expert_norm:
        weights /= weights.sum()
    out = np.zeros_like(x)
    for i, weight in zip(best, weights, strict=True):
        gate, up, down = (tensors[name][i].astype(np.float64) for name in ("gate", "up", "down"))
        out += weight * (down @ (np.maximum(gate @ x, 0) * (up @ x)))
    return out


def check_cache(kernels: NumpyKernels, rng: np.random.Generator) -> Iterator[Check]:
    for kind in ("f32", "f16", "q8_0", "q4_0"):
        cache = kernels.kv_new((2, 3, 40, 64), (kind, kind), rotate=False)
        k, v = normal(rng, 9, 192), normal(rng, 9, 192)
        spans = (Span(0, 8, 1, 32), Span(8, 9, 0, 7))
        kernels.kv_append(cache, kernels.asarray(k), kernels.asarray(v), spans)
        kernels.kv_copy(cache, 1, 0, 40)
        copied = kernels.to_numpy(cache.k)
        yield compare("kv", "copy", copied[0, :, 32:40], copied[1, :, 32:40])
        kernels.kv_append(cache, kernels.asarray(k), kernels.asarray(v), spans)
        grown = kernels.kv_resize(cache, 97)
        name = "kv" if kind == "f32" else f"kv/{kind}"
        for label, held in (("append", cache), ("resize", grown)):
            for store, new in ((held.k, k), (held.v, v)):
                rows = kv_read(kernels.to_numpy(store), 1, 32, 40, kind).transpose(1, 0, 2)
                yield compare(name, label, rows, new[:8].reshape(8, 3, 64))
                row = kv_read(kernels.to_numpy(store), 0, 7, 8, kind)
                yield compare(name, label, row[:, 0], new[8].reshape(3, 64))
        before = kernels.to_numpy(cache.k)[1, :, 32:40].copy()
        kernels.kv_move(cache, 1, 30, 10)  # further than it is long, and then less
        kernels.kv_move(cache, 1, 1, 9)
        yield compare("kv", "move", kernels.to_numpy(cache.k)[1, :, 1:9], before)


def _matrix(kernels: NumpyKernels, values: npt.NDArray[np.float32]) -> Weight:
    return kernels.pack(Tensor.from_array("w", values))


def _vector(kernels: NumpyKernels, values: npt.NDArray[np.float32]) -> Weight:
    return kernels.pack(Tensor.from_array("v", values))
