"""The mixes of llama-quantize: which tensor takes which type, as rows of data.

Source: llama_tensor_get_type_impl and llama_ftype_get_default_type of llama.cpp. A mix has a
type that holds by default; what a rule returns takes its place.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from abi.errors import InputError, UnsupportedError

__all__ = ["MIXES", "Mix", "Place", "find_mix"]


@dataclass(frozen=True)
class Place:
    """What a rule may look at: the tensor's place among its kind, and the model's sizes."""

    i: int  # how many of its kind came before, or its layer in a model of experts
    n: int  # layers, or for values of attention how many there are
    n_gqa: int
    falcon: bool
    eight_experts: bool

    @property
    def first_eighth(self) -> bool:
        return self.i < self.n // 8

    @property
    def more(self) -> bool:
        """The first and the last eighth, and every third between."""
        first = self.n // 8
        return self.i < first or self.i >= 7 * self.n // 8 or (self.i - first) % 3 == 2


Rule = Callable[[Place], str | None]  # None: the mix's own type


@dataclass(frozen=True)
class Mix:
    """A mix of tensor types under one name.

    Parameters
    ----------
    name : str
        As llama-quantize names it.
    file_type : int or None
        Its number for `general.file_type`; None leaves the source's.
    type : str or None
        The tensor type that holds where no rule says another; None keeps every type.
    attn_v, ffn_down, attn_output : function of a place, optional
        The rules for these tensors.
    experts_output : bool
        Whether the attention's output takes Q5_K in a model of 8 experts.
    """

    name: str
    file_type: int | None
    type: str | None
    attn_v: Rule = field(default=lambda p: None, repr=False)
    ffn_down: Rule = field(default=lambda p: None, repr=False)
    attn_output: Rule = field(default=lambda p: None, repr=False)
    experts_output: bool = False


def _q3_k_m_down(p: Place) -> str | None:
    if p.i < p.n // 16:
        return "Q5_K"
    return "Q4_K" if not p.falcon or p.more else None


def _q4_k_m_down(p: Place) -> str | None:
    if not p.falcon:
        return "Q6_K" if p.more else None
    if p.i < p.n // 16:
        return "Q6_K"
    return "Q5_K" if p.more else None


def _q4_k_s_down(p: Place) -> str | None:
    return "Q5_K" if not p.falcon and p.first_eighth else None


def _more_q6(p: Place) -> str | None:
    return "Q6_K" if p.more else None


def _iq4_v(p: Place) -> str | None:
    return "Q5_K" if p.n_gqa >= 4 else None


def _iq4_down(p: Place) -> str | None:
    return "Q5_K" if p.first_eighth else None


def _iq3_m_down(p: Place) -> str | None:
    return "Q4_K" if p.first_eighth or (p.eight_experts and p.more) else None


def _unless_falcon(name: str) -> Rule:
    return lambda p: None if p.falcon else name


_ROWS = (
    Mix("F32", 0, "F32"),
    Mix("F16", 1, "F16"),
    Mix("BF16", 32, "BF16"),
    Mix("Q8_0", 7, "Q8_0"),
    Mix("Q6_K", 18, "Q6_K"),
    Mix("Q5_K_M", 17, "Q5_K", attn_v=_more_q6, ffn_down=_more_q6),
    Mix("Q5_K_S", 16, "Q5_K"),
    Mix("Q5_1", 9, "Q5_1"),
    Mix("Q5_0", 8, "Q5_0"),
    Mix("Q4_K_M", 15, "Q4_K", attn_v=_more_q6, ffn_down=_q4_k_m_down, experts_output=True),
    Mix(
        "Q4_K_S", 14, "Q4_K", ffn_down=_q4_k_s_down, experts_output=True,
        attn_v=lambda p: "Q5_K" if p.i < 4 else None,
    ),
    Mix("IQ4_NL", 25, "IQ4_NL", attn_v=_iq4_v, ffn_down=_iq4_down, experts_output=True),
    Mix("IQ4_XS", 30, "IQ4_XS", attn_v=_iq4_v, ffn_down=_iq4_down, experts_output=True),
    Mix("Q4_1", 3, "Q4_1"),
    Mix("Q4_0", 2, "Q4_0"),
    Mix("MXFP4_MOE", 38, "MXFP4"),
    Mix(
        "Q3_K_L", 13, "Q3_K",
        attn_v=lambda p: "Q5_K",
        ffn_down=lambda p: "Q4_K" if p.falcon else "Q5_K",
        attn_output=lambda p: "Q4_K" if p.falcon else "Q5_K",
    ),
    Mix(
        "Q3_K_M", 12, "Q3_K", ffn_down=_q3_k_m_down, experts_output=True,
        attn_v=lambda p: "Q5_K" if p.i < 2 else "Q4_K",
        attn_output=_unless_falcon("Q4_K"),
    ),
    Mix(
        "IQ3_M", 27, "IQ3_S", experts_output=True,
        attn_v=lambda p: "Q4_K",
        ffn_down=_iq3_m_down,
        attn_output=_unless_falcon("Q4_K"),
    ),
    Mix(
        "IQ3_S", 26, "IQ3_S", experts_output=True,
        attn_v=lambda p: "Q4_K" if p.n_gqa >= 4 else None,
    ),
    Mix("Q3_K_S", 11, "Q3_K", experts_output=True),
    Mix(
        "Q2_K", 10, "Q2_K", experts_output=True,
        attn_v=lambda p: "Q4_K" if p.n_gqa >= 4 else "Q3_K",
        ffn_down=lambda p: "Q3_K",
        attn_output=_unless_falcon("Q3_K"),
    ),
    Mix("Q2_0", 41, "Q2_0"),
    Mix("TQ2_0", 37, "TQ2_0"),
    Mix("TQ1_0", 36, "TQ1_0"),
    Mix("Q1_0", 40, "Q1_0"),
    Mix("COPY", None, None),
)  # fmt: skip

MIXES: Mapping[str, Mix] = {mix.name: mix for mix in _ROWS}

_ALIASES = {"Q3_K": "Q3_K_M", "Q4_K": "Q4_K_M", "Q5_K": "Q5_K_M"}
_NEED_MATRIX = {
    "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ2_M", "IQ3_XXS", "IQ3_XS", "Q2_K_S",
}  # fmt: skip


def find_mix(name: str) -> Mix:
    """The mix of that name in any case; Q3_K, Q4_K and Q5_K mean their M."""
    key = _ALIASES.get(name.upper(), name.upper())
    if key in _NEED_MATRIX:
        cure = "take Q2_K, IQ3_S or larger"
        raise UnsupportedError(f"{key} needs an importance matrix, which cannot be given; {cure}")
    if key not in MIXES:
        raise InputError(f"unknown mix {name!r}; known: {', '.join(MIXES)}")
    return MIXES[key]
