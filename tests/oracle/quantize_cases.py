"""What is quantised on both sides: blocks of numbers, small model files, and options."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from string import ascii_letters
from typing import Any

import numpy as np

from abi.convert import QuantizeOptions
from abi.gguf import write
from abi.quant import TYPES, Tensor
from tests.synthetic import LlamaShape

__all__ = [
    "CASES", "DECODED", "LOGITS_AT", "MADE", "OPTIONS", "SHAPE", "SKELETONS", "Skeleton",
    "block_digest", "blocks", "expand_digest", "numbers", "skeleton_bytes", "type_codes",
]  # fmt: skip

CASES = (
    "normal", "laplace", "uniform", "below-zero", "sparse", "groups", "blocks", "whole", "tiny",
    "small", "huge", "steps", "zeros",
)  # fmt: skip
MADE = (
    "Q1_0", "Q2_0", "Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q8_1", "Q8_K", "Q2_K", "Q3_K", "Q4_K",
    "Q5_K", "Q6_K", "IQ1_M", "IQ2_S", "IQ3_XXS", "IQ3_S", "IQ4_NL", "IQ4_XS", "MXFP4", "NVFP4",
    "TQ1_0", "TQ2_0",
)  # fmt: skip
DECODED = (
    *(name for name in MADE if name != "Q8_1"),  # which ggml cannot expand
    "IQ1_S", "IQ2_XXS", "IQ2_XS",
)  # fmt: skip
_N = 256 * 96


def numbers(case: str) -> Any:
    """`(96, 256) float32` of one kind."""
    rng = np.random.default_rng(CASES.index(case))
    normal = rng.standard_normal(_N)
    found = {
        "normal": lambda: normal,
        "laplace": lambda: rng.laplace(size=_N),
        "uniform": lambda: rng.uniform(size=_N),
        "below-zero": lambda: -1 - rng.uniform(size=_N),
        "sparse": lambda: np.where(rng.uniform(size=_N) < 0.1, normal, 0),
        "groups": lambda: normal * np.repeat(10.0 ** rng.integers(-12, 5, _N // 16), 16),
        "blocks": lambda: normal * np.repeat(10.0 ** rng.integers(-14, 0, _N // 256), 256),
        "whole": lambda: rng.integers(-3, 4, _N),
        "tiny": lambda: normal * 1e-20,
        "small": lambda: normal * 1e-9,
        "huge": lambda: normal * 1e4,
        "steps": lambda: np.repeat(rng.standard_normal(_N // 16), 16),
        "zeros": lambda: np.zeros(_N),
    }[case]()
    return found.astype(np.float32).reshape(-1, 256)


def blocks(name: str) -> Any:
    """Random bytes of 64 blocks."""
    rng = np.random.default_rng(TYPES[name].id)
    return rng.integers(0, 256, 64 * TYPES[name].type_size).astype(np.uint8)


def block_digest(raw: Any) -> str:
    return hashlib.sha256(np.ascontiguousarray(raw).tobytes()).hexdigest()[:16]


def expand_digest(values: Any) -> str:
    """Of float32 values; every NaN counts as one."""
    return block_digest(np.where(np.isnan(values), np.float32(np.nan), values).astype("<f4"))


@dataclass(frozen=True)
class Skeleton:
    """A model of the right names and almost no weights: what a mix looks at."""

    n_layer: int
    n_head: int = 8
    n_head_kv: int = 8
    arch: str = "llama"
    n_expert: int = 0
    tied: bool = False
    fused: bool = False  # attn_qkv
    row: int = 256
    ff_row: int = 256
    type: str = "F32"


SKELETONS = {
    "two": Skeleton(2, n_head_kv=2),
    "layers-9": Skeleton(9),
    "gqa-16": Skeleton(16, n_head_kv=2, type="BF16"),
    "tied-33": Skeleton(33, n_head_kv=4, tied=True),
    "80": Skeleton(80, n_head_kv=1, type="F16"),
    "80-no-gqa": Skeleton(80),
    "experts-8": Skeleton(10, n_head_kv=2, n_expert=8),
    "experts-4": Skeleton(17, n_head_kv=2, n_expert=4),
    "falcon": Skeleton(32, arch="falcon", fused=True),
    "qwen2": Skeleton(24, n_head_kv=2, arch="qwen2", tied=True),
    "qwen2-80": Skeleton(80, arch="qwen2"),
    "qwen3-80": Skeleton(80, n_head_kv=1, arch="qwen3"),
    "rows-64": Skeleton(9, n_head_kv=2, row=64, ff_row=96),
    "rows-48": Skeleton(9, row=48, ff_row=288),
}
OPTIONS = {
    "output": ("Q4_K_M", QuantizeOptions(output_type="Q8_0")),
    "embd": ("Q4_K_M", QuantizeOptions(token_embd_type="Q2_K")),
    "pure": ("Q4_K_M", QuantizeOptions(pure=True)),
    "few-bits": ("Q4_K_S", QuantizeOptions(token_embd_type="IQ2_S", output_type="IQ3_XXS")),
    "one-bit": ("Q2_K", QuantizeOptions(token_embd_type="IQ1_M")),
    "leave": ("Q3_K_L", QuantizeOptions(leave_output=True)),
    "patterns": (
        "Q4_K_S",
        QuantizeOptions(
            tensor_types=[(r"blk\.[01]\.attn_(q|k)", "Q8_0"), ("ffn_down", "Q6_K"), ("_v", "F16")]
        ),
    ),
    "f16-embd": ("F16", QuantizeOptions(token_embd_type="Q8_0", tensor_types=[("ffn", "Q4_0")])),
}

SHAPE = LlamaShape(n_embd=256, n_layer=2, n_head=4, n_head_kv=2, n_ff=256, tied=False)
LOGITS_AT = (11, 23)  # positions of `random_ids` whose logits are kept


def skeleton_bytes(skeleton: Skeleton, seed: int = 0) -> bytes:
    """The file of a skeleton; random weights in its type."""
    rng = np.random.default_rng(seed)
    tensors = [
        Tensor.from_array(
            name, rng.standard_normal(shape, np.float32) / 8,
            skeleton.type if len(shape) > 1 else "F32",
        )
        for name, shape in _shapes(skeleton)
    ]  # fmt: skip
    out = io.BytesIO()
    write(out, _metadata(skeleton), tensors)
    return out.getvalue()


def _shapes(s: Skeleton) -> Iterator[tuple[str, tuple[int, ...]]]:
    yield from (("token_embd.weight", (4, s.row)), ("output_norm.weight", (s.row,)))
    if not s.tied:
        yield "output.weight", (4, s.row)
    names = (
        ("attn_qkv", "attn_output") if s.fused else ("attn_q", "attn_k", "attn_v", "attn_output")
    )
    for i in range(s.n_layer):
        yield f"blk.{i}.attn_norm.weight", (s.row,)
        yield from ((f"blk.{i}.{name}.weight", (2, s.row)) for name in names)
        end = "_exps" if s.n_expert else ""
        stack = (2,) if s.n_expert else ()
        if s.n_expert:
            yield f"blk.{i}.ffn_gate_inp.weight", (2, s.row)
        for name, row in (("gate", s.row), ("up", s.row), ("down", s.ff_row)):
            yield f"blk.{i}.ffn_{name}{end}.weight", (*stack, 2, row)


def _metadata(s: Skeleton) -> dict[str, Any]:
    rows: dict[str, Any] = {
        "context_length": 64, "embedding_length": s.row, "block_count": s.n_layer,
        "feed_forward_length": s.ff_row, "attention.head_count": s.n_head,
        "attention.head_count_kv": s.n_head_kv, "attention.layer_norm_rms_epsilon": 1e-5,
        "attention.layer_norm_epsilon": 1e-5,
    }  # fmt: skip
    if s.n_expert:
        rows |= {"expert_count": s.n_expert, "expert_used_count": 2}
    head = {"general.architecture": s.arch, "general.file_type": 0, "general.name": "skeleton"}
    return head | {f"{s.arch}.{key}": value for key, value in rows.items()}


def type_codes(names: Iterable[str]) -> str:
    """A letter a tensor: that of its type's number, from a."""
    return "".join(ascii_letters[TYPES[name].id] for name in names)
