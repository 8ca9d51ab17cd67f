"""A model's numbers, read from GGUF metadata and checked against each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from abi.errors import FormatError, UnsupportedError
from abi.kernels import Spec
from abi.model._arch import Architecture
from abi.model._keys import Keys
from abi.model._rope import Rope, read_ropes
from abi.model._rows import ARCHITECTURES

__all__ = ["POOLINGS", "Config"]

# Values of `pooling_type`, as llama.cpp numbers them.
POOLINGS = ("none", "mean", "cls", "last", "rank")
_MOST_LAYERS = 1 << 16  # no model has a hundredth of it
# Names of `hidden_activation`.
_ACTIVATIONS = {"gelu": "gelu", "geglu": "gelu", "silu": "silu", "swish": "silu", "swiglu": "silu"}


@dataclass(frozen=True)
class Config:
    """Sizes and constants of one model, named as in GGUF and llama.cpp.

    Attributes
    ----------
    ropes : tuple of Rope
        Of dense layers, and of those with a window; none where nothing is rotated.
    swa : tuple of bool
        Which layers have a window, one a layer.
    pooling : str or None
        One of `POOLINGS`, if the file says.
    n_types : int
        Token types of an encoder.
    labels : tuple of str
        What a classifier's outputs stand for.
    """

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
    ropes: tuple[Rope, ...] = ()
    n_swa: int = 0
    swa: tuple[bool, ...] = ()
    causal: bool = True
    attn_softcap: float = 0.0
    final_softcap: float = 0.0
    embedding_scale: float = 1.0
    residual_scale: float = 1.0
    logit_scale: float = 1.0
    act: str = "silu"
    n_expert: int = 0
    n_expert_used: int = 0
    n_ff_exp: int = 0
    n_ff_shexp: int = 0
    pooling: str | None = None
    cls_pooling: str | None = None  # where pooling is "rank": what the classifier reads
    n_types: int = 0
    labels: tuple[str, ...] = ()

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
        arch = _architecture(metadata)
        keys = Keys(metadata, arch.name)
        n_embd, n_head = keys.size("embedding_length"), keys.size("attention.head_count")
        n_layer = keys.size("block_count", most=_MOST_LAYERS)
        n_head_kv = keys.size("attention.head_count_kv", n_head)
        head_dim = _head_dim(keys, n_embd, n_head, n_head_kv)
        n_swa, swa = _windows(keys, arch, n_layer)
        return cls(
            arch=arch,
            n_ctx_train=keys.size("context_length"),
            n_embd=n_embd,
            n_layer=n_layer,
            n_head=n_head,
            n_head_kv=n_head_kv,
            head_dim=head_dim,
            eps=keys.real(f"attention.layer_norm_{'rms_' * (arch.norm == 'rms')}epsilon"),
            scale=_scale(keys, arch, n_embd, n_head, head_dim, n_layer),
            ropes=read_ropes(keys, arch, head_dim) if _rotates(keys, arch) else (),
            n_swa=n_swa,
            swa=swa,
            causal=_causal(keys, arch),
            act=_activation(keys, arch),
            **_scales(keys, arch, n_embd),
            **_widths(keys, arch),
            **_outputs(keys),
        )

    def spec(self, i: int, *, parallel: bool) -> Spec:
        """What kernels need to know of layer `i`."""
        step, windowed = self.arch.rope_step, self.swa[i]
        rotated = bool(self.ropes) and not (step and (i + 1) % step == 0)
        return Spec(
            n_head=self.n_head,
            n_head_kv=self.n_head_kv,
            head_dim=self.head_dim,
            eps=self.eps,
            scale=self.scale,
            norm=self.arch.norm,
            rope=int(windowed and len(self.ropes) > 1) if rotated else None,
            rope_neox=self.arch.rope == "neox",
            causal=self.causal,
            window=self.n_swa if windowed else 0,
            softcap=self.attn_softcap,
            alibi=self.arch.alibi,
            act=self.act,
            n_ff=self.n_ff,
            parallel=parallel,
            residual_scale=self.residual_scale,
            n_expert_used=self.n_expert_used,
            expert_norm=self.arch.expert_norm,
            expert_softmax=self.arch.expert_softmax,
        )


def _architecture(metadata: Mapping[str, Any]) -> Architecture:
    name = metadata.get("general.architecture")
    if name is None:
        raise FormatError("missing; this is no model", field="general.architecture")
    if not isinstance(name, str) or name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        shown = repr(name)[:80]
        raise UnsupportedError(f"architecture {shown} is not supported; supported: {known}")
    return ARCHITECTURES[name]


def _head_dim(keys: Keys, n_embd: int, n_head: int, n_head_kv: int) -> int:
    if n_head % n_head_kv:
        raise FormatError(
            f"{n_head} heads are not a multiple of {n_head_kv} key/value heads",
            field=keys.name("attention.head_count_kv"),
        )
    if not keys.has("attention.key_length") and n_embd % n_head:
        raise FormatError(
            f"{n_embd} elements do not divide among {n_head} heads",
            field=keys.name("embedding_length"),
        )
    head_dim = keys.size("attention.key_length", n_embd // n_head)
    if keys.size("attention.value_length", n_embd // n_head) != head_dim:
        raise UnsupportedError(
            f"{keys.name('attention.value_length')}: values of another length than the keys "
            f"({head_dim}) are not supported"
        )
    for key in ("attention.key_length_swa", "attention.value_length_swa"):
        if keys.size(key, head_dim) != head_dim:
            raise UnsupportedError(
                f"{keys.name(key)}: heads of another length in layers with a window "
                f"(the others have {head_dim}) are not supported"
            )
    return head_dim


def _windows(keys: Keys, arch: Architecture, n_layer: int) -> tuple[int, tuple[bool, ...]]:
    """The window's size and the layers that have it."""
    window = arch.window
    if window is None:
        return 0, (False,) * n_layer
    n_swa = keys.size("attention.sliding_window", window.default, least=0)
    if not n_swa:
        return 0, (False,) * n_layer
    listed = keys.flags("attention.sliding_window_pattern", n_layer)
    if listed is not None:
        return n_swa, listed
    every = keys.size("attention.sliding_window_pattern", window.every, least=0)
    dense = 0 if window.dense_first else every - 1
    return n_swa, tuple(not every or i % every != dense for i in range(n_layer))


def _scale(
    keys: Keys, arch: Architecture, n_embd: int, n_head: int, head_dim: int, n_layer: int
) -> float:
    if arch.attention_scale == "gemma" and n_layer == arch.gemma_27b:
        return float((n_embd // n_head) ** -0.5)
    given = keys.real("attention.scale", 0.0) if arch.attention_scale == "key" else 0.0
    return given or head_dim**-0.5


def _rotates(keys: Keys, arch: Architecture) -> bool:
    return not arch.rope_switch or keys.flag("rope.scaling.finetuned", True)


def _causal(keys: Keys, arch: Architecture) -> bool:
    causal = keys.flag("attention.causal", arch.causal)
    if causal and not arch.causal:
        raise UnsupportedError(f"{keys.name('attention.causal')}: {arch.name} is not causal")
    return causal


def _activation(keys: Keys, arch: Architecture) -> str:
    """The file's where the row says so, else the row's."""
    if not arch.act_key or not keys.has("hidden_activation"):
        return arch.act
    name = keys.text("hidden_activation", "")
    if name not in _ACTIVATIONS:
        raise UnsupportedError(
            f"{keys.name('hidden_activation')}: {name[:80]!r} is not supported; "
            f"supported: {', '.join(_ACTIVATIONS)}"
        )
    return _ACTIVATIONS[name]


def _scales(keys: Keys, arch: Architecture, n_embd: int) -> dict[str, Any]:
    by_key = arch.embedding == "key"
    embedding = keys.real("embedding_scale", 0.0) if by_key else 0.0
    logit = keys.real("logit_scale", 0.0) if arch.logit_scale else 0.0
    caps = (
        0.0 if default is None else keys.real(f"{key}_logit_softcapping", default)
        for key, default in (("attn", arch.attn_softcap), ("final", arch.final_softcap))
    )
    return {
        "embedding_scale": n_embd**0.5 if arch.embedding == "sqrt" else embedding or 1.0,
        "residual_scale": (keys.real("residual_scale", 0.0) if by_key else 0.0) or 1.0,
        "logit_scale": (1 / logit if arch.logit_scale == "divided" else logit) if logit else 1.0,
        **dict(zip(("attn_softcap", "final_softcap"), caps, strict=True)),
    }


def _widths(keys: Keys, arch: Architecture) -> dict[str, Any]:
    """Widths of the feed-forward parts, and the experts."""
    n_expert = keys.size("expert_count", 0, least=0)
    if n_expert and arch.experts == "never":
        message = f"{keys.name('expert_count')}: {arch.name} has no experts here"
        raise UnsupportedError(message)
    if not n_expert and arch.experts == "always":
        n_expert = keys.size("expert_count")
    least = 0 if n_expert else 1
    n_ff = keys.size("feed_forward_length", 0 if n_expert else None, least=least)
    shared = keys.size("expert_shared_feed_forward_length", 0, least=0)
    if not n_expert:
        return {"n_ff": n_ff}
    if keys.size("expert_group_count", 0, least=0) > 1:
        name = keys.name("expert_group_count")
        raise UnsupportedError(f"{name}: choosing experts by groups is not supported")
    used = keys.size("expert_used_count")
    if used > n_expert:
        message = f"{used} experts are used of {n_expert}"
        raise FormatError(message, field=keys.name("expert_used_count"))
    n_ff_exp = n_ff if arch.experts == "maybe" else n_ff // used
    if arch.experts == "always" and keys.has("expert_feed_forward_length"):
        n_ff_exp = keys.size("expert_feed_forward_length")
    return {
        "n_ff": n_ff,
        "n_expert": n_expert,
        "n_expert_used": used,
        "n_ff_exp": n_ff_exp,
        "n_ff_shexp": shared or n_ff,
    }


def _outputs(keys: Keys) -> dict[str, Any]:
    """What an encoder or a classifier gives."""
    labels = keys.metadata.get(keys.name("classifier.output_labels"), ())
    n_types = keys.metadata.get("tokenizer.ggml.token_type_count", 0)
    if type(n_types) is not int or not 0 <= n_types < 1 << 16:
        message = f"expected a small integer, got {repr(n_types)[:80]}"
        raise FormatError(message, field="tokenizer.ggml.token_type_count")
    return {
        "pooling": _pooling(keys, "pooling_type"),
        "cls_pooling": _pooling(keys, "classifier.pooling_type"),
        "n_types": n_types,
        "labels": tuple(map(str, labels)) if isinstance(labels, list | tuple) else (),
    }


def _pooling(keys: Keys, key: str) -> str | None:
    if not keys.has(key):
        return None
    kind = keys.size(key, least=0)
    if kind >= len(POOLINGS):
        raise FormatError(f"expected 0 to {len(POOLINGS) - 1}, got {kind}", field=keys.name(key))
    return POOLINGS[kind]
