"""What a quantisation will do, tensor by tensor, before a byte is written.

Follows llama_tensor_get_type and llama_model_quantize_impl of llama.cpp.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from abi.convert._mixes import Mix, Place, find_mix
from abi.convert._rules import allows, fallback, kind_of, layer_of, order
from abi.errors import InputError, UnsupportedError
from abi.gguf import GGUFFile
from abi.quant import TYPES, Tensor, codec

__all__ = ["Planned", "QuantizeOptions", "QuantizePlan", "plan_quantize", "plan_tensors"]

_INTEGERS = ("I8", "I16", "I32", "I64")
_NO_WEIGHTS = (*_INTEGERS, "F64", "Q8_1", "Q8_K")  # counts, and what activations are rounded to
# Layers that make a model one "of 70 B", whose values are worth more.
_SIZE_70B = {"llama": 80, "qwen2": 80, "deci": 80, "olmo": 80, "jais2": 68}
_GLM5_AT_LEAST_Q8 = ("attn_q_a", "attn_q_b", "nextn.eh_proj")


@dataclass(frozen=True)
class QuantizeOptions:
    """What may be said beside the mix; each as llama-quantize's option of that name.

    Parameters
    ----------
    output_type : str, optional
        Tensor type of `output.weight`, and of tied token embeddings.
    token_embd_type : str, optional
        Tensor type of the token embeddings.
    tensor_types : sequence of (pattern, type)
        The first regular expression found in a tensor's name decides its type.
    leave_output : bool
        Keep `output.weight` as it is.
    pure : bool
        The mix's own type for every tensor, without its rules.
    allow_requantize : bool
        Also change tensors that are quantised already, which costs quality twice.
    """

    output_type: str | None = None
    token_embd_type: str | None = None
    tensor_types: Sequence[tuple[str, str]] = ()
    leave_output: bool = False
    pure: bool = False
    allow_requantize: bool = False


@dataclass(frozen=True)
class Planned:
    """One tensor and the type it will have; `wanted` is what the mix asked for."""

    tensor: Tensor
    type: str
    wanted: str

    @property
    def n_bytes(self) -> int:
        """Bytes in the new file."""
        return TYPES[self.type].n_bytes(self.tensor.n_elements)


@dataclass(frozen=True)
class QuantizePlan:
    """What each tensor of a file becomes, in the order of the new file."""

    mix: Mix
    tensors: tuple[Planned, ...]

    @property
    def n_bytes_before(self) -> int:
        return sum(p.tensor.n_bytes for p in self.tensors)

    @property
    def n_bytes(self) -> int:
        return sum(p.n_bytes for p in self.tensors)

    @property
    def bits_per_weight(self) -> float:
        """Of the new file's tensors; 0 without any."""
        return 8 * self.n_bytes / (sum(p.tensor.n_elements for p in self.tensors) or 1)

    @property
    def fallbacks(self) -> tuple[Planned, ...]:
        """Tensors whose rows are no whole number of the wanted type's blocks."""
        return tuple(p for p in self.tensors if p.type != p.wanted)


def plan_quantize(file: GGUFFile, mix: str, options: QuantizeOptions | None = None) -> QuantizePlan:
    """Choose the tensor types, as llama-quantize does.

    Parameters
    ----------
    file : GGUFFile
    mix : str
        A key of `MIXES`, in any case, or Q3_K, Q4_K, Q5_K for their M.
    options : QuantizeOptions, optional

    Returns
    -------
    QuantizePlan

    Raises
    ------
    InputError
        If the mix or a type is unknown, a pattern is no regular expression, a tensor's rows fit
        no type that could stand in, or a tensor is quantised already and `allow_requantize` is
        not given.
    UnsupportedError
        If a mix needs an importance matrix, a type cannot be made, or a tensor that would be
        quantised holds integers.

    Examples
    --------
    >>> from abi.generate import model_path
    >>> from abi.gguf import read
    >>> plan = plan_quantize(read(model_path()), "Q6_K")
    >>> plan.n_bytes < plan.n_bytes_before
    True
    """
    return plan_tensors(file.metadata, file.tensors, mix, options)


def plan_tensors(
    metadata: Mapping[str, Any],
    tensors: Mapping[str, Tensor],
    mix: str,
    options: QuantizeOptions | None = None,
) -> QuantizePlan:
    """As `plan_quantize`, of a file that need not have been written."""
    chooser = _Chooser(metadata, tensors, find_mix(mix), options or QuantizeOptions())
    chooser.check_patterns(tensors)
    ordered = sorted(tensors.values(), key=order)
    planned = tuple(chooser.plan(tensor) for tensor in ordered)
    for p in planned:
        _check(p, chooser.options.allow_requantize)
    return QuantizePlan(chooser.mix, planned)


def _check(planned: Planned, allow_requantize: bool) -> None:
    tensor, kind = planned.tensor, TYPES[planned.type]
    if tensor.type is kind:
        return
    if tensor.type.block_size > 1 and not allow_requantize:
        cure = "quantise from F32, F16 or BF16, or allow it (--allow-requantize)"
        raise InputError(f"{tensor.name} is {tensor.type.name} already; {cure}")
    if tensor.type.name in _INTEGERS:
        raise UnsupportedError(f"{tensor.name} holds integers ({tensor.type.name}), not weights")
    if not codec(kind.name).encodes:
        raise UnsupportedError(f"{tensor.name}: {kind.name} can be read, but not made")
    if tensor.shape[-1] % kind.block_size:
        raise InputError(
            f"{tensor.name}: row of {tensor.shape[-1]} is not a multiple of the {kind.name} "
            f"block ({kind.block_size})"
        )


class _Chooser:
    """The rules with what they count as they go from tensor to tensor."""

    def __init__(
        self,
        metadata: Mapping[str, Any],
        tensors: Collection[str],
        mix: Mix,
        options: QuantizeOptions,
    ) -> None:
        self.mix, self.options = mix, options
        self._patterns = [(_compiled(text), _name(kind)) for text, kind in options.tensor_types]
        self._output = _name(options.output_type) if options.output_type else None
        self._embd = _name(options.token_embd_type) if options.token_embd_type else None
        self._arch = str(metadata.get("general.architecture", ""))
        self._n_layer = _number(metadata, f"{self._arch}.block_count")
        self._n_expert = _number(metadata, f"{self._arch}.expert_count")
        n_head = _number(metadata, f"{self._arch}.attention.head_count")
        n_head_kv = _number(metadata, f"{self._arch}.attention.head_count_kv", n_head)
        self._n_gqa = n_head // n_head_kv if n_head_kv else 0
        self._is_70b = _SIZE_70B.get(self._arch) == self._n_layer
        self._is_70b &= self._arch != "llama" or n_head != n_head_kv  # else it has 65 B
        kinds = Counter(kind_of(name) for name in tensors)
        self._n_attn_v, self._tied = kinds["attn_v"], not kinds["output"]
        self._seen: Counter[str] = Counter()

    def check_patterns(self, names: Collection[str]) -> None:
        """A pattern that nothing matches is a slip of the pen."""
        for pattern, _ in self._patterns:
            if not any(pattern.search(name) for name in names):
                raise InputError(f"tensor type pattern {pattern.pattern!r}: no tensor matches it")

    def plan(self, tensor: Tensor) -> Planned:
        kind = kind_of(tensor.name)
        if (
            self.mix.type is None
            or not allows(tensor, self._arch)
            or (self.options.leave_output and kind == "output")
        ):
            return Planned(tensor, tensor.type.name, tensor.type.name)
        named = next((t for p, t in self._patterns if p.search(tensor.name)), None)
        separate = named is not None and tensor.name.startswith("per_layer_token_embd")
        if self._embd and kind == "token_embd" and not separate:
            return Planned(tensor, self._embd, self._embd)
        if self._output and kind == "output":
            return Planned(tensor, self._output, self._output)
        if TYPES[self.mix.type].block_size == 1:
            return Planned(tensor, self.mix.type, self.mix.type)
        wanted = named or (self.mix.type if self.options.pure else self._mixed(tensor, kind))
        return Planned(tensor, fallback(tensor, wanted), wanted)

    def _mixed(self, tensor: Tensor, kind: str) -> str:
        """The type that the mix has for the tensor, whether or not its rows fit."""
        default = str(self.mix.type)
        if self._arch == "glm5-next" and any(part in tensor.name for part in _GLM5_AT_LEAST_Q8):
            return "Q8_0"
        if kind == "output" or (self._tied and kind == "token_embd"):
            return self._output_type(tensor, default)
        if self.mix.name == "MXFP4_MOE":
            return "MXFP4" if self._is_experts(tensor, kind) else "Q8_0"
        if kind == "token_embd":
            return "Q4_K" if default in ("TQ1_0", "TQ2_0", "Q2_0") else default
        if kind == "attn_v":
            return self._values_type(default)
        if kind == "attn_k":
            return "Q8_0" if self._n_expert == 8 else default
        if kind == "ffn_down":
            layer = layer_of(tensor.name) if self._n_expert > 1 else self._seen[kind]
            self._seen[kind] += 1
            return self.mix.ffn_down(self._place(layer, self._n_layer)) or default
        if kind == "attn_output":
            if self._n_expert == 8 and self._arch != "falcon":
                return "Q5_K" if self.mix.experts_output else default
            return self.mix.attn_output(self._place(0, self._n_layer)) or default
        return default

    def _output_type(self, tensor: Tensor, default: str) -> str:
        if self._output:
            return self._output
        whole = tensor.shape[-1] % TYPES[default].block_size == 0
        if self.mix.name == "MXFP4_MOE" or self._arch == "falcon" or not whole:
            return "Q8_0"
        return default if default == "Q8_0" else "Q6_K"

    def _values_type(self, default: str) -> str:
        place = self._place(self._seen["attn_v"], self._n_attn_v)
        self._seen["attn_v"] += 1
        if self._n_expert == 8:
            return "Q8_0"
        found = self.mix.attn_v(place) or default
        return "Q5_K" if self._is_70b and found in ("Q3_K", "Q4_K") else found

    def _is_experts(self, tensor: Tensor, kind: str) -> bool:
        stacked = len(tensor.shape) > 2 and tensor.shape[-3] > 1
        return stacked and (self._arch != "bailingmoe3" or kind.startswith("ffn_"))

    def _place(self, i: int, n: int) -> Place:
        return Place(i, n, self._n_gqa, self._arch == "falcon", self._n_expert == 8)


def _name(type_name: str) -> str:
    """The name of a type that weights can be stored in."""
    name = type_name.upper()
    if name not in TYPES or name in _NO_WEIGHTS:
        known = ", ".join(name for name in TYPES if name not in _NO_WEIGHTS)
        raise InputError(f"tensor type {type_name!r}: expected one of {known}")
    return name


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text.lower())
    except re.error as error:
        raise InputError(f"tensor type pattern {text!r}: {error}") from None


def _number(metadata: Mapping[str, Any], key: str, default: int = 0) -> int:
    """A number of the metadata, or the first layer's where there is one a layer."""
    given = metadata.get(key, default)
    value = np.asarray(0.0 if isinstance(given, list | str) else given).reshape(-1)
    if value.size == 0 or value.dtype.kind not in "iu":
        raise InputError(f"{key}: expected a whole number")
    return int(value[0])
