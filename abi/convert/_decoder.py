"""What a decoder needs beside names: angles of the rotation, and the order of its rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import pi
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.convert._json import entry
from abi.convert._sources import SourceModel
from abi.errors import FormatError, UnsupportedError
from abi.quant import Tensor

__all__ = ["finished", "rope_metadata"]

F32 = npt.NDArray[np.float32]


def rope_metadata(config: Mapping[str, Any], arch: str, source: str) -> dict[str, Any]:
    """The keys of the rotation.

    Raises
    ------
    UnsupportedError
        If the angles are scaled in a way that is not known here.
    """
    found: dict[str, Any] = {f"{arch}.rope.freq_base": np.float32(_base(config, source))}
    kind, scaling = _scaling(config, source)
    if kind == "linear":
        found[f"{arch}.rope.scaling.type"] = "linear"
        found[f"{arch}.rope.scaling.factor"] = np.float32(_number(scaling, "factor", source))
    elif kind not in ("default", "llama3"):
        raise UnsupportedError(
            f"{source}: rope scaling {kind!r:.80}; supported: default, linear, llama3"
        )
    return found


def _base(config: Mapping[str, Any], source: str) -> float:
    parameters = entry(config, "rope_parameters", dict, source, {})
    value = entry(config, "rope_theta", float, source, parameters.get("rope_theta", 10000.0))
    return _number({"rope_theta": value}, "rope_theta", source)


def _scaling(config: Mapping[str, Any], source: str) -> tuple[str, dict[str, Any]]:
    """How angles are scaled, under the old name or the new."""
    scaling = entry(config, "rope_scaling", dict, source)
    if scaling is None:
        scaling = entry(config, "rope_parameters", dict, source, {})
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    return str(kind), scaling


def _number(values: Mapping[str, Any], name: str, source: str) -> float:
    value = entry(values, name, float, source)
    if value is None or not 0 < value < float("inf"):
        raise FormatError(f"expected a number above 0, got {value!r}", field=name, source=source)
    return float(value)


def finished(
    tensors: dict[str, Tensor],
    config: Mapping[str, Any],
    metadata: Mapping[str, Any],
    row: SourceModel,
) -> dict[str, Tensor]:
    """The tensors with rows in GGUF's order, factors of angles, and no output twice."""
    key = f"{row.arch}.attention.head_count"
    n_head = int(metadata[key])
    n_head_kv = int(metadata.get(f"{key}_kv", n_head))
    if config.get("tie_word_embeddings") is True:
        tensors.pop("output.weight", None)
    if row.permuted:
        for name, tensor in tensors.items():
            heads = {"attn_q": n_head, "attn_k": n_head_kv}.get(name.split(".")[-2])
            if heads:
                tensors[name] = _permuted(tensor, heads)
    kind, scaling = _scaling(config, "config.json")
    if kind == "llama3":
        n_rot = _head_dim(tensors, metadata, row.arch, n_head)
        factors = _llama3(scaling, float(metadata[f"{row.arch}.rope.freq_base"]), n_rot)
        tensors["rope_freqs.weight"] = Tensor.from_array("rope_freqs.weight", factors)
    return tensors


def _head_dim(
    tensors: Mapping[str, Tensor], metadata: Mapping[str, Any], arch: str, n_head: int
) -> int:
    given = metadata.get(f"{arch}.attention.key_length")
    return int(given) if given is not None else tensors["blk.0.attn_q.weight"].shape[0] // n_head


def _permuted(tensor: Tensor, n_head: int) -> Tensor:
    """Rows (i, i + n / 2) of a head side by side."""
    n_rows = tensor.shape[0]
    if n_head < 1 or n_rows % (2 * n_head):
        message = f"{n_rows} rows are not {n_head} heads of an even length"
        raise FormatError(message, field=tensor.name)

    def source() -> npt.NDArray[np.uint8]:
        rows = tensor.data.reshape(n_head, 2, n_rows // n_head // 2, -1)
        return np.ascontiguousarray(rows.swapaxes(1, 2)).reshape(-1)

    return replace(tensor, source=source)


def _llama3(scaling: Mapping[str, Any], base: float, n_rot: int) -> F32:
    """Factors of Llama 3.1: long waves are stretched, short ones kept, between them both."""
    where = "config.json, rope_scaling"
    factor = _number(scaling, "factor", where)
    low, high = (_number(scaling, f"{end}_freq_factor", where) for end in ("low", "high"))
    n_ctx = _number(scaling, "original_max_position_embeddings", where)
    if not low < high:
        message = f"low_freq_factor {low:g} is not below {high:g}"
        raise FormatError(message, field="rope_scaling", source="config.json")
    waves = 2 * pi * base ** (np.arange(0, n_rot, 2) / n_rot)
    smooth = np.clip((n_ctx / waves - low) / (high - low), 0, 1)
    found: F32 = (1 / ((1 - smooth) / factor + smooth)).astype(np.float32)
    return found
