"""Random models of a given shape, made by our own writer: for benchmarks and comparisons."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np

from abi.gguf import write
from abi.quant import TYPES, Tensor, encode

__all__ = ["BENCH_110M", "TINYLLAMA", "LlamaShape", "llama_bytes", "vocabulary", "write_llama"]


@dataclass(frozen=True)
class LlamaShape:
    """Sizes of a llama; the defaults are small enough for any test."""

    n_vocab: int = 320
    n_embd: int = 64
    n_layer: int = 2
    n_head: int = 4
    n_head_kv: int = 2
    n_ff: int = 96
    n_ctx: int = 256
    tied: bool = True
    extra: Mapping[str, Any] = field(default_factory=dict)
    rope_factors: bool = False
    key_length: int | None = None
    arch: str = "llama"
    biases: tuple[str, ...] = ()  # of attn_q, attn_k, attn_v, attn_output
    head_norms: bool = False
    n_expert: int = 0  # each with n_ff
    n_expert_used: int = 0

    @property
    def head_dim(self) -> int:
        return self.key_length or self.n_embd // self.n_head

    @property
    def n_params(self) -> int:
        heads = 2 * self.head_dim * (self.n_head + self.n_head_kv)
        layer = self.n_embd * (heads + 3 * self.n_ff * max(self.n_expert, 1) + self.n_expert)
        return self.n_layer * layer + self.n_vocab * self.n_embd * (1 if self.tied else 2)


BENCH_110M = LlamaShape(32000, 768, 12, 12, 12, 2048, 1024)
TINYLLAMA = LlamaShape(32000, 2048, 22, 32, 4, 5632, 2048, tied=False)


def write_llama(
    target: str | Path | IO[bytes], shape: LlamaShape, type_name: str = "F32", seed: int = 0
) -> None:
    """Write a llama, or a relative, with random weights, made one tensor at a time.

    Values are scaled so that activations stay near 1, as in a trained model.
    """
    names = [("token_embd.weight", (shape.n_vocab, shape.n_embd), type_name)]
    q, kv = shape.head_dim * shape.n_head, shape.head_dim * shape.n_head_kv
    matrices = {
        "attn_q": (q, shape.n_embd),
        "attn_k": (kv, shape.n_embd),
        "attn_v": (kv, shape.n_embd),
        "attn_output": (shape.n_embd, q),
        **_feed_forward(shape),
    }
    for i in range(shape.n_layer):
        names += [
            (f"blk.{i}.{n}.weight", (shape.n_embd,), "F32") for n in ("attn_norm", "ffn_norm")
        ]
        names += [(f"blk.{i}.{n}.weight", s, type_name) for n, s in matrices.items()]
        if shape.n_expert:
            names.append((f"blk.{i}.ffn_gate_inp.weight", (shape.n_expert, shape.n_embd), "F32"))
        names += [(f"blk.{i}.{n}.bias", matrices[n][:1], "F32") for n in shape.biases]
        if shape.head_norms:
            names += [
                (f"blk.{i}.{n}.weight", (shape.head_dim,), "F32")
                for n in ("attn_q_norm", "attn_k_norm")
            ]
    names.append(("output_norm.weight", (shape.n_embd,), "F32"))
    if not shape.tied:
        names.append(("output.weight", (shape.n_vocab, shape.n_embd), type_name))
    tensors = [_tensor(*row, seed=(seed, i)) for i, row in enumerate(names)]
    if shape.rope_factors:
        factors = np.linspace(1, 8, shape.head_dim // 2)
        tensors.append(Tensor.from_array("rope_freqs.weight", factors))
    write(target, _metadata(shape), tensors)


def _feed_forward(shape: LlamaShape) -> dict[str, tuple[int, ...]]:
    sizes = {"gate": (shape.n_ff, shape.n_embd), "up": (shape.n_ff, shape.n_embd)}
    sizes["down"] = (shape.n_embd, shape.n_ff)
    if not shape.n_expert:
        return {f"ffn_{name}": size for name, size in sizes.items()}
    return {f"ffn_{name}_exps": (shape.n_expert, *size) for name, size in sizes.items()}


def llama_bytes(shape: LlamaShape, type_name: str = "F32", seed: int = 0) -> bytes:
    """The same, in memory."""
    out = io.BytesIO()
    write_llama(out, shape, type_name, seed)
    return out.getvalue()


def _tensor(name: str, shape: tuple[int, ...], type_name: str, seed: tuple[int, int]) -> Tensor:
    def make() -> np.ndarray[Any, np.dtype[np.uint8]]:
        values = np.random.default_rng(seed).standard_normal(shape, np.float32)
        if len(shape) == 1:
            values = 1 + values / 10
        elif name != "token_embd.weight":
            values /= np.float32(shape[-1] ** 0.5)
        return encode(values, type_name)

    return Tensor(name, shape, TYPES[type_name], make)


def vocabulary(n_vocab: int) -> dict[str, Any]:
    """Metadata of an SPM vocabulary of that size."""
    pieces = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256))]
    pieces += ["\u2581", *map(chr, range(0x21, 0x7F))]
    pieces += [f"\u2581{i}" for i in range(n_vocab)]
    types = [2, 3, 3, *[6] * 256, *[1] * n_vocab][:n_vocab]
    return {
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": pieces[:n_vocab],
        "tokenizer.ggml.scores": -np.arange(n_vocab, dtype=np.float32),
        "tokenizer.ggml.token_type": np.array(types, np.int32),
        "tokenizer.ggml.bos_token_id": 1,
        "tokenizer.ggml.eos_token_id": 2,
        "tokenizer.ggml.unknown_token_id": 0,
    }


def _metadata(shape: LlamaShape) -> dict[str, Any]:
    metadata = {
        "general.architecture": shape.arch,
        "general.name": "random",
        f"{shape.arch}.context_length": shape.n_ctx,
        f"{shape.arch}.embedding_length": shape.n_embd,
        f"{shape.arch}.block_count": shape.n_layer,
        f"{shape.arch}.feed_forward_length": shape.n_ff,
        f"{shape.arch}.attention.head_count": shape.n_head,
        f"{shape.arch}.attention.head_count_kv": shape.n_head_kv,
        f"{shape.arch}.attention.layer_norm_rms_epsilon": 1e-5,
        f"{shape.arch}.attention.key_length": shape.head_dim,
        f"{shape.arch}.attention.value_length": shape.head_dim,
        f"{shape.arch}.rope.dimension_count": shape.head_dim,
        f"{shape.arch}.vocab_size": shape.n_vocab,
    }
    if shape.n_expert:
        metadata |= {
            f"{shape.arch}.expert_count": shape.n_expert,
            f"{shape.arch}.expert_used_count": shape.n_expert_used,
            f"{shape.arch}.expert_feed_forward_length": shape.n_ff,
        }
    return metadata | vocabulary(shape.n_vocab) | dict(shape.extra)
