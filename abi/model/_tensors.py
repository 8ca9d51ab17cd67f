"""The tensors of a model: their names, their shapes, and which a file must hold.

Shapes are in NumPy order, as names of sizes that `_sizes` knows.
"""

from __future__ import annotations

from collections.abc import Container, Iterator
from typing import NamedTuple

from abi.errors import FormatError, UnsupportedError
from abi.gguf import GGUFFile
from abi.model._config import Config

__all__ = ["check_tensors", "shape_of", "tensor_names"]

Shape = tuple[int, ...]

# Matrices (n, k) of a layer; a bias `stem.bias` has the first size.
_LAYER = {
    "attn_norm": "n_embd",
    "attn_norm_2": "n_embd",
    "attn_qkv": "n_qkv n_embd",
    "attn_q": "n_q n_embd",
    "attn_k": "n_kv n_embd",
    "attn_v": "n_kv n_embd",
    "attn_sinks": "n_head",
    "attn_output": "n_embd n_q",
    "post_attention_norm": "n_embd",
    "attn_output_norm": "n_embd",
    "ffn_norm": "n_embd",
    "ffn_gate": "n_ff n_embd",
    "ffn_up": "n_up n_embd",
    "ffn_down": "n_embd n_ff",
    "post_ffw_norm": "n_embd",
    "layer_output_norm": "n_embd",
    "ffn_gate_inp": "n_expert n_embd",
    "ffn_gate_exps": "n_expert n_ff_exp n_embd",
    "ffn_up_exps": "n_expert n_ff_exp n_embd",
    "ffn_down_exps": "n_expert n_embd n_ff_exp",
    "ffn_gate_inp_shexp": "n_embd",
    "ffn_gate_shexp": "n_ff_shexp n_embd",
    "ffn_up_shexp": "n_ff_shexp n_embd",
    "ffn_down_shexp": "n_embd n_ff_shexp",
}
_HEAD_NORMS = {
    "head": ("head_dim", "head_dim"),
    "heads": ("n_head head_dim", "n_head_kv head_dim"),
    "whole": ("n_q", "n_kv"),
}
_OUTSIDE = {
    "token_embd": "n_vocab n_embd",
    "token_embd_norm": "n_embd",
    "token_types": "n_types n_embd",
    "position_embd": "n_ctx n_embd",
    "output_norm": "n_embd",
    "output": "n_vocab n_embd",
    "rope_freqs": "n_turns",
    "rope_factors_long": "n_turns",
    "rope_factors_short": "n_turns",
    "cls": "n_embd n_embd",
    "cls.norm": "n_embd",
    "cls.output": "n_cls n_embd",
}
_COMMON = ("attn_output.weight",)
_SPLIT = ("attn_q.weight", "attn_k.weight", "attn_v.weight")
_BIASES = ("attn_q.bias", "attn_k.bias", "attn_v.bias")
_DENSE = ("ffn_gate.weight", "ffn_up.weight", "ffn_down.weight")
_EXPERTS = (
    "ffn_gate_inp.weight", "ffn_gate_exps.weight", "ffn_up_exps.weight", "ffn_down_exps.weight",
)  # fmt: skip


class _Wanted(NamedTuple):
    name: str
    required: bool


def check_tensors(file: GGUFFile, config: Config) -> dict[str, Shape]:
    """Names and shapes of the tensors that a file holds for its architecture.

    Raises
    ------
    FormatError
        If one is missing, or its shape contradicts the metadata.
    UnsupportedError
        If the file holds one that the architecture does not use.
    """
    n_vocab, n_up = _n_vocab(file, config), _n_up(file, config)
    found: dict[str, Shape] = {}
    for wanted in _wanted(config, file.tensors):
        shape = shape_of(wanted.name, config, n_vocab, n_up)
        tensor = file.tensors.get(wanted.name)
        if tensor is None:
            if wanted.required:
                raise FormatError("the tensor is missing", field=wanted.name, source=file.source)
            continue
        if tensor.shape != shape:
            message = f"shape {tensor.shape}, expected {shape} by the metadata"
            raise FormatError(message, field=wanted.name, source=file.source)
        found[wanted.name] = shape
    _refuse_unused(file, found)
    return found


def shape_of(name: str, c: Config, n_vocab: int, n_up: int) -> Shape:
    """Shape of a tensor that the architecture has."""
    names = _sizes_of(name, c).split()
    sizes = _sizes(c, n_vocab, n_up)
    return tuple(sizes[size] for size in names)


def tensor_names(c: Config, *, fused: bool = False) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """What each layer must and may have; `fused` where q, k and v are one matrix."""
    required = (*c.arch.required, *_COMMON, *_feed_forward(c))
    required += ("attn_qkv.weight",) if fused else _SPLIT
    optional = (*c.arch.optional, *_BIASES, *(("attn_qkv.bias",) if fused else ()))
    return required, tuple(name for name in optional if name not in required)


def _wanted(c: Config, held: Container[str]) -> Iterator[_Wanted]:
    arch = c.arch
    for name in ("token_embd.weight", *arch.required_outside):
        yield _Wanted(name, True)
    for i in range(c.n_layer):
        required, optional = tensor_names(c, fused=f"blk.{i}.attn_qkv.weight" in held)
        for names, must in ((required, True), (optional, False)):
            for name in names:
                yield _Wanted(f"blk.{i}.{name}", must)
    for name in arch.optional_outside:
        yield _Wanted(name, False)


def _feed_forward(c: Config) -> tuple[str, ...]:
    """What a row with `experts="maybe"` leaves open."""
    if c.arch.experts != "maybe":
        return ()
    return _EXPERTS if c.n_expert else _DENSE


def _sizes_of(name: str, c: Config) -> str:
    """The sizes of a tensor, by name."""
    if name in dict(c.arch.sizes):
        return dict(c.arch.sizes)[name]
    outside = not name.startswith("blk.")
    stem, _, kind = (name if outside else name.split(".", 2)[2]).rpartition(".")
    if stem in ("attn_q_norm", "attn_k_norm"):
        return _HEAD_NORMS[c.arch.head_norm][stem == "attn_k_norm"]
    sizes = (_OUTSIDE if outside else _LAYER)[stem]
    if kind == "weight":
        return sizes
    return " ".join(sizes.split()[: 2 if stem.endswith("_exps") else 1])


def _sizes(c: Config, n_vocab: int, n_up: int) -> dict[str, int]:
    n_q, n_kv = c.n_head * c.head_dim, c.n_head_kv * c.head_dim
    return {
        "n_vocab": n_vocab,
        "n_embd": c.n_embd,
        "n_head": c.n_head,
        "n_head_kv": c.n_head_kv,
        "head_dim": c.head_dim,
        "n_q": n_q,
        "n_kv": n_kv,
        "n_qkv": n_q + 2 * n_kv,
        "n_ff": c.n_ff,
        "n_up": n_up,
        "n_expert": c.n_expert,
        "n_ff_exp": c.n_ff_exp,
        "n_ff_shexp": c.n_ff_shexp,
        "n_ctx": c.n_ctx_train,
        "n_types": c.n_types,
        "n_turns": c.ropes[0].n_rot // 2 if c.ropes else 0,
        "n_cls": len(c.labels) or 1,
    }


def _n_vocab(file: GGUFFile, c: Config) -> int:
    embd = file.tensors.get("token_embd.weight")
    if embd is None:
        raise FormatError("the tensor is missing", field="token_embd.weight", source=file.source)
    if len(embd.shape) != 2 or embd.shape[1] != c.n_embd:
        message = f"shape {embd.shape}, expected (n_vocab, {c.n_embd})"
        raise FormatError(message, field=embd.name, source=file.source)
    return embd.shape[0]


def _n_up(file: GGUFFile, c: Config) -> int:
    """Twice n_ff where the gate is fused, which jina-bert-v2 shows by its shape alone."""
    up = file.tensors.get("blk.0.ffn_up.weight")
    detected = "ffn_gate.weight" in c.arch.optional and up is not None
    fused = up.shape[0] == 2 * c.n_ff if detected and up is not None else c.arch.fused_up
    return 2 * c.n_ff if fused else c.n_ff


def _refuse_unused(file: GGUFFile, used: dict[str, Shape]) -> None:
    extra = [name for name in file.tensors if name not in used]
    if extra:
        arch = file.metadata["general.architecture"]
        more = f" and {len(extra) - 1} more" if len(extra) > 1 else ""
        raise UnsupportedError(
            f"{file.source}: tensor {extra[0]}{more} is not used by architecture {arch!r} here; "
            "the result would differ from the model's, so it is refused"
        )
