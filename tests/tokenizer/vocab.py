"""Small vocabularies worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from abi.tokenizer import Tokenizer


def spm(pieces: dict[str, float], **metadata: Any) -> Tokenizer:
    """<unk> 0, <s> 1, </s> 2, bytes 3 to 258, then pieces with their scores from 259."""
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{b:02X}>" for b in range(256)), *pieces]
    return Tokenizer.from_metadata(
        {
            "tokenizer.ggml.model": "llama",
            "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.scores": np.array([0.0] * 259 + list(pieces.values()), np.float32),
            "tokenizer.ggml.token_type": np.array([2, 3, 3] + [6] * 256 + [1] * len(pieces)),
            **{f"tokenizer.ggml.{key}": value for key, value in metadata.items()},
        }
    )


def bpe(tokens: list[str], merges: list[str], pre: str = "gpt-2", **metadata: Any) -> Tokenizer:
    """The tokens given and no others."""
    types = np.array([3 if t.startswith("<|") else 1 for t in tokens], np.int32)
    return Tokenizer.from_metadata(
        {
            "tokenizer.ggml.model": "gpt2",
            "tokenizer.ggml.pre": pre,
            "tokenizer.ggml.tokens": tokens,
            "tokenizer.ggml.token_type": types,
            "tokenizer.ggml.merges": merges,
            **{f"tokenizer.ggml.{key}": value for key, value in metadata.items()},
        }
    )
