"""What can be laid over a network at run time: LoRA adapters and control vectors.

LoRA: arXiv 2106.09685, in the GGUF form of llama.cpp's converter (`NAME.lora_a`,
`NAME.lora_b`, `adapter.lora.alpha`). Control vectors: `direction.N` tensors, added after layer
N (arXiv 2310.01405). Both give a new `Transformer` that shares all weights with the old one.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError, UnsupportedError
from abi.gguf import GGUFFile, Source, read
from abi.kernels import Adapter, NumpyKernels, Weight
from abi.model._transformer import Transformer
from abi.quant import Tensor

__all__ = [
    "Lora", "load_control", "load_lora", "weights_of", "with_control", "with_loras",
]  # fmt: skip

F32 = npt.NDArray[np.float32]
Control = dict[int, F32]

_EMBEDDING = "token_embd.weight"
# What a product is made with; an adapter of anything else would change nothing.
_ADAPTABLE = re.compile(
    r"(token_embd|output|cls|cls\.output)\.weight"
    r"|blk\.\d+\.(attn_(qkv|q|k|v|output)|ffn_(gate|up|down)(_exps|_shexp)?|ffn_gate_inp(_shexp)?)"
    r"\.weight(\[\d+\])?"
)


@dataclass(frozen=True)
class Lora:
    """An adapter as read: the pair of matrices of each weight it changes, by its name."""

    source: str
    adapters: dict[str, Adapter] = field(repr=False)


def load_lora(source: Source, transformer: Transformer) -> Lora:
    """Read an adapter and check it against the network it is for.

    Raises
    ------
    FormatError
        If the file is no adapter, or not one for this network.
    UnsupportedError
        If it holds what cannot be applied.
    """
    file = read(source)
    metadata = file.metadata
    for key, want in (("general.type", "adapter"), ("adapter.type", "lora")):
        got = metadata.get(key)
        if not isinstance(got, str) or got != want:
            message = f"expected {want!r}, got {repr(got)[:80]}; this is no LoRA adapter"
            raise FormatError(message, field=key, source=file.source)
    arch = metadata.get("general.architecture")
    if not isinstance(arch, str) or arch != transformer.config.arch.name:
        raise FormatError(
            f"the adapter is for {repr(arch)[:80]}, the model is {transformer.config.arch.name!r}",
            field="general.architecture",
            source=file.source,
        )
    if "adapter.alora.invocation_tokens" in metadata:
        raise UnsupportedError(f"{file.source}: adapters that tokens activate are not supported")
    alpha = metadata.get("adapter.lora.alpha", 0.0)
    if not isinstance(alpha, int | float) or not np.isfinite(alpha):
        message = f"expected a number, got {alpha!r}"
        raise FormatError(message, field="adapter.lora.alpha", source=file.source)
    weights = {w.name: w for w in weights_of(transformer)}
    adapters: dict[str, Adapter] = {}
    for name, (a, b) in _pairs(file).items():
        for part, low, high in _parts(name, a, b):
            weight = weights.get(part)
            if weight is None:
                message = "the model has no such tensor; is the adapter of another model?"
                raise FormatError(message, field=name, source=file.source)
            if not _ADAPTABLE.fullmatch(part):
                message = f"{file.source}: an adapter of {part} is not supported"
                raise UnsupportedError(message)
            adapters[part] = _adapter(weight, low, high, float(alpha), transformer.kernels, file)
    return Lora(str(file.source), adapters)


def with_loras(transformer: Transformer, loras: Sequence[tuple[Lora, float]]) -> Transformer:
    """The network with adapters, each at a strength; those it had are left out."""
    found: dict[str, list[Adapter]] = {}
    for lora, strength in loras:
        for name, adapter in lora.adapters.items():
            scaled = dataclasses.replace(adapter, scale=adapter.scale * strength)
            found.setdefault(name, []).append(scaled)

    def adapt(weight: Weight) -> Weight:
        adapters = tuple(found.get(weight.name, ()))
        if not adapters and not weight.adapters:
            return weight
        return dataclasses.replace(weight, adapters=adapters)

    outside, tied = _mapped(transformer.outside, adapt), transformer.outside.output
    if tied is not None and tied.name == _EMBEDDING:  # its adapter is the embeddings' alone
        outside = dataclasses.replace(outside, output=dataclasses.replace(tied, adapters=()))
    return dataclasses.replace(
        transformer,
        outside=outside,
        layers=[_mapped(layer, adapt) for layer in transformer.layers],
    )


def load_control(source: Source, transformer: Transformer) -> Control:
    """Read a control vector: directions by layer, `(n_embd,) float32`.

    Raises
    ------
    FormatError
        If the file holds no directions, or not ones for this network.
    """
    file, n_embd = read(source), transformer.config.n_embd
    found: Control = {}
    for name, tensor in file.tensors.items():
        stem, _, number = name.partition(".")
        if stem != "direction" or not number.isdecimal() or not 0 < int(number) < 1 << 20:
            message = "expected tensors direction.1, direction.2, ...; this is no control vector"
            raise FormatError(message, field=name, source=file.source)
        if tensor.shape != (n_embd,):
            message = f"shape {tensor.shape}, expected ({n_embd},) for this model"
            raise FormatError(message, field=name, source=file.source)
        if int(number) >= transformer.config.n_layer:
            message = f"this model has {transformer.config.n_layer} layers; is it of another model?"
            raise FormatError(message, field=name, source=file.source)
        found[int(number)] = tensor.to_float32()
    if not found:
        raise FormatError("there are no direction.N tensors", source=file.source)
    return found


def with_control(
    transformer: Transformer,
    controls: Sequence[tuple[Control, float]],
    layers: tuple[int, int] | None = None,
) -> Transformer:
    """The network with the sum of control vectors, each at a strength.

    Parameters
    ----------
    controls : sequence of (control, strength)
        Those it had are left out, so an empty sequence removes them.
    layers : (first, last), optional
        Only these layers; None for all that the vectors name.
    """
    first, last = layers or (1, transformer.config.n_layer - 1)
    total: Control = {}
    for control, strength in controls:
        for layer, direction in control.items():
            if first <= layer <= last:
                total[layer] = total.get(layer, np.float32(0)) + direction * np.float32(strength)
    arrays = {layer: transformer.kernels.asarray(v) for layer, v in total.items()}
    return dataclasses.replace(transformer, control=arrays)


def weights_of(transformer: Transformer) -> Iterator[Weight]:
    """Every weight, in a fixed order."""
    parts: list[Any] = [transformer.outside, *transformer.layers]
    for part in parts:
        for item in dataclasses.fields(part):
            value = getattr(part, item.name)
            if isinstance(value, Weight):
                yield value
            elif isinstance(value, tuple):
                yield from value


def _mapped(part: Any, change: Callable[[Weight], Weight]) -> Any:
    """A dataclass of weights with each of them changed."""
    values: dict[str, Any] = {}
    for item in dataclasses.fields(part):
        value = getattr(part, item.name)
        if isinstance(value, Weight):
            values[item.name] = change(value)
        elif isinstance(value, tuple):
            values[item.name] = tuple(map(change, value))
    return dataclasses.replace(part, **values)


def _pairs(file: GGUFFile) -> Mapping[str, tuple[Tensor, Tensor]]:
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in file.tensors.items():
        stem, _, kind = name.rpartition(".")
        if kind not in ("lora_a", "lora_b"):
            raise UnsupportedError(
                f"{file.source}: tensor {name} is neither lora_a nor lora_b; an adapter that "
                "replaces other weights is not supported"
            )
        found.setdefault(stem, {})[kind] = tensor
    for name, pair in found.items():
        if len(pair) != 2:
            message = f"only {next(iter(pair))} is there; it needs both"
            raise FormatError(message, field=name, source=file.source)
    return {name: (pair["lora_a"], pair["lora_b"]) for name, pair in found.items()}


def _parts(name: str, a: Tensor, b: Tensor) -> list[tuple[str, Tensor, Tensor]]:
    """The pair, or one for each expert."""
    if len(a.shape) == len(b.shape) == 3 and a.shape[0] == b.shape[0]:
        split = zip(a.split(), b.split(), strict=True)
        return [(f"{name}[{i}]", low, high) for i, (low, high) in enumerate(split)]
    return [(name, a, b)]


def _adapter(
    weight: Weight, a: Tensor, b: Tensor, alpha: float, kernels: NumpyKernels, file: GGUFFile
) -> Adapter:
    rank = b.shape[-1]
    n, k = weight.shape if len(weight.shape) == 2 else (0, 0)
    # Of the embeddings rows are taken, so a holds a row a token there.
    want = ((n, rank), (k, rank)) if weight.name == _EMBEDDING else ((rank, k), (n, rank))
    if (a.shape, b.shape) != want:
        message = f"shapes {a.shape} and {b.shape}, expected {want[0]} and {want[1]}"
        raise FormatError(message, field=weight.name, source=file.source)
    return Adapter(kernels.pack(a), kernels.pack(b), alpha / rank if alpha else 1.0)
