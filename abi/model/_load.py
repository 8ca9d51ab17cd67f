"""From a GGUF file to a transformer: tensors checked, packed and put in their places."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np
import numpy.typing as npt

from abi._platform import available_memory
from abi.errors import InputError
from abi.gguf import GGUFFile
from abi.kernels import Experts, Layer, NumpyKernels, Weight
from abi.model._config import Config
from abi.model._rope import Stretch
from abi.model._tensors import check_tensors
from abi.model._transformer import Outside, Transformer
from abi.quant import Tensor

__all__ = ["Progress", "load_transformer"]

Progress = Callable[[int, int], None]  # done, total
Packed = dict[str, Weight | Experts]

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
    shapes = check_tensors(file, config)
    mode = _choose(file) if weights == "auto" else weights
    packed: Packed = {}
    done, total = 0, file.n_bytes
    for name in shapes:
        packed[name] = _pack(file.tensors[name], kernels, mode)
        done += file.tensors[name].n_bytes
        if progress is not None:
            progress(done, total)
    return _assemble(config, kernels, packed, _held(packed, mode), _stretch(file))


def _pack(tensor: Tensor, kernels: NumpyKernels, mode: str) -> Weight | Experts:
    if tensor.name.endswith("_exps.weight"):
        return tuple(kernels.pack(part, mode) for part in tensor.split())
    if tensor.name.endswith("ffn_gate_inp_shexp.weight"):  # a matrix of one row
        tensor = dataclasses.replace(tensor, shape=(1, *tensor.shape))
    # Norms, biases and sinks are no factors of a product: kernels take them whole.
    return kernels.pack(tensor, mode if _is_matrix(tensor) else "float32")


def _held(packed: Packed, mode: str) -> str:
    """How quantised matrices are held: as was asked for, or as the kernels lay them out."""
    for weight in packed.values():
        for part in weight if isinstance(weight, tuple) else (weight,):
            if part.layout not in ("float32", "blocks"):
                return part.layout
    return mode


def _is_matrix(tensor: Tensor) -> bool:
    return tensor.name.endswith(".weight") and "norm" not in tensor.name


def _choose(file: GGUFFile) -> str:
    expanded = sum(4 * prod(t.shape) for t in file.tensors.values() if t.type.name != "F32")
    memory = available_memory()
    return "float32" if memory is None or expanded <= _SHARE * memory else "blocks"


def _stretch(file: GGUFFile) -> Stretch:
    def read(name: str) -> npt.NDArray[np.float32] | None:
        tensor = file.tensors.get(f"{name}.weight")
        return None if tensor is None else tensor.to_float32().astype(np.float32)

    return Stretch(read("rope_freqs"), read("rope_factors_long"), read("rope_factors_short"))


def _assemble(
    config: Config, kernels: NumpyKernels, packed: Packed, mode: str, stretch: Stretch
) -> Transformer:
    layers = [_layer(packed, i, config) for i in range(config.n_layer)]
    outside: dict[str, Any] = {
        field.name: packed.get(_tensor_name(field.name).replace("cls_", "cls."))
        for field in dataclasses.fields(Outside)
    }
    if outside["output"] is None and config.arch.embeds_only is False:
        outside["output"] = outside["token_embd"]
    return Transformer(
        config=config,
        kernels=kernels,
        weights=mode,
        outside=Outside(**outside),
        layers=layers,
        specs=[
            config.spec(i, parallel=config.arch.parallel and layer.ffn_norm is None)
            for i, layer in enumerate(layers)
        ],
        stretch=stretch,
    )


def _tensor_name(attribute: str) -> str:
    stem, bias, _ = attribute.partition("_bias")
    return f"{stem}.{'bias' if bias else 'weight'}"


def _layer(packed: Packed, i: int, config: Config) -> Layer:
    renamed = {old: new for new, old in config.arch.renamed}
    found: dict[str, Any] = {}
    for field in dataclasses.fields(Layer):
        stem, _, kind = _tensor_name(field.name).rpartition(".")
        weight = packed.get(f"blk.{i}.{stem}.{kind}")
        new = renamed.get(stem, stem) + field.name[len(stem) :]
        if weight is not None or new not in found:
            found[new] = weight
    return Layer(**found)
