"""Write the tiny model as GGUF: matrices in Q8_0, norms in float32, the vocabulary with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from net import Config, Params
from vocab import BOS, EOS, UNK, Vocab

from abi import gguf
from abi.quant import Tensor

__all__ = ["export", "rounded"]

MOSTLY_Q8_0 = 7  # general.file_type, as llama.cpp counts them
DESCRIPTION = "Tells little stories. Trained from scratch in NumPy on text of its own grammar."


def export(path: Path, config: Config, params: Params, vocab: Vocab) -> None:
    """Write the weights and the vocabulary to a GGUF file."""
    gguf.write(path, _metadata(config, vocab), _tensors(params))


def rounded(params: Params) -> Params:
    """Return the weights as the file holds them, expanded to float32 again."""
    return {tensor.name: tensor.to_float32() for tensor in _tensors(params)}


def _tensors(params: Params) -> list[Tensor]:
    return [
        Tensor.from_array(name, value, "Q8_0" if value.ndim == 2 else "F32")
        for name, value in params.items()
    ]


def _metadata(config: Config, vocab: Vocab) -> dict[str, Any]:
    return {
        "general.architecture": "llama",
        "general.name": "tiny stories of abi",
        "general.license": "Apache-2.0",
        "general.description": DESCRIPTION,
        "general.file_type": MOSTLY_Q8_0,
        "llama.vocab_size": config.n_vocab,
        "llama.context_length": config.n_ctx,
        "llama.embedding_length": config.n_embd,
        "llama.block_count": config.n_layer,
        "llama.feed_forward_length": config.n_ff,
        "llama.attention.head_count": config.n_head,
        "llama.attention.head_count_kv": config.n_head_kv,
        "llama.attention.layer_norm_rms_epsilon": config.eps,
        "llama.rope.dimension_count": config.n_rot,
        "llama.rope.freq_base": config.rope_base,
        "tokenizer.ggml.model": "llama",
        "tokenizer.ggml.tokens": vocab.tokens,
        "tokenizer.ggml.scores": vocab.scores,
        "tokenizer.ggml.token_type": np.asarray(vocab.types, np.int32),
        "tokenizer.ggml.bos_token_id": BOS,
        "tokenizer.ggml.eos_token_id": EOS,
        "tokenizer.ggml.unknown_token_id": UNK,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.ggml.add_space_prefix": True,
    }
