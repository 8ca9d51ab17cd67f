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
    """

    name: str
    rope_neox: bool


ARCHITECTURES: dict[str, Architecture] = {
    row.name: row for row in (Architecture("llama", rope_neox=False),)
}
