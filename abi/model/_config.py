"""A model's numbers, read from GGUF metadata and checked against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from abi.errors import FormatError, UnsupportedError
from abi.model._arch import ARCHITECTURES, Architecture
from abi.model._rope import Rope

__all__ = ["Config"]

_LIMIT = 1 << 31  # more of anything is a broken file
_SHOWN = 80  # characters of a file's value in a message


@dataclass(frozen=True)
class Config:
    """Sizes and constants of one model, named as in GGUF and llama.cpp."""

    arch: Architecture
    n_ctx_train: int
    n_embd: int
    n_layer: int
    n_ff: int
    n_head: int
    n_head_kv: int
    head_dim: int
    eps: float
    scale: float  # of q @ k
    rope: Rope

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Config:
        """Read `general.architecture` and the keys of that architecture.

        Raises
        ------
        FormatError
            If a key is missing, has the wrong type or contradicts another.
        UnsupportedError
            If the architecture, or something it asks for, is not supported.
        """
        name = metadata.get("general.architecture")
        if name is None:
            raise FormatError("missing; this is no model", field="general.architecture")
        if not isinstance(name, str) or name not in ARCHITECTURES:
            known = ", ".join(ARCHITECTURES)
            shown = repr(name)[:_SHOWN]
            raise UnsupportedError(f"architecture {shown} is not supported; supported: {known}")
        keys = _Keys(metadata, name)
        _refuse_what_is_missing(keys)
        n_embd, n_head = keys.size("embedding_length"), keys.size("attention.head_count")
        n_head_kv = keys.size("attention.head_count_kv", n_head)
        head_dim = _head_dim(keys, n_embd, n_head, n_head_kv)
        return cls(
            arch=ARCHITECTURES[name],
            n_ctx_train=keys.size("context_length"),
            n_embd=n_embd,
            n_layer=keys.size("block_count"),
            n_ff=keys.size("feed_forward_length"),
            n_head=n_head,
            n_head_kv=n_head_kv,
            head_dim=head_dim,
            eps=keys.real("attention.layer_norm_rms_epsilon"),
            scale=head_dim**-0.5,
            rope=_rope(keys, head_dim),
        )


class _Keys:
    """Typed look-ups of one architecture's keys."""

    def __init__(self, metadata: Mapping[str, Any], arch: str) -> None:
        self.metadata, self.arch = metadata, arch

    def size(self, key: str, default: int | None = None) -> int:
        """A positive integer."""
        name, value = self._get(key, default)
        if hasattr(value, "__len__") and not isinstance(value, str):
            raise UnsupportedError(f"{name}: one value a layer is not supported yet")
        if type(value) is not int or not 0 < value < _LIMIT:
            shown = repr(value)[:_SHOWN]
            raise FormatError(f"expected a positive integer, got {shown}", field=name)
        return value

    def real(self, key: str, default: float | None = None) -> float:
        """A finite number, zero or above."""
        name, value = self._get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise FormatError(f"expected a number, got {repr(value)[:_SHOWN]}", field=name)
        if not 0 <= value < float("inf"):
            raise FormatError(f"expected a finite number not below 0, got {value}", field=name)
        return float(value)

    def text(self, key: str, default: str) -> str:
        name, value = self._get(key, default)
        if not isinstance(value, str):
            raise FormatError(f"expected a string, got {repr(value)[:_SHOWN]}", field=name)
        return value

    def has(self, key: str) -> bool:
        return f"{self.arch}.{key}" in self.metadata

    def _get(self, key: str, default: Any) -> tuple[str, Any]:
        name = f"{self.arch}.{key}"
        value = self.metadata.get(name, default)
        if value is None:
            raise FormatError("the key is missing", field=name)
        return name, value


def _refuse_what_is_missing(keys: _Keys) -> None:
    if keys.has("expert_count") and keys.real("expert_count"):
        raise UnsupportedError(f"{keys.arch}.expert_count: experts are not supported yet")
    causal = keys.metadata.get(f"{keys.arch}.attention.causal", True)
    if causal is not True:
        raise UnsupportedError(
            f"{keys.arch}.attention.causal: only causal attention is supported, got {causal!r}"
        )


def _head_dim(keys: _Keys, n_embd: int, n_head: int, n_head_kv: int) -> int:
    if n_head % n_head_kv:
        raise FormatError(
            f"{n_head} heads are not a multiple of {n_head_kv} key/value heads",
            field=f"{keys.arch}.attention.head_count_kv",
        )
    if f"{keys.arch}.attention.key_length" not in keys.metadata and n_embd % n_head:
        raise FormatError(
            f"{n_embd} elements do not divide among {n_head} heads",
            field=f"{keys.arch}.embedding_length",
        )
    head_dim = keys.size("attention.key_length", n_embd // n_head)
    if keys.size("attention.value_length", head_dim) != head_dim:
        raise UnsupportedError(
            f"{keys.arch}.attention.value_length: values of another length than the keys "
            f"({head_dim}) are not supported yet"
        )
    return head_dim


def _rope(keys: _Keys, head_dim: int) -> Rope:
    n_rot = keys.size("rope.dimension_count", head_dim)
    if n_rot > head_dim or n_rot % 2:
        raise FormatError(
            f"expected an even number up to the head's {head_dim}, got {n_rot}",
            field=f"{keys.arch}.rope.dimension_count",
        )
    kind = keys.text("rope.scaling.type", "linear")
    if kind not in ("none", "linear", "yarn"):
        raise UnsupportedError(
            f"{keys.arch}.rope.scaling.type: {kind[:_SHOWN]!r} is not supported; "
            "supported: none, linear, yarn"
        )
    base = keys.real("rope.freq_base", 10000.0)
    if base <= 1:
        raise FormatError(f"expected above 1, got {base}", field=f"{keys.arch}.rope.freq_base")
    # The old key counts only where the new one is absent; 0 stands for no scaling.
    new_key = keys.has("rope.scaling.factor")
    factor = keys.real("rope.scaling.factor" if new_key else "rope.scale_linear", 0.0)
    return Rope(
        n_rot=n_rot,
        base=base,
        factor=factor if factor and kind != "none" else 1.0,
        yarn=kind == "yarn",
        n_ctx_orig=keys.size("rope.scaling.original_context_length", keys.size("context_length")),
        attn_factor=keys.real("rope.scaling.attn_factor", 1.0),
    )
