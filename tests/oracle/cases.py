"""What is compared with llama.cpp: the same prompts, models and strings on both sides."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np

from abi.gguf import read, write
from abi.quant import Tensor
from abi.tokenizer import PRETOKENIZERS
from tests.oracle.pieces import SYNTHETIC
from tests.oracle.strings import mixed_strings
from tests.synthetic import LlamaShape

__all__ = [
    "DATA", "GREEDY_PROMPT", "GREEDY_TYPES", "KINDS", "N_CHUNKS", "N_MIXED", "N_STRINGS",
    "PERPLEXITY_CTX", "PROMPTS", "RULES", "RULES_VOCAB", "SHAPES",
    "STORIES", "both_ways", "digest", "mixed_cases", "random_ids", "requantize", "stories_path",
]  # fmt: skip

DATA = Path(__file__).parent.parent / "data"
STORIES = "stories260K-f32.gguf"
N_STRINGS = 20_000
PERPLEXITY_CTX, N_CHUNKS = 256, 12
N_MIXED = 500
RULES_VOCAB = "gpt-2"
# One name of each pre-tokeniser. With "whitespace" llama.cpp aborts at a space, except in the
# kind of that name, which is compared as such.
RULES = tuple(
    name
    for i, (name, rule) in enumerate(PRETOKENIZERS.items())
    if rule not in list(PRETOKENIZERS.values())[:i] and name != "whitespace"
)
KINDS = (  # vendored files, and vocabularies of `pieces.SYNTHETIC`
    "bert-bge", "deepseek-llm", "nomic-bert-moe", "phi-3", *(f"+{name}" for name in SYNTHETIC),
)  # fmt: skip

PROMPTS = (
    "Once upon a time",
    "Lily and her dog went to the park. They saw a big, red ball and",
    'Tom was sad because he lost his toy. His mom said, "Don\'t worry! We can find it."',
    "A small bird\n\nlived in a tree. It liked to sing — every day, 7 songs: ünïcödé 🐦!",
)

_YARN = {
    "llama.rope.scaling.type": "yarn",
    "llama.rope.scaling.factor": 4.0,
    "llama.rope.scaling.original_context_length": 64,
}
SHAPES = {  # random models, one for each thing the forward pass can differ in
    "plain": LlamaShape(),
    "one-kv-head": LlamaShape(n_head=8, n_head_kv=1, tied=False),
    "rope-base": LlamaShape(extra={"llama.rope.freq_base": 500000.0}),
    "rope-linear": LlamaShape(
        extra={"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 2.0}
    ),
    "rope-yarn": LlamaShape(n_head=2, n_head_kv=2, extra=_YARN),
    "rope-factors": LlamaShape(rope_factors=True),
    "head-dim": LlamaShape(key_length=32),
    "biases": LlamaShape(biases=("attn_q", "attn_k", "attn_v", "attn_output")),
    "qwen2": LlamaShape(arch="qwen2", biases=("attn_q", "attn_k", "attn_v")),
    "qwen3": LlamaShape(arch="qwen3", head_norms=True, key_length=32),
}


def stories_path() -> Path:
    """The trained model of `../shared/models`, which is not part of the repository."""
    return Path(__file__).parents[2].parent / "shared" / "models" / STORIES


def random_ids(n: int = 24) -> list[int]:
    """Token ids for the random models."""
    return np.random.default_rng(7).integers(3, 320, n).tolist()


GREEDY_PROMPT = "Once upon a time"
# Types whose blocks fit the 64 columns of stories260K.
GREEDY_TYPES = ("F16", "BF16", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "IQ4_NL", "MXFP4")


def requantize(source: Path, target: Path, type_name: str) -> None:
    """Every matrix whose rows are whole blocks in another type; the rest as it is."""
    file = read(source)
    tensors = [
        Tensor.from_array(t.name, t.to_float32(), type_name)
        if len(t.shape) == 2 and t.shape[-1] % 32 == 0
        else t
        for t in file.tensors.values()
    ]
    write(target, file.typed(), tensors)


def digest(ids: Iterable[int]) -> int:
    """32 bits of a token list: FNV-1a over its numbers."""
    value = 0x811C9DC5
    for i in ids:
        value = (value ^ i) * 0x01000193 & 0xFFFFFFFF
    return value


def mixed_cases(pieces: list[str]) -> Iterable[bytes]:
    """Strings for one vocabulary."""
    return mixed_strings(N_MIXED, 5, pieces)


def both_ways(
    raw: bytes,
    encode: Callable[[bytes, bool, bool], list[int]],
    detokenize: Callable[[list[int], bool, bool], bytes],
) -> int:
    """Digest of a string's tokens, without special ones and with them, and of their texts."""
    plain, special = encode(raw, False, False), encode(raw, True, True)
    texts = detokenize(plain, False, True), detokenize(special, True, False)
    return digest([*plain, 1 << 31, *special, 1 << 31, *texts[0], 1 << 31, *texts[1]])
