"""What passes through the kernel seam: weights, layers, the cache and one step's batch.

Activations are `Array`: float32, `(T, n)` for T tokens. On a host they are NumPy arrays; a
device keeps them where it computes, so model code never looks inside one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

__all__ = ["Array", "KVLayer", "Layer", "Span", "Spec", "Step", "Weight"]

Array = Any


@dataclass(frozen=True)
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


@dataclass(frozen=True)
class Layer:
    """One transformer layer; attributes carry the GGUF tensor names of `blk.N`.

    `attn_q` stands for `attn_q.weight`, `attn_q_bias` for `attn_q.bias`; None is absent.
    """

    attn_norm: Weight
    attn_q: Weight
    attn_k: Weight
    attn_v: Weight
    attn_output: Weight
    ffn_norm: Weight
    ffn_gate: Weight
    ffn_up: Weight
    ffn_down: Weight
    attn_q_bias: Weight | None = None
    attn_k_bias: Weight | None = None
    attn_v_bias: Weight | None = None
    attn_output_bias: Weight | None = None
    attn_q_norm: Weight | None = None
    attn_k_norm: Weight | None = None


@dataclass(frozen=True)
class Spec:
    """The numbers of a layer that are not weights."""

    n_head: int
    n_head_kv: int
    head_dim: int
    eps: float
    rope_neox: bool  # pairs (i, i + n_rot/2) instead of (2i, 2i + 1)
    scale: float  # of q @ k


@dataclass
class KVLayer:
    """Keys and values of one layer, `(n_slots, n_head_kv, capacity, head_dim)` each."""

    k: Array
    v: Array


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
    cis: Array  # (T, n_rot/2, 2): cosine and sine of each token's rotary angles
