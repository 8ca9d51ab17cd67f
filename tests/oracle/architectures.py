"""Random models of every architecture: small, but each with all that its row can have."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from zlib import crc32

import numpy as np

from abi.gguf import write
from abi.model import Config
from abi.model._tensors import shape_of, tensor_names
from abi.quant import Tensor
from tests.synthetic import vocabulary

__all__ = ["CASES", "COLUMNS", "ENCODERS", "N_POSITIONS", "Case", "case_bytes", "write_case"]

N_POSITIONS = 64
# Through so many layers GELU's table of float16 turns a last bit into several thousandths, even
# where a model's own prompt is fed in blocks or at once.
_DEEP = 1e-2
COLUMNS = slice(3, None, 8)  # of the logits, recorded


@dataclass(frozen=True)
class Case:
    """A model to make: sizes by their metadata keys, and tensors by name."""

    arch: str
    keys: Mapping[str, Any] = field(default_factory=dict)
    optional: tuple[str, ...] = ()  # tensors of a layer beyond the required ones
    outside: tuple[str, ...] = ()  # the same outside the layers
    fused: bool = False  # attn_qkv instead of attn_q, attn_k, attn_v
    twice_up: bool = False  # ffn_up with the gate in it, where the row leaves it open
    n_vocab: int = 320
    tolerance: float = 2e-3  # of logits, absolute


_BASE: dict[str, Any] = {
    "context_length": 256,
    "embedding_length": 64,
    "block_count": 2,
    "feed_forward_length": 96,
    "attention.head_count": 4,
    "attention.head_count_kv": 2,
    "attention.layer_norm_rms_epsilon": 1e-5,
    "attention.layer_norm_epsilon": 1e-5,
}
_EQUAL = {"attention.head_count_kv": 4}  # as many key heads as query heads
_QKV = ("attn_q.bias", "attn_k.bias", "attn_v.bias")
_MOE = {"expert_count": 8, "expert_used_count": 2}
_EXP = {"expert_feed_forward_length": 48}
_SHARED = ("ffn_gate_shexp.weight", "ffn_up_shexp.weight", "ffn_down_shexp.weight")
_YARN = {
    "rope.scaling.type": "yarn",
    "rope.scaling.factor": 4.0,
    "rope.scaling.original_context_length": 64,
}
_WIDE = {"attention.key_length": 32, "attention.value_length": 32}
_GRANITE = {
    "logit_scale": 6.0, "residual_scale": 0.22, "embedding_scale": 3.0, "attention.scale": 0.2,
}  # fmt: skip
_HEADS = ("attn_q_norm.weight", "attn_k_norm.weight")
_LONG = ("rope_factors_long.weight", "rope_factors_short.weight")
_ENCODER = {"attention.causal": False, "pooling_type": 1}

CASES = {
    "llama-biases": Case(
        "llama",
        optional=(*_QKV, "attn_output.bias", "ffn_gate.bias", "ffn_up.bias", "ffn_down.bias"),
    ),
    "llama-fused": Case("llama", fused=True),
    "llama-long": Case(
        "llama",
        {"rope.scaling.type": "longrope", "rope.scaling.original_context_length": 64},
        outside=_LONG,
    ),
    "llama-old-linear": Case("llama", {"rope.scale_linear": 4.0}),
    "mixtral": Case("llama", _MOE, outside=("output.weight",)),
    "smollm3": Case("smollm3", {"block_count": 5}),
    "qwen2": Case("qwen2", optional=_QKV, outside=("output.weight", "output.bias")),
    "qwen2moe": Case(
        "qwen2moe",
        _MOE | _EXP | {"expert_shared_feed_forward_length": 40},
        _QKV,
        ("output.weight",),
    ),
    "qwen2moe-widths": Case("qwen2moe", _MOE, outside=("output.weight",)),  # by feed_forward_length
    "qwen3": Case("qwen3", _WIDE),
    "qwen3moe": Case("qwen3moe", _MOE | _EXP | _WIDE),
    "gemma": Case("gemma", _WIDE | {"attention.head_count_kv": 1}),
    "gemma2": Case("gemma2", {"block_count": 4, "attention.sliding_window": 9}),
    "gemma2-every-3": Case(
        "gemma2",
        {
            "block_count": 4,
            "attention.sliding_window": 9,
            "attention.sliding_window_pattern": 3,
            "rope.freq_base_swa": 500.0,
        },
    ),
    "gemma2-27b": Case("gemma2", _WIDE | {"block_count": 46}, tolerance=_DEEP),
    "gemma3-27b": Case("gemma3", _WIDE | {"block_count": 62}, tolerance=_DEEP),
    "gemma3-listed": Case(
        "gemma3",
        {
            "block_count": 4,
            "attention.sliding_window": 9,
            "attention.sliding_window_pattern": [True, False, False, True],
            "rope.freq_base_swa": 500.0,
        },
    ),
    "gemma3": Case(
        "gemma3",
        {
            "block_count": 7,
            "attention.sliding_window": 8,
            "rope.freq_base": 1e6,
            "rope.scaling.type": "linear",
            "rope.scaling.factor": 8.0,
        },
    ),
    "gemma3-dense": Case("gemma3", {"final_logit_softcapping": 10.0}, outside=("output.weight",)),
    "phi2": Case("phi2", _EQUAL | {"rope.dimension_count": 8}, _QKV),
    "phi3": Case("phi3", _EQUAL | {"rope.scaling.attn_factor": 1.2}, outside=_LONG, fused=True),
    "phi3-short": Case(
        "phi3",
        _EQUAL | {"context_length": 4096, "rope.scaling.original_context_length": 4096},
        outside=("output.weight", *_LONG),
    ),
    "gpt2": Case("gpt2", _EQUAL, ("attn_qkv.bias",), fused=True),
    "starcoder2": Case("starcoder2", {}, _QKV),
    "stablelm": Case(
        "stablelm", {"rope.dimension_count": 4}, (*_QKV, "ffn_norm.weight", "ffn_norm.bias")
    ),
    "stablelm-parallel": Case("stablelm", {}, _HEADS),
    "falcon": Case("falcon", {"attention.head_count_kv": 1}, fused=True),
    "falcon-40b": Case(
        "falcon", {}, ("attn_norm_2.weight", "attn_norm_2.bias"), ("output.weight",), fused=True
    ),
    "command-r": Case("command-r", {"logit_scale": 0.0625}),
    "command-r-plus": Case("command-r", {"logit_scale": 0.8, "block_count": 64}, _HEADS),
    "olmo2": Case("olmo2", _YARN),
    "olmo3": Case("olmo2", _YARN | {"block_count": 5, "attention.sliding_window": 10}),
    "granite": Case("granite", _GRANITE),
    "granite-no-rope": Case("granite", _GRANITE | {"rope.scaling.finetuned": False}),
    "granite-moe": Case(
        "granitemoe", _GRANITE | _MOE | {"expert_shared_feed_forward_length": 24}, _SHARED
    ),
    "gpt-oss": Case(
        "gpt-oss",
        _MOE | _EXP | _YARN | {"block_count": 4, "attention.sliding_window": 8},
        _QKV,
    ),
}
_YES_NO = {"pooling_type": 4, "classifier.output_labels": ["yes", "no"]}
_TYPES = ("token_types.weight",)
ENCODERS = {
    "bert": Case(
        "bert",
        _EQUAL | _ENCODER,
        (*_QKV, "attn_output.bias", "ffn_up.bias", "ffn_down.bias"),
        (*_TYPES, "cls.weight", "cls.bias", "cls.output.weight", "cls.output.bias"),
    ),
    "nomic-bert": Case("nomic-bert", _EQUAL | _ENCODER, outside=_TYPES, fused=True),
    "jina-bert-v2": Case(
        "jina-bert-v2",
        _ENCODER
        | {"attention.head_count": 6, "attention.head_count_kv": 6}
        | {"embedding_length": 96},
        (*_QKV, "ffn_gate.weight", "attn_norm_2.weight", "attn_norm_2.bias", "ffn_up.bias"),
        ("cls.weight", "cls.bias"),
    ),
    "jina-bert-v2-fused": Case(
        "jina-bert-v2",
        _EQUAL | _ENCODER,
        (*_QKV, *(f"attn_{x}_norm.{kind}" for x in "qk" for kind in ("weight", "bias"))),
        twice_up=True,
    ),
    "modern-bert": Case(
        "modern-bert",
        _EQUAL | _ENCODER | {"block_count": 4, "attention.sliding_window": 12},
        ("attn_norm.weight",),
        ("cls.weight", "cls.norm.weight", "cls.output.weight", "cls.output.bias"),
        fused=True,
    ),
    "modern-bert-silu": Case(
        "modern-bert",
        _EQUAL
        | _ENCODER
        | {
            "block_count": 4,
            "attention.sliding_window": 7,
            "attention.sliding_window_pattern": 2,
            "hidden_activation": "silu",
            "classifier.pooling_type": 2,
            "rope.freq_base_swa": 500.0,
        },
        ("attn_norm.weight",),
        ("cls.weight", "cls.output.weight"),
        fused=True,
    ),
    "qwen3-reranker": Case("qwen3", _YES_NO, outside=("cls.output.weight",)),
    "llama-last": Case("llama", {"pooling_type": 3}),
}


def write_case(target: str | Path | IO[bytes], case: Case, seed: int = 0) -> None:
    """Write a model of a case with random weights."""
    metadata = _metadata(case)
    config = Config.from_metadata(metadata)
    required, _ = tensor_names(config, fused=case.fused)
    outside = ("token_embd.weight", *config.arch.required_outside, *case.outside)
    names = [*outside]
    for i in range(config.n_layer):
        names += [f"blk.{i}.{name}" for name in (*required, *case.optional)]
    n_up = config.n_ff * (2 if config.arch.fused_up or case.twice_up else 1)
    tensors = []
    for name in names:
        values = _values(name, shape_of(name, config, case.n_vocab, n_up), seed)
        tensors.append(Tensor.from_array(name, values))
    write(target, metadata, tensors)


def case_bytes(case: Case, seed: int = 0) -> bytes:
    """The same, in memory."""
    out = io.BytesIO()
    write_case(out, case, seed)
    return out.getvalue()


def _values(name: str, shape: tuple[int, ...], seed: int) -> np.ndarray[Any, Any]:
    """Scaled so that activations stay near 1, as in a trained model."""
    rng = np.random.default_rng((seed, crc32(name.encode())))
    values = rng.standard_normal(shape, np.float32)
    if name.startswith("rope_factors"):
        return np.abs(values) + np.float32(0.5)
    if name.endswith("bias") or "position" in name or "types" in name:
        return values / 5
    if "norm" in name:
        return 1 + values / 10
    if "sinks" in name:
        return values
    return values / np.float32(shape[-1] ** 0.5)


def _metadata(case: Case) -> dict[str, Any]:
    keys = _BASE | dict(case.keys)
    extra = {"tokenizer.ggml.token_type_count": 2} if case.arch.find("bert") >= 0 else {}
    named = {f"{case.arch}.{key}": value for key, value in keys.items()}
    return {"general.architecture": case.arch} | named | vocabulary(case.n_vocab) | extra
