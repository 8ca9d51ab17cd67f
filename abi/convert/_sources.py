"""Hugging Face models as rows of data: how their tensors and settings are called in GGUF.

Names and keys are those that llama.cpp's convert_hf_to_gguf gives. A row covers what the
configuration says about a model of that class; a setting whose value would change what is
computed, and which no key of GGUF carries, is in `expected` and refused otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

__all__ = ["CLASSES", "SOURCES", "Key", "SourceModel"]


@dataclass(frozen=True)
class Key:
    """A setting: GGUF key after `ARCH.`, kind, and the names it may have in config.json.

    Without a `default` it must be there; with None it may be left out.
    """

    gguf: str
    kind: type
    names: tuple[str, ...]
    default: int | float | str | None = "needed"


@dataclass(frozen=True)
class SourceModel:
    """One kind of model.

    Attributes
    ----------
    arch : str
        `general.architecture`.
    classes : tuple of str
        Values of `architectures` in config.json.
    keys : tuple of Key
    tensors : dict of str to str
        Names less ".weight" and ".bias", with * for the layer, to GGUF names likewise. A name
        that ends in ? need not be there.
    prefixes : tuple of str
        What names may begin with, which is left off.
    dropped : tuple of str
        Tensors whose names begin so compute nothing of what GGUF models compute.
    expected : dict of str to tuple
        Settings and the values they may have; None stands for absent.
    vocabulary : str
        "wordpiece" or "bpe".
    causal : bool
    head : dict of str to str
        Tensors of a classifier's class, by which the model ranks.
    permuted : bool
        Rows of attn_q and attn_k are reordered, for rotated pairs that lie side by side.
    """

    arch: str
    classes: tuple[str, ...]
    keys: tuple[Key, ...]
    tensors: dict[str, str]
    prefixes: tuple[str, ...] = ()
    dropped: tuple[str, ...] = ()
    expected: dict[str, tuple[object, ...]] | None = None
    vocabulary: str = "wordpiece"
    causal: bool = False
    head: dict[str, str] | None = None
    permuted: bool = False

    @property
    def layers(self) -> str:
        """The setting that counts layers."""
        return next(key.names[0] for key in self.keys if key.gguf == "block_count")


_GELU = ("gelu", "gelu_new", "gelu_fast", "gelu_pytorch_tanh")

_BERT = SourceModel(
    "bert",
    classes=("BertModel", "BertForMaskedLM", "BertForSequenceClassification"),
    keys=(
        Key("block_count", int, ("num_hidden_layers",)),
        Key("context_length", int, ("max_position_embeddings",)),
        Key("embedding_length", int, ("hidden_size",)),
        Key("feed_forward_length", int, ("intermediate_size",)),
        Key("attention.head_count", int, ("num_attention_heads",)),
        Key("attention.layer_norm_epsilon", float, ("layer_norm_eps",), 1e-12),
    ),
    tensors={
        "embeddings.word_embeddings": "token_embd",
        "embeddings.position_embeddings": "position_embd",
        "embeddings.token_type_embeddings?": "token_types",
        "embeddings.LayerNorm": "token_embd_norm",
        "encoder.layer.*.attention.self.query": "blk.*.attn_q",
        "encoder.layer.*.attention.self.key": "blk.*.attn_k",
        "encoder.layer.*.attention.self.value": "blk.*.attn_v",
        "encoder.layer.*.attention.output.dense": "blk.*.attn_output",
        "encoder.layer.*.attention.output.LayerNorm": "blk.*.attn_output_norm",
        "encoder.layer.*.intermediate.dense": "blk.*.ffn_up",
        "encoder.layer.*.output.dense": "blk.*.ffn_down",
        "encoder.layer.*.output.LayerNorm": "blk.*.layer_output_norm",
    },
    prefixes=("bert.",),
    dropped=("embeddings.position_ids", "pooler.", "cls."),
    expected={
        "hidden_act": (*_GELU, None),
        "position_embedding_type": ("absolute", None),
        "is_decoder": (False, None),
        "add_cross_attention": (False, None),
    },
    head={"pooler.dense": "cls", "classifier": "cls.output"},
)

_DISTILBERT = SourceModel(
    "bert",
    classes=("DistilBertModel", "DistilBertForMaskedLM"),
    keys=(
        Key("block_count", int, ("n_layers",)),
        Key("context_length", int, ("max_position_embeddings",)),
        Key("embedding_length", int, ("dim",)),
        Key("feed_forward_length", int, ("hidden_dim",)),
        Key("attention.head_count", int, ("n_heads",)),
        Key("attention.layer_norm_epsilon", float, ("layer_norm_eps",), 1e-12),
    ),
    tensors={
        "embeddings.word_embeddings": "token_embd",
        "embeddings.position_embeddings": "position_embd",
        "embeddings.LayerNorm": "token_embd_norm",
        "transformer.layer.*.attention.q_lin": "blk.*.attn_q",
        "transformer.layer.*.attention.k_lin": "blk.*.attn_k",
        "transformer.layer.*.attention.v_lin": "blk.*.attn_v",
        "transformer.layer.*.attention.out_lin": "blk.*.attn_output",
        "transformer.layer.*.sa_layer_norm": "blk.*.attn_output_norm",
        "transformer.layer.*.ffn.lin1": "blk.*.ffn_up",
        "transformer.layer.*.ffn.lin2": "blk.*.ffn_down",
        "transformer.layer.*.output_layer_norm": "blk.*.layer_output_norm",
    },
    prefixes=("distilbert.",),
    dropped=("embeddings.position_ids", "vocab_"),
    expected={"activation": (*_GELU, None)},
)

_LLAMA = SourceModel(
    "llama",
    classes=("LlamaForCausalLM", "MistralForCausalLM"),
    keys=(
        Key("block_count", int, ("num_hidden_layers",)),
        Key("context_length", int, ("max_position_embeddings",)),
        Key("embedding_length", int, ("hidden_size",)),
        Key("feed_forward_length", int, ("intermediate_size",)),
        Key("attention.head_count", int, ("num_attention_heads",)),
        Key("attention.head_count_kv", int, ("num_key_value_heads",), None),
        Key("attention.key_length", int, ("head_dim",), None),
        Key("attention.value_length", int, ("head_dim",), None),
        Key("attention.layer_norm_rms_epsilon", float, ("rms_norm_eps",), 1e-6),
        Key("vocab_size", int, ("vocab_size",)),
    ),
    tensors={
        "model.embed_tokens": "token_embd",
        "model.norm": "output_norm",
        "lm_head?": "output",
        "model.layers.*.input_layernorm": "blk.*.attn_norm",
        "model.layers.*.self_attn.q_proj": "blk.*.attn_q",
        "model.layers.*.self_attn.k_proj": "blk.*.attn_k",
        "model.layers.*.self_attn.v_proj": "blk.*.attn_v",
        "model.layers.*.self_attn.o_proj": "blk.*.attn_output",
        "model.layers.*.post_attention_layernorm": "blk.*.ffn_norm",
        "model.layers.*.mlp.gate_proj": "blk.*.ffn_gate",
        "model.layers.*.mlp.up_proj": "blk.*.ffn_up",
        "model.layers.*.mlp.down_proj": "blk.*.ffn_down",
    },
    expected={
        "hidden_act": ("silu",),
        "sliding_window": (None,),
        "quantization_config": (None,),
    },
    vocabulary="bpe",
    causal=True,
    permuted=True,
)
_QWEN2 = replace(
    _LLAMA,
    arch="qwen2",
    classes=("Qwen2ForCausalLM",),
    keys=tuple(key for key in _LLAMA.keys if key.gguf != "vocab_size"),
    expected={
        "hidden_act": ("silu",),
        "use_sliding_window": (False, None),
        "quantization_config": (None,),
    },
    permuted=False,
)
_QWEN3 = replace(
    _QWEN2,
    arch="qwen3",
    classes=("Qwen3ForCausalLM",),
    tensors={
        **_LLAMA.tensors,
        "model.layers.*.self_attn.q_norm": "blk.*.attn_q_norm",
        "model.layers.*.self_attn.k_norm": "blk.*.attn_k_norm",
    },
)

SOURCES = (_BERT, _DISTILBERT, _LLAMA, _QWEN2, _QWEN3)

CLASSES: dict[str, SourceModel] = {name: row for row in SOURCES for name in row.classes}
