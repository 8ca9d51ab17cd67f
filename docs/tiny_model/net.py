"""The tiny model's network and its gradients, by hand in NumPy.

A llama: RMSNorm, rotary positions on interleaved pairs (llama.cpp's "norm" layout), grouped
queries, SwiGLU, output tied to the embedding. Texts of a batch lie end to end in one array,
without padding; attention goes text by text. Weights carry their GGUF names in a dict and have
the shape (out, in). Left out: dropout, biases, a key-value cache.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Array", "Config", "Params", "init", "logits", "loss", "loss_and_grads"]

Array = NDArray[np.floating[Any]]
Params = dict[str, Array]
Saved = dict[str, Any]


@dataclass(frozen=True)
class Config:
    """The model's sizes, named as GGUF's ``llama.*`` keys name them."""

    n_vocab: int = 896
    n_embd: int = 128
    n_layer: int = 3
    n_head: int = 8
    n_head_kv: int = 4
    n_ff: int = 224
    n_ctx: int = 320
    eps: float = 1e-5
    rope_base: float = 10000.0

    @property
    def n_rot(self) -> int:
        """The width of one head."""
        return self.n_embd // self.n_head


@dataclass(frozen=True)
class _Batch:
    """Where each text lies in the batch, and every token's rotation."""

    spans: list[tuple[int, int]]
    turns: NDArray[np.complexfloating[Any]]  # (N, 1, n_rot / 2)


def init(config: Config, seed: int, dtype: type[np.floating[Any]] = np.float32) -> Params:
    """Draw the first weights, normal by fan-in, the residual outputs scaled by depth."""
    rng = np.random.default_rng(seed)
    width, wide = config.n_embd, config.n_ff
    kv = config.n_head_kv * config.n_rot
    shapes = {
        "attn_q": (width, width),
        "attn_k": (kv, width),
        "attn_v": (kv, width),
        "attn_output": (width, width),
        "ffn_gate": (wide, width),
        "ffn_up": (wide, width),
        "ffn_down": (width, wide),
    }
    params: Params = {"token_embd.weight": rng.normal(0, 0.05, (config.n_vocab, width))}
    for layer in range(config.n_layer):
        for name, shape in shapes.items():
            scale = shape[1] ** -0.5
            if name in ("attn_output", "ffn_down"):
                scale *= (2 * config.n_layer) ** -0.5
            params[f"blk.{layer}.{name}.weight"] = rng.normal(0, scale, shape)
        params[f"blk.{layer}.attn_norm.weight"] = np.ones(width)
        params[f"blk.{layer}.ffn_norm.weight"] = np.ones(width)
    params["output_norm.weight"] = np.ones(width)
    return {name: value.astype(dtype) for name, value in params.items()}


def _batch(config: Config, lengths: list[int], dtype: np.dtype[Any]) -> _Batch:
    stops = np.cumsum(lengths).tolist()
    positions = np.concatenate([np.arange(n) for n in lengths])
    pairs = np.arange(config.n_rot // 2)
    angles = np.outer(positions, config.rope_base ** (-2.0 * pairs / config.n_rot))
    turns = np.exp(1j * angles).astype(np.result_type(dtype, np.complex64))
    return _Batch(list(zip([0, *stops[:-1]], stops, strict=True)), turns[:, None])


def _norm(x: Array, gain: Array, eps: float) -> tuple[Array, Array, Array]:
    inverse = 1 / np.sqrt(np.einsum("nd,nd->n", x, x) / x.shape[1] + eps)[:, None]
    unit = x * inverse.astype(x.dtype)
    return unit * gain, unit, inverse.astype(x.dtype)


def _norm_back(dy: Array, gain: Array, unit: Array, inverse: Array) -> tuple[Array, Array]:
    d_gain = np.einsum("nd,nd->d", dy, unit)
    d_unit = dy * gain
    along = np.einsum("nd,nd->n", d_unit, unit)[:, None] / unit.shape[1]
    return inverse * (d_unit - unit * along), d_gain


def _rotate(x: Array, turns: NDArray[np.complexfloating[Any]], heads: int) -> Array:
    pairs = x.reshape(len(x), heads, -1).view(turns.dtype)
    turned: Array = (pairs * turns).view(x.dtype).reshape(x.shape)
    return turned


def _split(x: Array, groups: int, heads: int) -> Array:
    """(T, groups * heads * n_rot) -> (groups, heads * T, n_rot)."""
    parts = x.reshape(len(x), groups, heads, -1).transpose(1, 2, 0, 3)
    return parts.reshape(groups, heads * len(x), -1)


def _merge(x: Array, heads: int) -> Array:
    """The inverse of :func:`_split`."""
    groups, rows, width = x.shape
    parts = x.reshape(groups, heads, rows // heads, width).transpose(2, 0, 1, 3)
    return parts.reshape(rows // heads, -1)


def _attend(config: Config, q: Array, k: Array, v: Array) -> tuple[Array, Saved]:
    """Causal attention within one text: q (T, n_embd), k and v (T, n_head_kv * n_rot)."""
    groups, heads, length = config.n_head_kv, config.n_head // config.n_head_kv, len(q)
    qs = _split(q, groups, heads) * q.dtype.type(config.n_rot**-0.5)
    ks, vs = _split(k, groups, 1), _split(v, groups, 1)
    future = np.triu(np.full((length, length), -1e9, q.dtype), 1)
    probs: Array = (qs @ ks.swapaxes(1, 2)).reshape(groups, heads, length, length)
    probs += future
    probs -= probs.max(axis=-1, keepdims=True)
    np.exp(probs, out=probs)
    probs /= probs.sum(axis=-1, keepdims=True)
    probs = probs.reshape(groups, heads * length, length)
    out = probs @ vs
    return _merge(out, heads), {"q": qs, "k": ks, "v": vs, "p": probs, "out": out}


def _attend_back(config: Config, dy: Array, saved: Saved) -> tuple[Array, Array, Array]:
    groups, heads = config.n_head_kv, config.n_head // config.n_head_kv
    d_out = _split(dy, groups, heads)
    d_v = saved["p"].swapaxes(1, 2) @ d_out
    d_scores = d_out @ saved["v"].swapaxes(1, 2)
    d_scores -= np.einsum("gtd,gtd->gt", d_out, saved["out"])[..., None]
    d_scores *= saved["p"]
    d_q = (d_scores @ saved["k"]) * dy.dtype.type(config.n_rot**-0.5)
    d_k = d_scores.swapaxes(1, 2) @ saved["q"]
    return _merge(d_q, heads), _merge(d_k, 1), _merge(d_v, 1)


def _layer(config: Config, weights: Params, x: Array, batch: _Batch) -> tuple[Array, Saved]:
    s: Saved = {}
    s["h"], s["unit1"], s["inv1"] = _norm(x, weights["attn_norm"], config.eps)
    q = _rotate(s["h"] @ weights["attn_q"].T, batch.turns, config.n_head)
    k = _rotate(s["h"] @ weights["attn_k"].T, batch.turns, config.n_head_kv)
    v = s["h"] @ weights["attn_v"].T
    texts = [_attend(config, q[a:b], k[a:b], v[a:b]) for a, b in batch.spans]
    s["texts"] = [saved for _, saved in texts]
    s["mix"] = np.concatenate([out for out, _ in texts])
    x = x + s["mix"] @ weights["attn_output"].T
    s["m"], s["unit2"], s["inv2"] = _norm(x, weights["ffn_norm"], config.eps)
    s["gate"], s["up"] = s["m"] @ weights["ffn_gate"].T, s["m"] @ weights["ffn_up"].T
    s["sig"] = 1 / (1 + np.exp(-s["gate"]))
    s["act"] = s["gate"] * s["sig"] * s["up"]
    return x + s["act"] @ weights["ffn_down"].T, s


def _ffn_back(weights: Params, dy: Array, s: Saved) -> tuple[Array, Params]:
    d_act = dy @ weights["ffn_down"]
    silu = s["gate"] * s["sig"]
    d_up = d_act * silu
    d_gate = d_act * s["up"] * (s["sig"] + silu * (1 - s["sig"]))
    d_m = d_gate @ weights["ffn_gate"] + d_up @ weights["ffn_up"]
    dx, d_norm = _norm_back(d_m, weights["ffn_norm"], s["unit2"], s["inv2"])
    grads = {"ffn_down": dy.T @ s["act"], "ffn_gate": d_gate.T @ s["m"], "ffn_up": d_up.T @ s["m"]}
    return dy + dx, {**grads, "ffn_norm": d_norm}


def _attn_back(
    config: Config, weights: Params, dy: Array, s: Saved, batch: _Batch
) -> tuple[Array, Params]:
    d_mix = dy @ weights["attn_output"]
    spans = zip(batch.spans, s["texts"], strict=True)
    parts = [_attend_back(config, d_mix[a:b], saved) for (a, b), saved in spans]
    d_q, d_k, d_v = (np.concatenate(each) for each in zip(*parts, strict=True))
    d_q = _rotate(d_q, batch.turns.conj(), config.n_head)
    d_k = _rotate(d_k, batch.turns.conj(), config.n_head_kv)
    d_h = d_q @ weights["attn_q"] + d_k @ weights["attn_k"] + d_v @ weights["attn_v"]
    dx, d_norm = _norm_back(d_h, weights["attn_norm"], s["unit1"], s["inv1"])
    pairs = {"attn_q": d_q, "attn_k": d_k, "attn_v": d_v}
    grads = {name: each.T @ s["h"] for name, each in pairs.items()}
    return dy + dx, {**grads, "attn_output": dy.T @ s["mix"], "attn_norm": d_norm}


def _weights(params: Params, layer: int) -> Params:
    prefix = f"blk.{layer}."
    return {
        name.removeprefix(prefix).removesuffix(".weight"): value
        for name, value in params.items()
        if name.startswith(prefix)
    }


def _forward(
    config: Config, params: Params, texts: list[list[int]]
) -> tuple[Array, list[Saved], _Batch, tuple[Array, Array, Array]]:
    embd = params["token_embd.weight"]
    batch = _batch(config, [len(text) for text in texts], embd.dtype)
    x = embd[np.concatenate(texts)]
    saved: list[Saved] = []
    for layer in range(config.n_layer):
        x, kept = _layer(config, _weights(params, layer), x, batch)
        saved.append(kept)
    last = _norm(x, params["output_norm.weight"], config.eps)
    return last[0] @ embd.T, saved, batch, last


def logits(config: Config, params: Params, tokens: list[int]) -> Array:
    """Return the (T, n_vocab) scores of every next token of one text."""
    return _forward(config, params, [tokens])[0]


def _entropy(scores: Array, targets: NDArray[np.intp]) -> tuple[float, Array]:
    """Mean cross-entropy in nats, and its gradient by the scores."""
    rows = np.arange(len(targets))
    scores = scores - scores.max(axis=1, keepdims=True)
    probs = np.exp(scores)
    total = probs.sum(axis=1, keepdims=True)
    mean = float(np.mean(np.log(total[:, 0]) - scores[rows, targets]))
    probs /= total
    probs[rows, targets] -= 1
    return mean, probs / scores.dtype.type(len(targets))


def _targets(texts: list[list[int]]) -> NDArray[np.intp]:
    return np.concatenate([text[1:] for text in texts])


def loss(config: Config, params: Params, texts: list[list[int]]) -> float:
    """Return the mean cross-entropy, in nats a token, of texts that start with BOS."""
    scores = _forward(config, params, [text[:-1] for text in texts])[0]
    return _entropy(scores, _targets(texts))[0]


def loss_and_grads(config: Config, params: Params, texts: list[list[int]]) -> tuple[float, Params]:
    """Return :func:`loss` and its gradient by every weight, under the weight's name."""
    inputs = [text[:-1] for text in texts]
    scores, saved, batch, (last, unit, inverse) = _forward(config, params, inputs)
    mean, d_scores = _entropy(scores, _targets(texts))
    embd = params["token_embd.weight"]
    dx, d_norm = _norm_back(d_scores @ embd, params["output_norm.weight"], unit, inverse)
    grads: Params = {"token_embd.weight": d_scores.T @ last, "output_norm.weight": d_norm}
    for layer in reversed(range(config.n_layer)):
        weights = _weights(params, layer)
        dx, ffn = _ffn_back(weights, dx, saved[layer])
        dx, attn = _attn_back(config, weights, dx, saved[layer], batch)
        grads |= {f"blk.{layer}.{name}.weight": each for name, each in (ffn | attn).items()}
    np.add.at(grads["token_embd.weight"], np.concatenate(inputs), dx)
    return mean, grads
