"""The architectures: a table.

Facts of the models are those of llama.cpp, whose goldens hold every row (`tests/model`).
"""

from __future__ import annotations

from dataclasses import replace

from abi.model._arch import Architecture, Classifier, Window

__all__ = ["ARCHITECTURES"]


def _both(*stems: str) -> tuple[str, ...]:
    return tuple(f"{stem}.{kind}" for stem in stems for kind in ("weight", "bias"))


_NORMS = ("attn_norm.weight", "ffn_norm.weight")
_NORMS_BOTH = _both("attn_norm", "ffn_norm")
_POST = ("post_attention_norm.weight", "post_ffw_norm.weight")
_HEADS = ("attn_q_norm.weight", "attn_k_norm.weight")
_GATED = ("ffn_gate.weight", "ffn_up.weight", "ffn_down.weight")
_PLAIN = ("ffn_up.weight", "ffn_down.weight")
_PLAIN_BOTH = _both("ffn_up", "ffn_down")
_FFN_BIASES = ("ffn_gate.bias", "ffn_up.bias", "ffn_down.bias")
_EXPERTS = (
    "ffn_gate_inp.weight", "ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight",
)  # fmt: skip
_EXPERT_BIASES = tuple(name.replace("weight", "bias") for name in _EXPERTS)
_SHARED = ("ffn_gate_shexp.weight", "ffn_up_shexp.weight", "ffn_down_shexp.weight")
_NORM_BOTH = _both("output_norm")
_FACTORS = ("rope_freqs.weight", "rope_factors_long.weight", "rope_factors_short.weight")
_ENCODER = (*_both("attn_output_norm", "layer_output_norm"), *_PLAIN)
_HEAD = ("cls.weight", "cls.bias", "cls.output.weight", "cls.output.bias")

_GRANITE = Architecture(
    "granite",
    rope="norm",
    required=_NORMS,
    optional=("attn_output.bias", *_FFN_BIASES, *_SHARED),
    optional_outside=("output.weight", *_FACTORS),
    experts="maybe",
    embedding="key",
    attention_scale="key",
    logit_scale="divided",
    rope_switch=True,
)
_ROWS = (
    Architecture(
        "llama",
        rope="norm",
        required=_NORMS,
        optional=("attn_output.bias", *_FFN_BIASES),
        optional_outside=("output.weight", *_FACTORS),
        experts="maybe",
    ),
    Architecture("smollm3", rope="norm", required=(*_NORMS, *_GATED), rope_step=4),
    Architecture(
        "qwen2", required=(*_NORMS, *_GATED), optional_outside=("output.weight", "output.bias")
    ),
    Architecture(
        "qwen2moe",
        required=(*_NORMS, *_EXPERTS, *_SHARED, "ffn_gate_inp_shexp.weight"),
        experts="always",
        expert_norm=False,
    ),
    Architecture(
        "qwen3",
        required=(*_NORMS, *_HEADS, *_GATED),
        optional_outside=("output.weight", "cls.output.weight"),
        classifier=Classifier(softmax=True),
    ),
    Architecture("qwen3moe", required=(*_NORMS, *_HEADS, *_EXPERTS), experts="always"),
    Architecture(
        "gemma",
        act="gelu",
        required=(*_NORMS, *_GATED),
        embedding="sqrt",
        optional_outside=(),
    ),
    Architecture(
        "gemma2",
        act="gelu",
        required=(*_NORMS, *_POST, *_GATED),
        optional_outside=(),
        embedding="sqrt",
        attention_scale="gemma",
        gemma_27b=46,
        attn_softcap=50.0,
        final_softcap=30.0,
        window=Window(2, default=4096),
    ),
    Architecture(
        "gemma3",
        act="gelu",
        required=(*_NORMS, *_POST, *_HEADS, *_GATED),
        embedding="sqrt",
        attention_scale="gemma",
        gemma_27b=62,
        final_softcap=0.0,
        window=Window(6, rope="own"),
    ),
    Architecture(
        "phi2",
        norm="layer",
        act="gelu",
        required=(*_both("attn_norm"), "attn_output.bias", *_PLAIN_BOTH),
        required_outside=(*_NORM_BOTH, *_both("output")),
        optional_outside=(),
        parallel=True,
    ),
    Architecture(
        "phi3",
        required=(*_NORMS, *_PLAIN),
        optional_outside=("output.weight", *_FACTORS[1:]),
        fused_up=True,
    ),
    Architecture(
        "gpt2",
        rope="none",
        norm="layer",
        act="gelu",
        required=(*_NORMS_BOTH, "attn_output.bias", *_PLAIN_BOTH),
        required_outside=("position_embd.weight", *_NORM_BOTH),
    ),
    Architecture(
        "starcoder2",
        norm="layer",
        act="gelu",
        required=(*_NORMS_BOTH, "attn_output.bias", *_PLAIN_BOTH),
        required_outside=_NORM_BOTH,
    ),
    Architecture(
        "stablelm",
        norm="layer",
        required=(*_both("attn_norm"), *_GATED),
        optional=(*_HEADS, *_both("ffn_norm")),
        required_outside=(*_NORM_BOTH, "output.weight"),
        optional_outside=(),
        head_norm="heads",
        parallel=True,
    ),
    Architecture(
        "falcon",
        norm="layer",
        act="gelu",
        required=(*_both("attn_norm"), *_PLAIN),
        optional=_both("attn_norm_2"),
        required_outside=_NORM_BOTH,
        parallel=True,
    ),
    Architecture(
        "command-r",
        rope="norm",
        norm="layer",
        required=("attn_norm.weight", *_GATED),
        optional=_HEADS,
        optional_outside=(),
        head_norm="heads",
        parallel=True,
        logit_scale="multiplied",
    ),
    Architecture(
        "olmo2",
        required=(*_HEADS, *_POST, *_GATED),
        required_outside=("output_norm.weight", "output.weight"),
        optional_outside=(),
        head_norm="whole",
        window=Window(4, rope="unscaled"),
    ),
    _GRANITE,
    replace(_GRANITE, name="granitemoe", rope_switch=False),
    Architecture(
        "gpt-oss",
        act="swiglu_oai",
        required=(
            "attn_norm.weight",
            "post_attention_norm.weight",
            "attn_sinks.weight",
            "attn_output.bias",
            *_EXPERTS,
            *_EXPERT_BIASES,
        ),
        required_outside=("output_norm.weight", "output.weight"),
        optional_outside=(),
        experts="always",
        expert_norm=False,
        expert_softmax="used",
        window=Window(2),
        renamed=(("ffn_norm", "post_attention_norm"),),
    ),
    Architecture(
        "bert",
        rope="none",
        norm="layer",
        act="gelu",
        required=_ENCODER,
        optional=("attn_output.bias", "ffn_up.bias", "ffn_down.bias"),
        required_outside=(*_both("token_embd_norm"), "position_embd.weight"),
        optional_outside=("token_types.weight", *_HEAD),
        causal=False,
        embeds_only=True,
    ),
    Architecture(
        "nomic-bert",
        norm="layer",
        required=(*_ENCODER, "ffn_gate.weight"),
        optional=("attn_output.bias", "ffn_up.bias", "ffn_down.bias"),
        required_outside=_both("token_embd_norm"),
        optional_outside=("token_types.weight",),
        causal=False,
        embeds_only=True,
    ),
    Architecture(
        "jina-bert-v2",
        rope="none",
        norm="layer",
        act="gelu",
        required=(*_ENCODER, "attn_output.bias", "ffn_down.bias"),
        optional=(
            *_both("attn_q_norm", "attn_k_norm", "attn_norm_2"),
            "ffn_gate.weight",
            "ffn_up.bias",
        ),
        required_outside=(*_both("token_embd_norm"), "token_types.weight"),
        optional_outside=_HEAD[:2],
        head_norm="whole",
        causal=False,
        embeds_only=True,
        alibi=8.0,
        renamed=(("attn_output_norm_2", "attn_norm_2"),),
        sizes=(("cls.weight", "n_cls n_embd"), ("cls.bias", "n_cls")),
    ),
    Architecture(
        "modern-bert",
        norm="layer",
        act="gelu",
        required=("ffn_norm.weight", *_PLAIN),
        optional=("attn_norm.weight",),
        required_outside=("token_embd_norm.weight", "output_norm.weight"),
        optional_outside=("cls.weight", "cls.norm.weight", *_HEAD[2:]),
        fused_up=True,
        act_key=True,
        classifier=Classifier(mean=True, act="gelu"),
        window=Window(3, dense_first=True, rope="own"),
        causal=False,
        embeds_only=True,
    ),
)

ARCHITECTURES: dict[str, Architecture] = {row.name: row for row in _ROWS}
