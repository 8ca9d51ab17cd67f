"""What may differ between architectures; `_rows` has the rows.

A row says what the metadata and the tensors of a file do not show by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["Architecture", "Classifier", "Window"]


@dataclass(frozen=True)
class Window:
    """Sliding-window attention in some of the layers.

    Attributes
    ----------
    every : int
        Of so many layers one is dense: the last, or the first with `dense_first`.
    default : int
        The window where the file names none; 0 for no window then.
    rope : str
        Angles of the layers with a window: "same" frequencies and scaling with a base of
        their own if the file names one, "own" base (10000 by default) and no scaling, or
        "unscaled" frequencies of the others.
    """

    every: int
    default: int = 0
    dense_first: bool = False
    rope: str = "same"


@dataclass(frozen=True)
class Classifier:
    """How the head of a reranker works.

    Attributes
    ----------
    mean : bool
        Where the file does not say, it reads the mean of all tokens; else the first token,
        or the last one of a causal model.
    act : str
        Between `cls` and `cls.output`.
    softmax : bool
        Its outputs are turned to probabilities.
    """

    mean: bool = False
    act: str = "tanh"
    softmax: bool = False


@dataclass(frozen=True, repr=False)
class Architecture:
    """One value of `general.architecture`.

    Attributes
    ----------
    name : str
    rope : str
        "norm" pairs are (2i, 2i + 1), for which converters permute the rows of attn_q and
        attn_k; "neox" pairs are (i, i + n_rot/2); "none".
    norm : str
        "rms" or "layer".
    act : str
        Activation of the feed-forward part.
    required, optional : tuple of str
        Tensors of a layer beyond `COMMON` of `_tensors`, which all have.
    required_outside, optional_outside : tuple of str
        Tensors outside the layers beyond token_embd, which all have.
    experts : str
        "never", "always", or as the file says: "maybe".
    expert_norm, expert_softmax
        As in `Spec`.
    head_norm : str
        Over what attn_q_norm goes: "head" (one weight for all heads), "heads" (each its
        own) or "whole".
    fused_up : bool
        ffn_up holds the gate in its first half.
    parallel : bool
        Layers without ffn_norm read their input twice instead of in turn.
    embedding : str
        Scale of the embeddings: "" none, "sqrt" of n_embd, or "key" for embedding_scale.
    attention_scale : str
        "" for 1 / sqrt(head_dim), "key" for attention.scale, or "gemma", whose 27B models
        take 1 / sqrt(n_embd / n_head).
    gemma_27b : int
        Layers of that model.
    logit_scale : str
        "" none, or logits are "multiplied" or "divided" by it.
    attn_softcap, final_softcap : float or None
        Where the file names none, the caps of scores and of logits; None never caps.
    act_key : bool
        hidden_activation may name another activation.
    classifier : Classifier
    sizes : tuple of pairs of str
        (tensor, its sizes) where they are not those of `_tensors`.
    window : Window or None
    causal : bool
        False for encoders.
    embeds_only : bool
        There is no head for logits.
    alibi : float
    rope_step : int
        Every so many layers one goes without rotation; 0 for none.
    rope_switch : bool
        rope.scaling.finetuned = false turns rotation off.
    renamed : tuple of pairs of str
        (name of the attribute in `Layer`, name of the tensor), where they differ.
    """

    name: str
    rope: str = "neox"
    norm: str = "rms"
    act: str = "silu"
    required: tuple[str, ...] = ()
    optional: tuple[str, ...] = ()
    required_outside: tuple[str, ...] = ("output_norm.weight",)
    optional_outside: tuple[str, ...] = ("output.weight",)
    experts: str = "never"
    expert_norm: bool = True
    expert_softmax: str = "all"
    head_norm: str = "head"
    fused_up: bool = False
    parallel: bool = False
    embedding: str = ""
    attention_scale: str = ""
    gemma_27b: int = 0
    logit_scale: str = ""
    attn_softcap: float | None = None
    final_softcap: float | None = None
    act_key: bool = False
    classifier: Classifier = Classifier()
    sizes: tuple[tuple[str, str], ...] = ()
    window: Window | None = None
    causal: bool = True
    embeds_only: bool = False
    alibi: float = 0.0
    rope_step: int = 0
    rope_switch: bool = False
    renamed: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        return f"Architecture({self.name!r})"
