"""What differs between architectures, as rows of data."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ARCHITECTURES", "Architecture"]


@dataclass(frozen=True)
class Architecture:
    """One value of `general.architecture`.

    Attributes
    ----------
    name : str
    rope_neox : bool
        Rotary pairs are (i, i + n_rot/2); otherwise (2i, 2i + 1), for which converters
        permute the rows of attn_q and attn_k.
    required, optional : tuple of str
        Tensors of a layer that such models have, or may have, beyond those of a plain llama.
    """

    name: str
    rope_neox: bool
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()


_QKV_BIAS = ("attn_q.bias", "attn_k.bias", "attn_v.bias")
_ROWS = (
    Architecture("llama", rope_neox=False, optional=(*_QKV_BIAS, "attn_output.bias")),
    Architecture("qwen2", rope_neox=True, optional=_QKV_BIAS),
    Architecture("qwen3", rope_neox=True, required=("attn_q_norm.weight", "attn_k_norm.weight")),
)

ARCHITECTURES: dict[str, Architecture] = {row.name: row for row in _ROWS}
