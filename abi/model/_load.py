"""From a GGUF file to a transformer: tensors checked, packed and put in their places."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from math import prod
from typing import Any

import numpy as np

from abi._platform import available_memory
from abi.errors import FormatError, InputError, UnsupportedError
from abi.gguf import GGUFFile
from abi.kernels import Layer, NumpyKernels, Weight
from abi.model._config import Config
from abi.model._transformer import Transformer
from abi.quant import Tensor

__all__ = ["Progress", "load_transformer"]

Progress = Callable[[int, int], None]  # done, total

WEIGHTS = ("auto", "float32", "blocks")
_SHARE = 0.6  # of the available memory that expanded weights may take


def load_transformer(
    file: GGUFFile,
    kernels: NumpyKernels,
    *,
    weights: str = "auto",
    progress: Progress | None = None,
) -> Transformer:
    """Build the network that a file describes.

    Parameters
    ----------
    file : GGUFFile
    kernels : NumpyKernels
    weights : {"auto", "float32", "blocks"}
        Expand quantised matrices once to float32, or keep their blocks, mapped from the
        file, and expand a part at each use. "auto" expands if that takes at most 60% of
        the memory that is available.
    progress : callable, optional
        Called with the bytes read so far and in all.

    Raises
    ------
    FormatError
        If a tensor is missing or its shape contradicts the metadata.
    UnsupportedError
        If the architecture, a tensor or a tensor type is not supported.
    InputError
        If `weights` is none of the three.
    """
    if weights not in WEIGHTS:
        raise InputError(f"weights={weights!r}: expected one of {', '.join(WEIGHTS)}")
    config = Config.from_metadata(file.metadata)
    shapes = _check(file, config, _shapes(config, _n_vocab(file, config)))
    mode = _choose(file) if weights == "auto" else weights
    packed: dict[str, Weight] = {}
    done, total = 0, file.n_bytes
    for name in filter(file.tensors.__contains__, shapes):
        packed[name] = kernels.pack(file.tensors[name], mode)
        done += file.tensors[name].n_bytes
        if progress is not None:
            progress(done, total)
    return _assemble(config, kernels, packed, mode, file.tensors.get("rope_freqs.weight"))


def _n_vocab(file: GGUFFile, config: Config) -> int:
    embd = file.tensors.get("token_embd.weight")
    if embd is None:
        raise FormatError("the tensor is missing", field="token_embd.weight", source=file.source)
    if len(embd.shape) != 2 or embd.shape[1] != config.n_embd:
        raise FormatError(
            f"shape {embd.shape}, expected (n_vocab, {config.n_embd})",
            field=embd.name,
            source=file.source,
        )
    return embd.shape[0]


def _shapes(c: Config, n_vocab: int) -> Iterator[tuple[str, tuple[int, ...]]]:
    """Every tensor that the architecture may have, with its shape."""
    n_q, n_kv = c.n_head * c.head_dim, c.n_head_kv * c.head_dim
    layer = {
        "attn_norm": (c.n_embd,),
        "attn_q": (n_q, c.n_embd),
        "attn_k": (n_kv, c.n_embd),
        "attn_v": (n_kv, c.n_embd),
        "attn_output": (c.n_embd, n_q),
        "ffn_norm": (c.n_embd,),
        "ffn_gate": (c.n_ff, c.n_embd),
        "ffn_up": (c.n_ff, c.n_embd),
        "ffn_down": (c.n_embd, c.n_ff),
    }
    extra = {
        "attn_q.bias": (n_q,),
        "attn_k.bias": (n_kv,),
        "attn_v.bias": (n_kv,),
        "attn_output.bias": (c.n_embd,),
        "attn_q_norm.weight": (c.head_dim,),
        "attn_k_norm.weight": (c.head_dim,),
    }
    yield "token_embd.weight", (n_vocab, c.n_embd)
    for i in range(c.n_layer):
        for name, shape in layer.items():
            yield f"blk.{i}.{name}.weight", shape
        for name in (*c.arch.required, *c.arch.optional):
            yield f"blk.{i}.{name}", extra[name]
    yield "output_norm.weight", (c.n_embd,)
    yield "output.weight", (n_vocab, c.n_embd)
    yield "rope_freqs.weight", (c.rope.n_rot // 2,)


_OPTIONAL = ("output.weight", "rope_freqs.weight")  # tied to token_embd; no scaling factors


def _check(
    file: GGUFFile, config: Config, expected: Iterator[tuple[str, tuple[int, ...]]]
) -> dict[str, tuple[int, ...]]:
    """The shapes expected, all found; raises at the first that is not."""
    shapes: dict[str, tuple[int, ...]] = {}
    for name, shape in expected:
        shapes[name] = shape
        tensor = file.tensors.get(name)
        if tensor is None:
            if name in _OPTIONAL or name.split(".", 2)[-1] in config.arch.optional:
                continue
            raise FormatError("the tensor is missing", field=name, source=file.source)
        if tensor.shape != shape:
            message = f"shape {tensor.shape}, expected {shape} by the metadata"
            raise FormatError(message, field=name, source=file.source)
    extra = [name for name in file.tensors if name not in shapes]
    if extra:
        arch = file.metadata["general.architecture"]
        more = f" and {len(extra) - 1} more" if len(extra) > 1 else ""
        raise UnsupportedError(
            f"{file.source}: tensor {extra[0]}{more} is not used by architecture {arch!r} here; "
            "the result would differ from the model's, so it is refused"
        )
    return shapes


def _choose(file: GGUFFile) -> str:
    expanded = sum(4 * prod(t.shape) for t in file.tensors.values() if t.type.name != "F32")
    memory = available_memory()
    return "float32" if memory is None or expanded <= _SHARE * memory else "blocks"


def _assemble(
    config: Config,
    kernels: NumpyKernels,
    packed: dict[str, Weight],
    mode: str,
    rope_freqs: Tensor | None,
) -> Transformer:
    layers = [_layer(packed, i) for i in range(config.n_layer)]
    embd = packed["token_embd.weight"]
    return Transformer(
        config=config,
        kernels=kernels,
        weights=mode,
        token_embd=embd,
        layers=layers,
        output_norm=packed["output_norm.weight"],
        output=packed.get("output.weight", embd),
        rope_factors=None if rope_freqs is None else rope_freqs.to_float32().astype(np.float32),
    )


def _layer(packed: dict[str, Weight], i: int) -> Layer:
    found: dict[str, Any] = {}
    for field in dataclasses.fields(Layer):
        stem, bias, _ = field.name.partition("_bias")
        found[field.name] = packed.get(f"blk.{i}.{stem}.{'bias' if bias else 'weight'}")
    return Layer(**found)
