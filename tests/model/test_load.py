"""What a file must hold to be a model, and what is said when it does not."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import abi
from abi.errors import FormatError, InputError, UnsupportedError
from abi.gguf import GGUFFile, Typed, ValueType, read, write
from abi.model import Config
from abi.quant import Tensor
from tests.oracle.architectures import CASES, Case, case_bytes
from tests.synthetic import LlamaShape, llama_bytes

# Heads and biases of whole blocks.
WIDE = {
    "attention.key_length": 32, "attention.value_length": 32, "block_count": 2,
    "feed_forward_length": 64, "expert_feed_forward_length": 64,
}  # fmt: skip
MOE = {"llama.expert_count": 4, "llama.expert_used_count": 2}


def changed(metadata: dict[str, Any] | None = None, **tensors: Any) -> bytes:
    """The small random model with some entries replaced, or taken out (None)."""
    file = read(llama_bytes(LlamaShape()))
    values = {k: v for k, v in (file.metadata | (metadata or {})).items() if v is not None}
    kept = file.tensors | {name.replace("__", "."): t for name, t in tensors.items()}
    out = io.BytesIO()
    write(out, values, [t for t in kept.values() if t is not None])
    return out.getvalue()


@pytest.mark.parametrize(
    ("metadata", "error", "words"),
    [
        ({"general.architecture": [1, 2]}, UnsupportedError, "architecture .* is not supported"),
        ({"general.architecture": "x" * 9999}, UnsupportedError, "^.{0,420}$"),
        ({"llama.block_count": True}, FormatError, "expected a positive integer, got True"),
        ({"llama.expert_count": [1, 2]}, UnsupportedError, "different values a layer"),
        ({"llama.attention.causal": "no"}, FormatError, "expected true or false, got 'no'"),
        ({"llama.rope.freq_base": 0.0}, FormatError, r"expected above 1, got 0\.0"),
        ({"tokenizer.ggml.model": [1]}, UnsupportedError, "supported: llama, bert"),
        ({"general.architecture": None}, FormatError, "general.architecture: missing"),
        ({"general.architecture": "mamba"}, UnsupportedError, "'mamba' is not supported"),
        ({"llama.block_count": None}, FormatError, "llama.block_count: the key is missing"),
        ({"llama.block_count": -1}, FormatError, "expected a positive integer, got -1"),
        ({"llama.block_count": "2"}, FormatError, "expected a positive integer, got '2'"),
        ({"llama.attention.head_count_kv": 3}, FormatError, "4 heads are not a multiple of 3"),
        ({"llama.attention.head_count": [4, 2]}, UnsupportedError, r"values a layer \(\[2, 4\]\)"),
        ({"llama.attention.layer_norm_rms_epsilon": "x"}, FormatError, "expected a number"),
        ({"llama.rope.dimension_count": 15}, FormatError, "an even number up to the head's 16"),
        ({"llama.rope.freq_base": float("inf")}, FormatError, "a finite number"),
        ({"llama.rope.scaling.type": "ntk"}, UnsupportedError, "'ntk' is not supported"),
        ({"llama.expert_count": 8}, FormatError, "expert_used_count: the key is missing"),
        (MOE | {"llama.expert_group_count": 2}, UnsupportedError, "by groups is not supported"),
        ({"llama.rope.dimension_count_swa": 8}, UnsupportedError, "rotating another part of each"),
        ({"llama.attention.key_length_swa": 8}, UnsupportedError, "heads of another length"),
        ({"llama.attention.value_length_swa": 8}, UnsupportedError, "heads of another length"),
        ({"llama.pooling_type": 5}, FormatError, "expected 0 to 4, got 5"),
        ({"llama.attention.value_length": 8}, UnsupportedError, "another length than the keys"),
        (
            {"llama.block_count": 3},
            FormatError,
            r"blk\.2\.attn_norm\.weight: the tensor is missing",
        ),
        ({"llama.block_count": 2**31 - 1}, FormatError, "expected at most 65536, got 2147483647"),
        (
            {"llama.block_count": 1},
            UnsupportedError,
            r"blk\.1\.attn_norm\.weight and 8 more is not",
        ),
        ({"llama.feed_forward_length": 64}, FormatError, r"shape \(96, 64\), expected \(64, 64\)"),
        (
            {"llama.embedding_length": 32},
            FormatError,
            r"shape \(320, 64\), expected \(n_vocab, 32\)",
        ),
    ],
)
def test_contradictions_are_named(
    metadata: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        abi.load(changed(metadata))


def test_a_missing_embedding_is_named() -> None:
    with pytest.raises(FormatError, match=r"token_embd\.weight: the tensor is missing"):
        abi.load(changed(token_embd__weight=None))


def test_a_tensor_that_would_be_ignored_is_refused() -> None:
    bias = Tensor.from_array("blk.0.attn_sinks.weight", np.ones(4))
    with pytest.raises(UnsupportedError, match=r"blk\.0\.attn_sinks\.weight is not used"):
        abi.load(changed(blk__0__attn_sinks__weight=bias))


def test_tokens_without_embeddings_are_refused() -> None:
    tokens = [*map(str, range(400))]
    types = np.ones(400, np.int32)
    extra = {
        "tokenizer.ggml.tokens": tokens, "tokenizer.ggml.token_type": types,
        "tokenizer.ggml.scores": np.zeros(400, np.float32), "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2", "tokenizer.ggml.merges": ["a b"],
    }  # fmt: skip
    with pytest.raises(FormatError, match="400 tokens but embeddings for 320"):
        abi.load(changed(extra))


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"weights": "int4"}, "weights='int4': expected one of auto, float32, blocks"),
        ({"n_ctx": 0}, "n_ctx=0: expected a whole number above 0"),
        ({"n_ctx": "8"}, "n_ctx='8': expected a whole number"),
        ({"n_batch": 1.5}, r"n_batch=1\.5: expected a whole number"),
        ({"swa_full": 1}, "swa_full=1: expected True or False"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, Any], words: str) -> None:
    with pytest.raises(InputError, match=words):
        abi.load(llama_bytes(LlamaShape()), **options)


def test_auto_keeps_blocks_when_memory_is_short(monkeypatch: pytest.MonkeyPatch) -> None:
    raw = llama_bytes(LlamaShape(), "Q8_0")
    expanded = 4 * LlamaShape().n_params
    for memory, mode in ((None, "float32"), (2 * expanded, "float32"), (expanded, "blocks")):
        monkeypatch.setattr("abi.model._load.available_memory", lambda memory=memory: memory)
        assert abi.load(raw, kernels="numpy").weights == mode


def test_progress_reaches_the_whole() -> None:
    seen: list[tuple[int, int]] = []
    abi.load(llama_bytes(LlamaShape()), progress=lambda *at: seen.append(at))
    assert seen[-1][0] == seen[-1][1] == read(llama_bytes(LlamaShape())).n_bytes
    assert seen == sorted(seen)


def test_rope_scaling_is_read() -> None:
    config = Config.from_metadata(
        read(
            changed({"llama.rope.scaling.type": "linear", "llama.rope.scaling.factor": 4.0})
        ).metadata
    )
    np.testing.assert_allclose(
        config.ropes[0].cis(np.array([8]))[0, 0], [np.cos(2), np.sin(2)], rtol=1e-6
    )
    none = Config.from_metadata(
        read(
            changed({"llama.rope.scaling.type": "none", "llama.rope.scaling.factor": 4.0})
        ).metadata
    )
    assert none.ropes[0].factor == 1


def test_typed_metadata_is_accepted_in_any_integer_type() -> None:
    for kind in (ValueType.UINT16, ValueType.INT32, ValueType.UINT64):
        raw = changed({"llama.block_count": Typed(2, kind)})
        assert abi.load(raw).config.n_layer == 2
    assert isinstance(read(raw), GGUFFile)


@pytest.mark.parametrize(
    "pattern", [[0.0, 1.0], ["a", "b"], [[True, False], [True, False]], [True], np.zeros(2)]
)
def test_a_pattern_of_windows_is_flags_or_numbers(pattern: Any) -> None:
    prefix = "gemma3.attention.sliding_window"
    file = read(case_bytes(CASES["gemma3-dense"]))
    metadata = dict(file.metadata) | {prefix: 8, f"{prefix}_pattern": pattern}
    with pytest.raises(FormatError, match="expected a list of 2 flags or numbers, one a layer"):
        Config.from_metadata(metadata)


@pytest.mark.parametrize("stored", ["F16", "Q8_0"])
@pytest.mark.parametrize("name", ["command-r-plus", "stablelm-parallel", "gpt-oss"])
def test_norms_and_biases_are_expanded_whatever_their_type(name: str, stored: str) -> None:
    """Some are of two dimensions, so that files may hold them in blocks."""
    case = Case(CASES[name].arch, {**CASES[name].keys, **WIDE}, CASES[name].optional)
    file = read(case_bytes(case))
    tensors = [
        Tensor.from_array(t.name, t.to_float32(), stored)
        if len(t.shape) > 1 and t.shape[-1] % 32 == 0 else t
        for t in file.tensors.values()
    ]  # fmt: skip
    raw = io.BytesIO()
    write(raw, file.typed(), tensors)
    found = [
        abi.load(raw.getvalue(), kernels="numpy", weights=weights).logits([5, 6, 7], all=True)
        for weights in ("blocks", "float32")
    ]
    np.testing.assert_allclose(found[0], found[1], rtol=0, atol=2e-3)
