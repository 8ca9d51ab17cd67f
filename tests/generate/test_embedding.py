"""Texts to vectors and scores, through the model's own tokeniser and pooling."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

import abi
from abi.errors import (
    Cancelled,
    ContextLengthError,
    FormatError,
    InputError,
    UnsupportedError,
)
from abi.generate import Model, perplexity
from abi.gguf import read, write
from abi.model import Batch, embed_batch
from tests.oracle.architectures import CASES, ENCODERS, Case, case_bytes

TEXTS = ["a cat sat on the mat", "the dog", "a much longer text about other things, 1 2 3"]


@pytest.fixture(scope="module")
def bert() -> Model:
    return abi.load(case_bytes(ENCODERS["bert"]), kernels="numpy")


def test_vectors_are_those_of_each_text_alone(bert: Model) -> None:
    vectors = bert.embed(TEXTS, normalize=False)
    assert vectors.shape == (3, 64)
    assert vectors.dtype == np.float32
    for text, vector in zip(TEXTS, vectors, strict=True):
        ids = bert.tokenizer.encode(text)
        (alone,) = embed_batch(bert.transformer, Batch.of(ids), "mean")
        np.testing.assert_allclose(vector, alone, rtol=0, atol=1e-3)


def test_many_texts_take_several_passes(bert: Model) -> None:
    few = abi.load(case_bytes(ENCODERS["bert"]), kernels="numpy", n_batch=16)
    seen: list[tuple[int, int]] = []
    got = few.embed(TEXTS * 3, progress=lambda *at: seen.append(at))
    np.testing.assert_allclose(got, np.tile(bert.embed(TEXTS), (3, 1)), rtol=0, atol=1e-3)
    assert len(seen) > 3
    assert seen[-1] == (9, 9)
    with pytest.raises(Cancelled, match="cancelled after 0 of 3 texts"):
        few.embed(TEXTS, cancel=lambda: True)


def test_vectors_have_length_1_unless_asked(bert: Model) -> None:
    np.testing.assert_allclose(np.linalg.norm(bert.embed(TEXTS), axis=1), 1, rtol=1e-6)
    raw = bert.embed(TEXTS, normalize=False)
    assert abs(np.linalg.norm(raw[0]) - 1) > 0.01
    np.testing.assert_allclose(bert.embed("a cat")[0], bert.embed(["a cat"])[0])
    assert bert.embed([]).shape == (0, 64)


@pytest.mark.parametrize("pooling", ["mean", "cls", "last"])
def test_pooling_can_be_chosen(bert: Model, pooling: str) -> None:
    tokens = bert.embed_tokens(TEXTS[0])
    want = {"mean": tokens.mean(axis=0), "cls": tokens[0], "last": tokens[-1]}[pooling]
    got = bert.embed(TEXTS[0], pooling=pooling, normalize=False)[0]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-5)


def test_a_file_without_pooling_leaves_the_choice_to_the_caller() -> None:
    model = abi.load(kernels="numpy")
    with pytest.raises(InputError, match=r"no pooling .*llama\.pooling_type: None.*choose pooling"):
        model.embed("a cat")
    with pytest.raises(InputError, match="pooling='max': expected one of mean, cls, last"):
        model.embed("a cat", pooling="max")
    assert model.embed("a cat", pooling="last").shape == (1, 128)


def test_what_does_not_fit_is_an_error_unless_it_may_be_cut(bert: Model) -> None:
    small = abi.load(case_bytes(ENCODERS["bert"]), kernels="numpy", n_ctx=8)
    with pytest.raises(ContextLengthError, match=r"text 1 has .* tokens, the context 8; split it"):
        small.embed(["a", TEXTS[2]])
    ids = bert.tokenizer.encode(TEXTS[2])[:8]
    (want,) = embed_batch(bert.transformer, Batch.of(ids), "mean")
    with pytest.raises(ContextLengthError):  # the query alone fills the window
        small.rerank(TEXTS[2], ["a"], truncate=True)
    got = small.embed([TEXTS[2]], truncate=True, normalize=False)[0]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-3)


def test_only_texts_are_taken(bert: Model) -> None:
    with pytest.raises(InputError, match=r"texts\[1\]: expected a text, got int"):
        bert.embed(["a", 1])  # type: ignore[list-item]
    with pytest.raises(InputError, match="documents='abc': expected a list of texts"):
        bert.rerank("a", "abc")
    with pytest.raises(InputError, match="texts='7': expected a list of texts"):
        bert.embed(7)  # type: ignore[arg-type]


def test_documents_are_scored_in_pairs_with_the_query(bert: Model) -> None:
    scores = bert.rerank("a cat", TEXTS)
    assert scores.shape == (3,)
    encode = bert.tokenizer.encode
    bos, eos = 1, 2
    for text, score in zip(TEXTS, scores, strict=True):
        end = [eos] if bert.tokenizer.vocab.add_eos else []
        ids = [bos, *encode("a cat", add_special=False), *end]
        ids += [*encode(text, add_special=False), *end]
        (want,) = embed_batch(bert.transformer, Batch.of(ids), "rank")
        assert abs(score - want[0]) < 1e-3


def changed(case: Case, metadata: dict[str, Any], **options: Any) -> Model:
    file, raw = read(case_bytes(case)), io.BytesIO()
    kept = {key: v for key, v in (file.typed() | metadata).items() if v is not None}
    write(raw, kept, file.tensors.values())
    return abi.load(raw.getvalue(), kernels="numpy", **options)


@pytest.mark.parametrize(
    ("kind", "flags", "ends"),
    [
        ("llama", (True, True, True), ([1], [2, 7], [2])),
        ("llama", (False, False, True), ([], [7], [])),
        ("llama", (True, True, False), ([1], [2], [2])),
        ("bert", (True, True, False), ([101], [7], [7])),  # it has no end token
    ],
)
def test_what_parts_a_query_from_a_document(
    kind: str, flags: tuple[bool, ...], ends: tuple[list[int], ...]
) -> None:
    names = [f"tokenizer.ggml.add_{name}_token" for name in ("bos", "eos", "sep")]
    keys: dict[str, Any] = dict(zip(names, flags, strict=True))
    keys |= {"tokenizer.ggml.seperator_token_id": 7, "tokenizer.ggml.model": kind}
    if kind == "bert":
        keys |= {"tokenizer.ggml.bos_token_id": None, "tokenizer.ggml.eos_token_id": None}
    model = changed(ENCODERS["bert"], keys)
    encode = model.tokenizer.encode
    ids = [*ends[0], *encode("a cat", False), *ends[1], *encode(TEXTS[0], False), *ends[2]]
    (want,) = embed_batch(model.transformer, Batch.of(ids), "rank")
    np.testing.assert_allclose(model.rerank("a cat", TEXTS[:1]), want[:1], rtol=0, atol=1e-4)


TEMPLATE = {"tokenizer.chat_template.rerank": "<s>Query: {query} Text: {document} Good?</s>"}


def test_a_reranker_is_asked_in_its_own_words() -> None:
    model = changed(ENCODERS["qwen3-reranker"], TEMPLATE)
    text = "<s>Query: a {document} Text: the dog Good?</s>"  # the query is not looked into
    ids = model.tokenizer.encode(text, add_special=False, parse_special=True)
    assert (ids[0], ids[-1]) == (1, 2)
    (want,) = embed_batch(model.transformer, Batch.of(ids), "rank")
    got = model.rerank("a {document}", ["the dog"])
    np.testing.assert_allclose(got, want[:1], rtol=0, atol=1e-5)


def test_a_document_too_long_for_a_template_is_cut_alone() -> None:
    plain = TEMPLATE["tokenizer.chat_template.rerank"].replace("{query}", "a")
    model = changed(ENCODERS["qwen3-reranker"], TEMPLATE)
    sizes = [
        len(model.tokenizer.encode(plain.replace("{document}", "b" * n), False, True))
        for n in range(40)
    ]
    small = changed(ENCODERS["qwen3-reranker"], TEMPLATE, n_ctx=sizes[9])
    longest = max(n for n, size in enumerate(sizes) if size <= sizes[9])
    got = small.rerank("a", ["b" * 39], truncate=True)
    np.testing.assert_allclose(got, model.rerank("a", ["b" * longest]), rtol=0, atol=1e-5)
    with pytest.raises(ContextLengthError, match="text 0 has"):
        small.rerank("a", ["b" * 39])
    with pytest.raises(ContextLengthError, match="text 0 has"):
        small.rerank("a" * 40, ["b"], truncate=True)


def test_a_model_without_classifier_cannot_rank() -> None:
    model = abi.load(case_bytes(ENCODERS["nomic-bert"]), kernels="numpy")
    with pytest.raises(UnsupportedError, match="the model has no classifier"):
        model.rerank("a", ["b"])


def test_a_cut_text_keeps_its_end_token() -> None:
    model = changed(ENCODERS["llama-last"], {"tokenizer.ggml.add_eos_token": True}, n_ctx=8)
    ids = model.tokenizer.encode(TEXTS[2])
    (want,) = embed_batch(model.transformer, Batch.of([*ids[:7], 2]), "last")
    got = model.embed(TEXTS[2], truncate=True, normalize=False)[0]
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-4)


def test_an_encoder_sees_all_of_a_text_whatever_the_batch() -> None:
    ids, causal = list(range(5, 30)), {"qwen2.attention.causal": False}
    models = [changed(CASES["qwen2"], causal, n_batch=n) for n in (512, 8)]
    found = [model.logits(ids, all=True) for model in models]
    np.testing.assert_allclose(found[1], found[0], rtol=0, atol=1e-4)
    with pytest.raises(UnsupportedError, match="perplexity is of causal models"):
        perplexity(models[0], "a text " * 99, n_ctx=16)


PROMPTS = {
    "sentence_transformers.prompt.query": "find: ",
    "sentence_transformers.prompt.passage": "text: ",
}


def test_prompts_of_the_file_go_before_texts(bert: Model) -> None:
    model = changed(ENCODERS["bert"], PROMPTS)
    assert model.prompts == {"query": "find: ", "passage": "text: "}
    for given, before in (
        ({}, ""),
        ({"prompt_name": "query"}, "find: "),
        ({"prompt": "say "}, "say "),
    ):
        want = bert.embed([f"{before}{text}" for text in TEXTS])
        np.testing.assert_array_equal(model.embed(TEXTS, **given), want)
    assert bert.prompts == {}


def test_the_default_prompt_is_used_where_none_is_asked_for(bert: Model) -> None:
    model = changed(
        ENCODERS["bert"], {**PROMPTS, "sentence_transformers.default_prompt": "passage"}
    )
    np.testing.assert_array_equal(model.embed("a cat"), bert.embed("text: a cat"))
    np.testing.assert_array_equal(model.embed("a cat", prompt=""), bert.embed("a cat"))


def test_prompts_that_are_not_there_are_refused(bert: Model) -> None:
    with pytest.raises(InputError, match="prompt_name='query': the file has none; give the text"):
        bert.embed("a cat", prompt_name="query")
    with pytest.raises(InputError, match="the file has query, passage"):
        changed(ENCODERS["bert"], PROMPTS).embed("a cat", prompt_name="document")
    with pytest.raises(InputError, match="prompt and prompt_name exclude each other"):
        bert.embed("a cat", prompt_name="query", prompt="")
    broken = changed(ENCODERS["bert"], {"sentence_transformers.default_prompt": "query"})
    with pytest.raises(FormatError, match=r"'query' is none of the prompts \[\]"):
        broken.embed("a cat")
    with pytest.raises(FormatError, match="expected a string, got 7"):
        changed(ENCODERS["bert"], {"sentence_transformers.prompt.query": 7}).embed("a cat")


def test_texts_of_like_length_go_through_together(bert: Model) -> None:
    few = abi.load(case_bytes(ENCODERS["bert"]), kernels="numpy", n_batch=32)
    texts = ["a b c d e f g h i j k l m n o p q r", "a", "b", "c", "d", "e"]
    seen: list[int] = []
    got = few.embed(texts, progress=lambda done, all: seen.append(done))
    assert seen[0] == 5  # the long one alone, after those that are short
    np.testing.assert_allclose(got, bert.embed(texts), rtol=0, atol=1e-5)
