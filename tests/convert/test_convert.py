"""Hugging Face folders: what transformers computes, llama.cpp's names, and mistakes by name."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abi
from abi.cli import main
from abi.convert import convert
from abi.errors import FormatError, InputError, UnsupportedError
from abi.gguf import read
from abi.model import Batch, embed_batch
from tests.oracle.cases import DATA
from tests.oracle.hf_models import MODELS, ids_of, weights, write_folder, write_safetensors

RECORDED = np.load(DATA / "hf-models.npz")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_folder("bert", tmp_path / "tiny-bert")


def change(path: Path, **changes: Any) -> None:
    """Other values in a file of JSON; None takes one out."""
    values = json.loads(path.read_text()) if path.exists() else {}
    kept = {key: value for key, value in {**values, **changes}.items() if value is not None}
    path.write_text(json.dumps(kept))


def converted(folder: Path, type_name: str | None = None) -> Path:
    target = folder.parent / "out.gguf"
    convert(folder, target, type_name, force=True)
    return target


@pytest.mark.parametrize("name", MODELS)
def test_the_model_computes_what_transformers_computes(name: str, tmp_path: Path) -> None:
    model = abi.load(converted(write_folder(name, tmp_path / "in"), "F32"), kernels="numpy")
    if model.transformer.config.causal:
        got = model.logits(ids_of(name), all=True)
    else:
        kind = "rank" if name.endswith("rank") else "none"
        (got,) = embed_batch(model.transformer, Batch.of(ids_of(name)), kind)
    exact = model.transformer.config.causal  # GELU, which encoders have, is ggml's in float16
    np.testing.assert_allclose(got, RECORDED[name], atol=1e-4 if exact else 4e-3)


def test_names_keys_and_tokens_are_those_of_llama_cpp(folder: Path) -> None:
    file = read(converted(folder))
    meta = file.metadata
    assert {name for name in file.tensors if name.startswith("blk.1.")} == {
        f"blk.1.{stem}.{part}"
        for stem in (
            "attn_q", "attn_k", "attn_v", "attn_output", "attn_output_norm", "ffn_up", "ffn_down",
            "layer_output_norm",
        )
        for part in ("weight", "bias")
    }  # fmt: skip
    assert meta["general.architecture"] == "bert" and meta["general.name"] == "tiny-bert"
    assert (meta["bert.block_count"], meta["bert.context_length"]) == (2, 24)
    assert (meta["bert.attention.causal"], meta["general.file_type"]) == (False, 1)
    tokens, types = meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"]
    assert isinstance(tokens, list) and isinstance(types, np.ndarray)
    assert tokens[:8] == [
        "[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "\u2581the", "\u2581har", "bour",
    ]  # fmt: skip
    assert types.tolist() == [3] * 5 + [1] * 16 + [5] * 39 and tokens[-1] == "[PAD59]"
    names = ("bos", "cls", "eos", "seperator", "unknown", "padding", "mask")
    assert [meta[f"tokenizer.ggml.{n}_token_id"] for n in names] == [2, 2, 3, 3, 1, 0, 4]
    assert "bert.pooling_type" not in meta


def test_texts_become_the_tokens_of_the_vocabulary(folder: Path) -> None:
    tokenizer = abi.load(converted(folder)).tokenizer
    assert tokenizer.encode("The harbours wake, café! 日本") == [
        2,
        5,
        6,
        7,
        8,
        9,
        1,
        10,
        11,
        19,
        20,
        3,
    ]


def test_a_vocabulary_of_lines_gives_the_same(folder: Path) -> None:
    before = read(converted(folder)).metadata["tokenizer.ggml.tokens"]
    words = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    change(folder / "tokenizer_config.json", do_lower_case=False)
    meta = read(converted(folder)).metadata
    assert meta["tokenizer.ggml.tokens"] == before
    assert meta["tokenizer.ggml.normalizer.lowercase"] is False


@pytest.mark.parametrize("dtype", ["F16", "BF16", "F64"])
def test_weights_of_any_float_type_are_read(dtype: str, tmp_path: Path) -> None:
    file = read(converted(write_folder("bert", tmp_path / "in", dtype)))
    kinds = {t.type.name for t in file.tensors.values()}
    assert kinds == {"F32", "BF16" if dtype == "BF16" else "F16"}
    assert file.tensors["blk.0.attn_q.bias"].type.name == "F32"
    want = weights("bert")["embeddings.LayerNorm.weight"]
    got = file.tensors["token_embd_norm.weight"].to_float32()
    np.testing.assert_allclose(got, want, rtol=1e-2 if dtype == "BF16" else 1e-3)


def test_a_type_is_a_mix_of_the_quantiser(folder: Path) -> None:
    kinds = {n: t.type.name for n, t in read(converted(folder, "q8_0")).tensors.items()}
    assert (kinds["blk.0.ffn_up.weight"], kinds["blk.0.ffn_down.weight"]) == ("Q8_0", "F16")
    assert kinds["position_embd.weight"] == kinds["token_types.weight"] == "F32"


def test_a_model_in_parts_is_one(folder: Path) -> None:
    whole = converted(folder, "F32").read_bytes()
    arrays = {n: ("F32", v.shape, v.tobytes()) for n, v in weights("bert").items()}
    names = list(arrays)
    places = {}
    for part, some in (("a.safetensors", names[:9]), ("b.safetensors", names[9:])):
        write_safetensors(folder / part, {name: arrays[name] for name in some})
        places |= dict.fromkeys(some, part)
    (folder / "model.safetensors").unlink()
    change(folder / "model.safetensors.index.json", weight_map=places)
    assert converted(folder, "F32").read_bytes() == whole
    change(folder / "model.safetensors.index.json", weight_map={**places, "x": "a.safetensors"})
    with pytest.raises(FormatError, match="'x' is in none of its files"):
        converted(folder)
    change(folder / "model.safetensors.index.json", weight_map={**places, names[0]: "../a"})
    with pytest.raises(FormatError, match="expected the names of files beside it"):
        converted(folder)


def sentence(folder: Path, pooling: dict[str, Any], last: str = "Normalize") -> None:
    kinds = {"": "Transformer", "1_Pooling": "Pooling", "2_Last": last}
    modules = [{"path": p, "type": f"sentence_transformers.models.{k}"} for p, k in kinds.items()]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir(exist_ok=True)
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))


@pytest.mark.parametrize(
    ("pooling", "number"),
    [
        ({"pooling_mode_mean_tokens": True, "pooling_mode_cls_token": False}, 1),
        ({"pooling_mode_cls_token": True}, 2),
        ({"pooling_mode": "lasttoken"}, 3),
    ],
)
def test_pooling_and_prompts_are_taken_over(
    folder: Path, pooling: dict[str, Any], number: int
) -> None:
    sentence(folder, pooling)
    change(folder / "config_sentence_transformers.json", prompts={"query": "find: "})
    change(folder / "sentence_bert_config.json", max_seq_length=16)
    meta = read(converted(folder)).metadata
    assert meta["bert.pooling_type"] == number
    assert meta["sentence_transformers.prompt.query"] == "find: "
    assert meta["sentence_transformers.max_seq_length"] == 16
    assert abi.load(converted(folder)).embed(["the harbour"]).shape == (1, 32)


@pytest.mark.parametrize(
    ("pooling", "last", "words"),
    [
        ({"pooling_mode_max_tokens": True}, "Normalize", "pooling by pooling_mode_max_tokens"),
        ({"pooling_mode_cls_token": True}, "Dense", "a module of type 'Dense'"),
        ({}, "Normalize", "pooling by nothing"),
    ],
)
def test_what_gguf_cannot_say_of_pooling_is_refused(
    folder: Path, pooling: dict[str, Any], last: str, words: str
) -> None:
    sentence(folder, pooling, last)
    with pytest.raises(UnsupportedError, match=words):
        converted(folder)


def test_a_classifier_ranks(tmp_path: Path) -> None:
    path = converted(write_folder("bert-rank", tmp_path / "in"))
    meta = read(path).metadata
    assert meta["bert.pooling_type"] == 4
    assert meta["bert.classifier.output_labels"] == ["label 0", "label 1", "label 2"]
    assert abi.load(path).rerank("the harbour", ["a", "b b"]).shape == (2,)


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"architectures": ["T5Model"]}, UnsupportedError, "'T5Model' is not supported; .*BertMod"),
        ({"architectures": None}, UnsupportedError, "'bert' is not supported"),
        ({"hidden_act": "relu"}, UnsupportedError, "hidden_act is 'relu'; supported: 'gelu'"),
        ({"position_embedding_type": "relative_key"}, UnsupportedError, "position_embedding_type"),
        ({"hidden_size": None}, FormatError, "config.json, hidden_size: missing"),
        ({"hidden_size": "32"}, FormatError, "hidden_size: expected a whole number, got '32'"),
        ({"hidden_size": -1}, FormatError, "hidden_size: expected a number from 0"),
        ({"num_hidden_layers": 3}, FormatError, "encoder.layer.2.attention.self.query.weight"),
        ({"num_hidden_layers": 1}, UnsupportedError, "encoder.layer.1.*no place for this tensor"),
        ({"vocab_size": 9}, FormatError, "token 'wake' has the id 9, expected its own below 9"),
        ({"vocab_size": 1 << 40}, FormatError, "vocab_size: expected 1 to"),
    ],
)
def test_what_cannot_be_converted_is_named(
    folder: Path, changes: dict[str, Any], error: type[Exception], words: str
) -> None:
    change(folder / "config.json", **changes)
    with pytest.raises(error, match=words):
        converted(folder)


def test_a_tensor_without_a_place_is_named(folder: Path) -> None:
    values = np.ones((2, 2), np.float32)
    arrays = {"adapter.weight": ("F32", values.shape, values.tobytes())}
    write_safetensors(folder / "model.safetensors", arrays)
    with pytest.raises(UnsupportedError, match=r"adapter\.weight: bert has no place for this"):
        converted(folder)


def test_another_tokeniser_is_refused(folder: Path) -> None:
    for part in ({"model": {"type": "BPE", "vocab": {}}}, {"normalizer": {"type": "NFC"}}):
        before = (folder / "tokenizer.json").read_text()
        change(folder / "tokenizer.json", **part)
        with pytest.raises(UnsupportedError, match=r"BPE vocabulary|normalizer 'NFC'"):
            converted(folder)
        (folder / "tokenizer.json").write_text(before)
    (folder / "tokenizer.json").unlink()
    with pytest.raises(InputError, match=r"neither tokenizer\.json nor vocab\.txt"):
        converted(folder)


def test_a_bpe_vocabulary_is_taken_over(tmp_path: Path) -> None:
    folder = write_folder("qwen3", tmp_path / "in")
    change(folder / "tokenizer_config.json", chat_template="{{ messages }}", pad_token="</s>")
    meta = read(converted(folder)).metadata
    assert (meta["tokenizer.ggml.model"], meta["tokenizer.ggml.pre"]) == ("gpt2", "qwen2")
    tokens, types = meta["tokenizer.ggml.tokens"], meta["tokenizer.ggml.token_type"]
    assert isinstance(tokens, list) and isinstance(types, np.ndarray)
    assert tokens[256:] == [
        "<s>",
        "</s>",
        "<tool>",
        "th",
        "the",
        "\u0120the",
        "[PAD262]",
        "[PAD263]",
    ]
    assert types.tolist()[255:] == [1, 3, 3, 4, 1, 1, 1, 5, 5]
    assert meta["tokenizer.ggml.merges"] == ["t h", "th e", "\u0120 the"]
    roles = ("bos", "eos", "padding")
    assert [meta[f"tokenizer.ggml.{role}_token_id"] for role in roles] == [256, 257, 257]
    assert meta["tokenizer.chat_template"] == "{{ messages }}"
    tokenizer = abi.load(converted(folder)).tokenizer
    assert tokenizer.encode("the the1") == [256, 260, 261, ord("1")]


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("model", {"type": "BPE", "byte_fallback": True}),
        ("model", {"type": "Unigram"}),
        ("normalizer", {"type": "Lowercase"}),
        ("pre_tokenizer", {"type": "Metaspace"}),
        ("pre_tokenizer", {"type": "ByteLevel", "add_prefix_space": True}),
        ("pre_tokenizer", {"type": "Sequence", "pretokenizers": [
            {"type": "Split", "pattern": {"Regex": "x"}, "behavior": "Isolated"},
            {"type": "ByteLevel"},
        ]}),
        ("pre_tokenizer", None),
    ],
)  # fmt: skip
def test_a_rule_that_is_not_known_is_refused(part: str, value: Any, tmp_path: Path) -> None:
    folder = write_folder("qwen2", tmp_path / "in")
    change(folder / "tokenizer.json", **{part: value})
    with pytest.raises(UnsupportedError, match="supported: byte-level BPE by the rules of"):
        converted(folder)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (
            {"rope_scaling": {"rope_type": "yarn"}},
            "rope scaling 'yarn'; supported: default, linear",
        ),
        ({"rope_scaling": {"rope_type": "llama3"}}, "factor: expected a number above 0, got None"),
        ({"rope_theta": 0}, "rope_theta: expected a number above 0, got 0"),
        ({"rope_theta": "a"}, "rope_theta: expected a number, got 'a'"),
        ({"sliding_window": 4096}, "sliding_window is 4096"),
        ({"quantization_config": {"bits": 4}}, "quantization_config is"),
        ({"num_attention_heads": 3}, "32 rows are not 3 heads of an even length"),
    ],
)
def test_what_gguf_cannot_say_of_a_decoder_is_named(
    changes: dict[str, Any], words: str, tmp_path: Path
) -> None:
    folder = write_folder("llama", tmp_path / "in")
    change(folder / "config.json", **changes)
    with pytest.raises((UnsupportedError, FormatError), match=words):
        converted(folder)


def test_folders_without_a_model_are_named(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"holds no config\.json"):
        convert(tmp_path, tmp_path / "out.gguf")
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")
    with pytest.raises(InputError, match="safe_serialization=True"):
        converted(folder)


def test_the_verb_writes_the_file_and_says_so(
    folder: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["convert", str(folder)]) == 0
    assert capsys.readouterr().out.startswith("tiny-bert.gguf: F16: 71,296 -> ")
    assert read("tiny-bert.gguf").metadata["general.architecture"] == "bert"
    assert main(["convert", str(folder), "tiny-bert.gguf"]) == 2
    assert "tiny-bert.gguf exists; name another file" in capsys.readouterr().err
    options = ["tiny-bert.gguf", "--force", "--type", "q8_0", "--json"]
    assert main(["convert", str(folder), *options]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["output"], report["mix"]) == ("tiny-bert.gguf", "Q8_0")
