"""Adapters, control vectors, shifts and cache types to compare, over the architectures' models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from abi.gguf import write
from abi.quant import Tensor
from tests.oracle.architectures import CASES, Case

__all__ = [
    "CONTROL", "CONTROL_STRENGTH", "KV", "KV_TYPES", "LORA", "LORA_STRENGTH", "SHIFTED",
    "directions", "write_control", "write_lora",
]  # fmt: skip

LORA, LORA_STRENGTH = CASES["mixtral"], 0.7
CONTROL, CONTROL_STRENGTH = CASES["smollm3"], 1.5
# llama.cpp's shift also turns keys of layers without rotation (smollm3) and multiplies them by
# the magnitude a second time (YaRN, phi3); such models are compared with themselves instead.
SHIFTED = ("llama-biases", "qwen3", "gemma3", "phi3-short")
KV = Case(
    "llama",
    {"embedding_length": 256, "attention.head_count": 4, "attention.head_count_kv": 2},
    outside=("output.weight",),
)
KV_TYPES = {"f16": 1, "q8_0": 8, "q4_0": 2}  # ggml_type

_RANK, _ALPHA = 4, 6.0
_SHAPES = {  # (k, n) of the weight
    "blk.0.attn_q.weight": (64, 64),
    "blk.1.attn_output.weight": (64, 64),
    "blk.1.ffn_gate_inp.weight": (64, 8),
    "output.weight": (64, 320),
}


def write_lora(target: Path) -> None:
    """An adapter of some matrices, of the experts of a layer, and of the embeddings."""
    rng = np.random.default_rng(5)

    def pair(name: str, a: tuple[int, ...], b: tuple[int, ...]) -> list[Tensor]:
        return [
            Tensor.from_array(f"{name}.{kind}", rng.standard_normal(shape, np.float32) / 4)
            for kind, shape in (("lora_a", a), ("lora_b", b))
        ]

    tensors = pair("token_embd.weight", (320, _RANK), (64, _RANK))
    tensors += pair("blk.0.ffn_up_exps.weight", (8, _RANK, 64), (8, 96, _RANK))
    for name, (k, n) in _SHAPES.items():
        tensors += pair(name, (_RANK, k), (n, _RANK))
    metadata = {
        "general.type": "adapter", "general.architecture": "llama", "adapter.type": "lora",
        "adapter.lora.alpha": _ALPHA,
    }  # fmt: skip
    write(target, metadata, tensors)


def directions() -> np.ndarray[Any, np.dtype[np.float32]]:
    """Of layers 1 to 4 of the control vector's model: `(4, 64)`."""
    return np.random.default_rng(6).standard_normal((4, 64), np.float32) / 3


def write_control(target: Path) -> None:
    tensors = [Tensor.from_array(f"direction.{i + 1}", row) for i, row in enumerate(directions())]
    write(target, {"general.architecture": "controlvector"}, tensors)
