"""Small random models as folders of the Hugging Face kind, the same everywhere and always."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["MODELS", "HfModel", "ids_of", "weights", "write_folder", "write_safetensors"]

F32 = npt.NDArray[np.float32]
N_VOCAB, N_BYTES = 60, 264
_WORDS = [
    "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "har", "##bour", "##s", "wake", "cafe",
    "!", "1", "##9", "##87", "a", "b", "##b", "##a", "日", "本",
]  # fmt: skip
_ADDED = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "[MASK]": 4}


@dataclass(frozen=True)
class HfModel:
    """A configuration, and the shapes of its tensors."""

    config: dict[str, Any]
    shapes: dict[str, tuple[int, ...]]


def _linear(name: str, n_out: int, n_in: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (n_out, n_in), f"{name}.bias": (n_out,)}


def _norm(name: str, n: int) -> dict[str, tuple[int, ...]]:
    return {f"{name}.weight": (n,), f"{name}.bias": (n,)}


def _bert(prefix: str = "", classes: int = 0) -> HfModel:
    n, ff = 32, 48
    shapes: dict[str, tuple[int, ...]] = {
        f"{prefix}embeddings.word_embeddings.weight": (N_VOCAB, n),
        f"{prefix}embeddings.position_embeddings.weight": (24, n),
        f"{prefix}embeddings.token_type_embeddings.weight": (2, n),
        **_norm(f"{prefix}embeddings.LayerNorm", n),
    }
    for i in range(2):
        at = f"{prefix}encoder.layer.{i}."
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            shapes |= _linear(f"{at}attention.{part}", n, n)
        shapes |= _norm(f"{at}attention.output.LayerNorm", n)
        shapes |= _linear(f"{at}intermediate.dense", ff, n) | _linear(f"{at}output.dense", n, ff)
        shapes |= _norm(f"{at}output.LayerNorm", n)
    shapes |= _linear(f"{prefix}pooler.dense", n, n)
    config: dict[str, Any] = {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_act": "gelu",
        "hidden_size": n, "intermediate_size": ff, "num_attention_heads": 4,
        "num_hidden_layers": 2, "max_position_embeddings": 24, "type_vocab_size": 2,
        "vocab_size": N_VOCAB, "layer_norm_eps": 1e-12, "position_embedding_type": "absolute",
    }  # fmt: skip
    if classes:
        shapes |= _linear("classifier", classes, n)
        config["architectures"] = ["BertForSequenceClassification"]
        config["id2label"] = {str(i): f"label {i}" for i in range(classes)}
    return HfModel(config, shapes)


def _distilbert() -> HfModel:
    n, ff = 32, 48
    shapes: dict[str, tuple[int, ...]] = {
        "distilbert.embeddings.word_embeddings.weight": (N_VOCAB, n),
        "distilbert.embeddings.position_embeddings.weight": (24, n),
        **_norm("distilbert.embeddings.LayerNorm", n),
    }
    for i in range(2):
        at = f"distilbert.transformer.layer.{i}."
        for part in ("q_lin", "k_lin", "v_lin", "out_lin"):
            shapes |= _linear(f"{at}attention.{part}", n, n)
        shapes |= _norm(f"{at}sa_layer_norm", n) | _norm(f"{at}output_layer_norm", n)
        shapes |= _linear(f"{at}ffn.lin1", ff, n) | _linear(f"{at}ffn.lin2", n, ff)
    config: dict[str, Any] = {
        "architectures": ["DistilBertModel"], "model_type": "distilbert", "activation": "gelu",
        "dim": n, "hidden_dim": ff, "n_heads": 4, "n_layers": 2, "max_position_embeddings": 24,
        "vocab_size": N_VOCAB,
    }  # fmt: skip
    return HfModel(config, shapes)


def _decoder(arch: str, name: str, **config: Any) -> HfModel:
    n, ff, head, heads, heads_kv = 32, 48, 8, 4, 2
    shapes: dict[str, tuple[int, ...]] = {
        "model.embed_tokens.weight": (N_BYTES, n),
        "model.norm.weight": (n,),
    }
    if not config.get("tie_word_embeddings"):
        shapes["lm_head.weight"] = (N_BYTES, n)
    for i in range(2):
        at = f"model.layers.{i}."
        for part, rows in (("q", heads), ("k", heads_kv), ("v", heads_kv)):
            shapes[f"{at}self_attn.{part}_proj.weight"] = (rows * head, n)
            if name == "Qwen2ForCausalLM":
                shapes[f"{at}self_attn.{part}_proj.bias"] = (rows * head,)
        if arch == "qwen3":
            shapes |= {f"{at}self_attn.{part}_norm.weight": (head,) for part in "qk"}
        shapes[f"{at}self_attn.o_proj.weight"] = (n, heads * head)
        shapes |= {f"{at}mlp.{part}_proj.weight": (ff, n) for part in ("gate", "up")}
        shapes[f"{at}mlp.down_proj.weight"] = (n, ff)
        norms = ("input_layernorm", "post_attention_layernorm")
        shapes |= {f"{at}{part}.weight": (n,) for part in norms}
    common: dict[str, Any] = {
        "architectures": [name], "model_type": arch, "hidden_act": "silu", "hidden_size": n,
        "intermediate_size": ff, "num_attention_heads": heads, "num_key_value_heads": heads_kv,
        "num_hidden_layers": 2, "max_position_embeddings": 64, "vocab_size": N_BYTES,
        "rms_norm_eps": 1e-6, "head_dim": head, "bos_token_id": 256, "eos_token_id": [257],
        "tie_word_embeddings": False, "rope_theta": 10000.0,
    }  # fmt: skip
    return HfModel(common | config, shapes)


_SCALED = {
    "rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
}  # fmt: skip

MODELS: dict[str, HfModel] = {
    "bert": _bert(),
    "bert-rank": _bert("bert.", classes=3),
    "distilbert": _distilbert(),
    "llama": _decoder("llama", "LlamaForCausalLM"),
    "llama-3.1": _decoder("llama", "LlamaForCausalLM", rope_scaling=_SCALED),
    "llama-linear": _decoder(
        "llama", "LlamaForCausalLM", rope_scaling={"type": "linear", "factor": 2.0}
    ),
    "qwen2": _decoder("qwen2", "Qwen2ForCausalLM", tie_word_embeddings=True),
    "qwen3": _decoder("qwen3", "Qwen3ForCausalLM", rope_theta=1e6),
}


def ids_of(name: str) -> list[int]:
    """Token ids to compute."""
    n_vocab = MODELS[name].config["vocab_size"]
    return np.random.default_rng(len(name)).integers(5, n_vocab, 17).tolist()


def weights(name: str) -> dict[str, F32]:
    """Values by tensor."""
    random = np.random.default_rng(sum(name.encode()))
    found = {}
    for key, shape in MODELS[name].shapes.items():
        values = random.normal(0, 0.2, shape).astype(np.float32)
        ones = key.endswith("weight") and len(shape) == 1
        found[key] = values + np.float32(1) if ones else values
    return found


def write_folder(name: str, folder: Path, dtype: str = "F32") -> Path:
    """config.json, model.safetensors and a WordPiece vocabulary."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(MODELS[name].config))
    arrays = {key: _stored(values, dtype) for key, values in weights(name).items()}
    write_safetensors(folder / "model.safetensors", arrays)
    tokenizer = _bpe() if "ForCausalLM" in str(MODELS[name].config) else _wordpiece()
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    return folder


def _wordpiece() -> dict[str, Any]:
    return {
        "added_tokens": [{"id": i, "content": t, "special": True} for t, i in _ADDED.items()],
        "normalizer": {
            "type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
            "strip_accents": None, "lowercase": True,
        },
        "model": {
            "type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
            "vocab": {text: i for i, text in enumerate(_WORDS)},
        },
    }  # fmt: skip


_QWEN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def _bpe() -> dict[str, Any]:
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    rest = [code for code in range(256) if code not in plain]
    chars = {code: chr(code) for code in plain} | {c: chr(256 + i) for i, c in enumerate(rest)}
    vocab = {chars[code]: code for code in range(256)}
    added = {"<s>": (256, True), "</s>": (257, True), "<tool>": (258, False)}
    vocab |= {"th": 259, "the": 260, "\u0120the": 261}
    return {
        "added_tokens": [
            {"id": i, "content": text, "special": special} for text, (i, special) in added.items()
        ],
        "normalizer": {"type": "NFC"},
        "pre_tokenizer": {
            "type": "Sequence",
            "pretokenizers": [
                {"type": "Split", "pattern": {"Regex": _QWEN}, "behavior": "Isolated"},
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            ],
        },
        "post_processor": {
            "type": "TemplateProcessing",
            "single": [{"SpecialToken": {"id": "<s>"}}, {"Sequence": {"id": "A"}}],
        },
        "model": {
            "type": "BPE", "byte_fallback": False, "ignore_merges": False, "vocab": vocab,
            "merges": ["t h", ["th", "e"], "\u0120 the"],
        },
    }  # fmt: skip


def _stored(values: F32, dtype: str) -> tuple[str, tuple[int, ...], bytes]:
    if dtype == "BF16":  # cut, not rounded: the weights are random anyway
        raw = (values.view(np.uint32) >> 16).astype("<u2").tobytes()
    else:
        raw = values.astype({"F64": "<f8", "F32": "<f4", "F16": "<f2"}[dtype]).tobytes()
    return dtype, values.shape, raw


def write_safetensors(path: Path, arrays: Mapping[str, tuple[str, tuple[int, ...], bytes]]) -> None:
    """A file of these dtypes, shapes and bytes."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for name, (dtype, shape, raw) in arrays.items():
        offsets = [at, at + len(raw)]
        header[name] = {"dtype": dtype, "shape": list(shape), "data_offsets": offsets}
        at += len(raw)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    data = b"".join(raw for _, _, raw in arrays.values())
    path.write_bytes(len(text).to_bytes(8, "little") + text + data)
