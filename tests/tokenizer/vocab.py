"""Small vocabularies worked out by hand."""

from __future__ import annotations

from typing import Any

import numpy as np

from abi.tokenizer import Tokenizer

BYTES = [f"<0x{b:02X}>" for b in range(256)]


def make(model: str, tokens: list[str], types: list[int], **metadata: Any) -> Tokenizer:
    """A tokeniser of any kind."""
    keys = {"model": model, "tokens": tokens, "token_type": np.array(types, np.int32), **metadata}
    return Tokenizer.from_metadata({f"tokenizer.ggml.{key}": v for key, v in keys.items()})


def spm(pieces: dict[str, float], **metadata: Any) -> Tokenizer:
    """<unk> 0, <s> 1, </s> 2, bytes 3 to 258, then pieces with their scores from 259."""
    tokens = ["<unk>", "<s>", "</s>", *BYTES, *pieces]
    scores = np.array([0.0] * 259 + list(pieces.values()), np.float32)
    types = [2, 3, 3] + [6] * 256 + [1] * len(pieces)
    return make("llama", tokens, types, scores=scores, **metadata)


def bpe(tokens: list[str], merges: list[str], pre: str = "gpt-2", **metadata: Any) -> Tokenizer:
    """The tokens given and no others."""
    types = [3 if t.startswith("<|") else 1 for t in tokens]
    return make("gpt2", tokens, types, pre=pre, merges=merges, **metadata)


def wordpiece(pieces: list[str], **metadata: Any) -> Tokenizer:
    """[UNK] 0, [CLS] 1, [SEP] 2, then the pieces from 3."""
    roles = {"unknown_token_id": 0, "bos_token_id": 1, "seperator_token_id": 2}
    types = [2, 3, 3] + [1] * len(pieces)
    return make("bert", ["[UNK]", "[CLS]", "[SEP]", *pieces], types, **roles, **metadata)


def unigram(pieces: dict[str, float], types: list[int] | None = None, **metadata: Any) -> Tokenizer:
    """<pad> 0, </s> 1, <unk> 2, then pieces with their scores from 3."""
    scores = np.array([0.0] * 3 + list(pieces.values()), np.float32)
    kinds = [3, 3, 2, *(types or [1] * len(pieces))]
    return make("t5", ["<pad>", "</s>", "<unk>", *pieces], kinds, scores=scores, **metadata)


def rwkv(pieces: list[str], **metadata: Any) -> Tokenizer:
    """<s> 0, bytes 1 to 256, then the pieces, written as in the file."""
    tokens = ["<s>", *(repr(bytes([b]))[2:-1] for b in range(256)), *pieces]
    return make("rwkv", tokens, [3] + [1] * (len(tokens) - 1), **metadata)


def plamo2(pieces: dict[str, float], **metadata: Any) -> Tokenizer:
    """Four control tokens, bytes 4 to 259, then pieces with their scores from 260."""
    tokens = [*(f"<|plamo:{role}|>" for role in ("unk", "bos", "eos", "pad")), *BYTES, *pieces]
    scores = np.array([0.0] * 260 + list(pieces.values()), np.float32)
    types = [3] * 4 + [6] * 256 + [1] * len(pieces)
    return make("plamo2", tokens, types, scores=scores, **metadata)
