"""Which tensors are quantised at all, what kind each is, and what stands in for a type.

Source: tensor_allows_quantization, tensor_get_category and tensor_type_fallback of llama.cpp.
"""

from __future__ import annotations

import re

from abi.errors import InputError
from abi.quant import TYPES, Tensor

__all__ = ["allows", "fallback", "kind_of", "layer_of", "order"]

# Parts of names whose tensors stay: norms, gates, small or sensitive ones.
_KEPT = (
    "_norm.weight", "ffn_gate_inp.weight", "ffn_gate_tid2eid.weight", "altup", "laurel",
    "per_layer_model_proj", "ssm_conv1d", "shortconv.conv.weight", "indexer.k_proj.weight",
    "indexer.q_proj.weight", "attn_rel_b.weight", ".position_embd", "sam.pos_embd", "sam.neck.",
    "sam.net_", ".rel_pos", ".patch_embd", ".patch_merger", "a.rvq.codebook", "mm.a.code_embd",
    *(
        f"time_mix_{part}.weight"
        for part in (
            "first", "w0", "w1", "w2", "v0", "v1", "v2", "a0", "a1", "a2", "g1", "g2", "decay_w1",
            "decay_w2", "lerp_fused",
        )
    ),
)  # fmt: skip
_KEPT_BY_ARCH = {
    "glm5-next": (
        "hc_", "indexer.attn_q_b", "indexer.attn_k", "indexer.proj", "indexer_compressor_gate",
        "indexer_compressor_ape", "ssm_f_a.weight", "ssm_f_b.weight", "ssm_g_a.weight",
        "ssm_g_b.weight", "ssm_beta.weight", "attn_kv_a_mqa.weight", "attn_k_b.weight",
        "attn_v_b.weight",
    ),
}  # fmt: skip
_KEPT_WHOLE = ("position_embd.weight", "token_types.weight")
_KINDS = (  # the first whose text is in the name
    ("attn_qkv.weight", "attn_v"),
    ("attn_kv_b.weight", "attn_v"),
    ("attn_v.weight", "attn_v"),
    ("attn_k.weight", "attn_k"),
    ("attn_q.weight", "attn_q"),
    ("attn_output.weight", "attn_output"),
    ("ffn_up", "ffn_up"),
    ("ffn_gate", "ffn_gate"),
    ("ffn_down", "ffn_down"),
)
_FALLBACKS = {
    "IQ1_M": "IQ4_NL", "IQ2_S": "IQ4_NL", "IQ3_XXS": "IQ4_NL", "IQ3_S": "IQ4_NL",
    "IQ4_XS": "IQ4_NL", "Q2_0": "Q4_0", "Q2_K": "Q4_0", "Q3_K": "Q4_0",
    "TQ1_0": "Q4_0", "TQ2_0": "Q4_0", "Q4_K": "Q5_0", "Q5_K": "Q5_1", "Q6_K": "Q8_0",
}  # fmt: skip
_LAYER = re.compile(r"blk\.(\d{1,9})\.")


def layer_of(name: str) -> int:
    """The number in `blk.N.`; -1 for a tensor of no layer."""
    match = _LAYER.match(name)
    return int(match[1]) if match else -1


def order(tensor: Tensor) -> tuple[int, bytes]:
    """Key of llama.cpp's order: tensors of no layer, then layer by layer, by name in each."""
    return layer_of(tensor.name), tensor.name.encode("utf-8", "surrogateescape")


def allows(tensor: Tensor, arch: str) -> bool:
    """Whether the tensor is one that may be quantised: a matrix of weights, not one kept."""
    name, kept = tensor.name, (*_KEPT, *_KEPT_BY_ARCH.get(arch, ()))
    n_dims = len(tensor.shape) - next((i for i, n in enumerate(tensor.shape) if n > 1), 0)
    return (
        n_dims >= 2
        and name.endswith("weight")
        and name not in _KEPT_WHOLE
        and not any(part in name for part in kept)
    )


def kind_of(name: str) -> str:
    """The group of tensors that share rules; "" for none."""
    if name == "output.weight":
        return "output"
    if name in ("token_embd.weight", "per_layer_token_embd.weight"):
        return "token_embd"
    return next((kind for text, kind in _KINDS if text in name), "")


def fallback(tensor: Tensor, type_name: str) -> str:
    """The type itself, or one with smaller blocks where rows are no whole number of them."""
    row = tensor.shape[-1]
    if row % TYPES[type_name].block_size == 0:
        return type_name
    found = _FALLBACKS.get(type_name, type_name)
    if found == type_name and TYPES[type_name].block_size > 32:
        raise InputError(
            f"{tensor.name}: row of {row} is not a multiple of the {type_name} block "
            f"({TYPES[type_name].block_size}), and no type stands in for it"
        )
    return found if row % TYPES[found].block_size == 0 else "F16"
