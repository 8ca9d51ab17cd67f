"""Reference mixture of experts: route each token, run each expert on its tokens."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from abi.kernels._block import ComposedKernels
from abi.kernels._types import Layer, Spec, Weight

__all__ = ["moe", "route"]

F32 = npt.NDArray[np.float32]

_SMALLEST_SUM = 6.103515625e-5  # the smallest normal float16, llama.cpp's guard


def moe(kernels: ComposedKernels, x: F32, layer: Layer, spec: Spec) -> F32:
    """Tokens `(T, n_embd)` through the experts of a layer, to the same shape."""
    scores = kernels.linear(x, layer.ffn_gate_inp, layer.ffn_gate_inp_bias)
    chosen, weights = route(scores, spec)
    out = np.zeros_like(x)
    for expert in np.unique(chosen).tolist():
        rows, places = np.nonzero(chosen == expert)
        made = _expert(kernels, x[rows], layer, spec, expert)
        out[rows] += made * weights[rows, places][:, None]  # a row has an expert once
    return out


def route(scores: F32, spec: Spec) -> tuple[npt.NDArray[np.int64], F32]:
    """Experts of each token and their weights: `(T, n_expert_used)` each.

    Parameters
    ----------
    scores : (T, n_expert) float32
        Of the router, before any softmax.
    """
    whole = _softmax(scores) if spec.expert_softmax == "all" else scores
    chosen = np.argsort(-whole, axis=1, kind="stable")[:, : spec.n_expert_used]
    weights = np.take_along_axis(whole, chosen, axis=1)
    if spec.expert_softmax == "used":
        weights = _softmax(weights)
    if spec.expert_norm:
        total = weights.sum(axis=1, keepdims=True)
        weights = weights / np.maximum(total, np.float32(_SMALLEST_SUM))
    return chosen, weights


def _expert(kernels: ComposedKernels, x: F32, layer: Layer, spec: Spec, i: int) -> F32:
    assert layer.ffn_up_exps is not None
    assert layer.ffn_down_exps is not None
    up = kernels.linear(x, layer.ffn_up_exps[i], None) + _row(layer.ffn_up_exps_bias, i)
    if layer.ffn_gate_exps is not None:
        gate = kernels.linear(x, layer.ffn_gate_exps[i], None) + _row(layer.ffn_gate_exps_bias, i)
        inner = kernels.glu(gate, up, spec.act)
    else:
        inner = kernels.act(up, spec.act)
    made: F32 = kernels.linear(inner, layer.ffn_down_exps[i], None)
    return made + _row(layer.ffn_down_exps_bias, i)


def _row(bias: Weight | None, i: int) -> F32:
    return np.float32(0) if bias is None else bias.data[i]  # type: ignore[return-value]


def _softmax(x: F32) -> F32:
    out: F32 = np.exp(x - x.max(axis=1, keepdims=True))
    out /= out.sum(axis=1, keepdims=True)
    return out
