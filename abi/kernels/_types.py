"""What passes through the kernel seam: weights, layers, the cache and one step's batch.

Activations are `Array`: float32, `(T, n)` for T tokens. On a host they are NumPy arrays; a
device keeps them where it computes, so model code never looks inside one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Adapter", "Array", "Experts", "KVLayer", "Layer", "Span", "Spec", "Step", "Weight"]

Array = Any


@dataclass(frozen=True, eq=False)
class Adapter:
    """A low-rank addition to a matrix: `scale * (x @ a.T) @ b.T` (LoRA, arXiv 2106.09685)."""

    a: Weight  # (r, k)
    b: Weight  # (n, r)
    scale: float


@dataclass(frozen=True, eq=False)
class Weight:
    """A packed matrix or vector.

    `data` belongs to the kernels that packed it: an expanded float32 array, the stored
    tensor, or whatever an accelerator re-laid it to, as `layout` says.
    """

    name: str
    shape: tuple[int, ...]
    type_name: str  # as stored in the file
    layout: str
    data: Any = field(repr=False)
    n_bytes: int  # memory it takes beyond the mapped file
    adapters: tuple[Adapter, ...] = ()


Experts = tuple[Weight, ...]  # one matrix an expert


@dataclass(frozen=True, eq=False, repr=False)  # 60 fields: each method costs at import
class Layer:
    """One transformer layer; attributes carry the GGUF tensor names of `blk.N`.

    `attn_q` stands for `attn_q.weight`, `attn_q_bias` for `attn_q.bias`; None is absent, and
    decides: a norm that is absent is left out, and so on. `Spec` holds what the presence of
    a tensor does not tell.
    """

    attn_norm: Weight | None = None
    attn_norm_bias: Weight | None = None
    attn_norm_2: Weight | None = None  # of the attention, where attn_norm is the other branch's
    attn_norm_2_bias: Weight | None = None
    attn_qkv: Weight | None = None  # or the three that follow
    attn_qkv_bias: Weight | None = None
    attn_q: Weight | None = None
    attn_q_bias: Weight | None = None
    attn_k: Weight | None = None
    attn_k_bias: Weight | None = None
    attn_v: Weight | None = None
    attn_v_bias: Weight | None = None
    attn_q_norm: Weight | None = None
    attn_q_norm_bias: Weight | None = None
    attn_k_norm: Weight | None = None
    attn_k_norm_bias: Weight | None = None
    attn_sinks: Weight | None = None
    attn_output: Weight | None = None
    attn_output_bias: Weight | None = None
    post_attention_norm: Weight | None = None  # of what the attention adds
    attn_output_norm: Weight | None = None  # of the sum (post-norm encoders)
    attn_output_norm_bias: Weight | None = None
    attn_output_norm_2: Weight | None = None
    attn_output_norm_2_bias: Weight | None = None
    ffn_norm: Weight | None = None
    ffn_norm_bias: Weight | None = None
    ffn_gate: Weight | None = None  # absent: ffn_up holds both halves, or there is no gate
    ffn_gate_bias: Weight | None = None
    ffn_up: Weight | None = None
    ffn_up_bias: Weight | None = None
    ffn_down: Weight | None = None
    ffn_down_bias: Weight | None = None
    ffn_gate_inp: Weight | None = None  # the router; with it the experts that follow
    ffn_gate_inp_bias: Weight | None = None
    ffn_gate_exps: Experts | None = None
    ffn_gate_exps_bias: Weight | None = None
    ffn_up_exps: Experts | None = None
    ffn_up_exps_bias: Weight | None = None
    ffn_down_exps: Experts | None = None
    ffn_down_exps_bias: Weight | None = None
    ffn_gate_inp_shexp: Weight | None = None  # the gate of the shared expert
    ffn_gate_shexp: Weight | None = None
    ffn_up_shexp: Weight | None = None
    ffn_down_shexp: Weight | None = None
    post_ffw_norm: Weight | None = None  # of what the feed-forward part adds
    layer_output_norm: Weight | None = None  # of the sum (post-norm encoders)
    layer_output_norm_bias: Weight | None = None


@dataclass(frozen=True)
class Spec:
    """The numbers of a layer that are not weights.

    Attributes
    ----------
    n_head, n_head_kv, head_dim : int
    eps : float
        Of the norms.
    norm : str
        "rms" or "layer".
    rope : int or None
        Which table of `Step.cis` turns this layer's queries and keys; None for none.
    rope_neox : bool
        Pairs are (i, i + n_rot/2) instead of (2i, 2i + 1).
    scale : float
        Of q @ k.
    causal : bool
    window : int
        Of sliding-window attention, 0 for all positions: a token sees the `window` last
        ones, itself included; without `causal` those at most `window // 2` away.
    softcap : float
        Scores become `softcap * tanh(scores / softcap)`; 0 for none.
    alibi : float
        Largest slope exponent of linear biases (arXiv 2108.12409); 0 for none.
    act : str
        "silu", "gelu", "relu" or "swiglu_oai".
    n_ff : int
        Width after the gate.
    parallel : bool
        Attention and feed-forward part read the same input.
    residual_scale : float
        Of what each half of the layer adds.
    n_expert_used : int
        Of the experts, for each token.
    expert_norm : bool
        Weights of the experts used are divided by their sum.
    expert_softmax : str
        "all" experts before the choice, or those "used" after it.
    """

    n_head: int
    n_head_kv: int
    head_dim: int
    eps: float
    scale: float
    norm: str = "rms"
    rope: int | None = 0
    rope_neox: bool = False
    causal: bool = True
    window: int = 0
    softcap: float = 0.0
    alibi: float = 0.0
    act: str = "silu"
    n_ff: int = 0
    parallel: bool = False
    residual_scale: float = 1.0
    n_expert_used: int = 0
    expert_norm: bool = True
    expert_softmax: str = "all"


@dataclass
class KVLayer:
    """Keys and values of one layer: `(n_slots, n_head_kv, capacity, head_dim)` each.

    `type_k` and `type_v` say how they are held: "f32", "f16", "q8_0" or "q4_0"; the last
    dimension of the arrays is whatever the kernels that made them need for that. Keys and
    values go in turned by Hadamard matrices of sides `rotate_k` and `rotate_v`, if not 0.
    """

    k: Array
    v: Array
    type_k: str = "f32"
    type_v: str = "f32"
    rotate_k: int = 0
    rotate_v: int = 0


@dataclass(frozen=True)
class Span:
    """Rows `start:stop` of a batch: consecutive positions from `pos` on in one slot."""

    start: int
    stop: int
    slot: int
    pos: int


@dataclass(frozen=True)
class Step:
    """What all layers share in one forward pass."""

    spans: tuple[Span, ...]
    cis: tuple[Array, ...]  # (T, n_rot/2, 2) each: cosine and sine of each token's angles
