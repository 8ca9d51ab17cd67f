"""Perplexity against llama.cpp's, and by hand."""

from __future__ import annotations

import io
import json
from math import exp, log
from pathlib import Path

import numpy as np
import pytest

import abi
from abi.errors import Cancelled, InputError
from abi.generate import perplexity
from abi.gguf import read, write
from abi.quant import Tensor
from tests.oracle.cases import DATA, N_CHUNKS, PERPLEXITY_CTX, requantize
from tests.synthetic import LlamaShape, llama_bytes

TEXT = (DATA / "stories.txt").read_bytes()
LIMITS = {"f32": 0.001, "Q8_0": 0.005, "Q4_0": 0.005}  # of llama.cpp's


@pytest.mark.parametrize("kind", sorted(LIMITS))
def test_it_is_llama_cpps(stories: Path, tmp_path: Path, kind: str) -> None:
    theirs = json.loads((DATA / "provenance.json").read_text())["perplexity"][kind]
    path = stories
    if kind != "f32":
        requantize(stories, path := tmp_path / "q.gguf", kind)
    model = abi.load(path, kernels="numpy", n_batch=100)
    ours = perplexity(model, TEXT, n_ctx=PERPLEXITY_CTX, chunks=N_CHUNKS)
    assert abs(ours.value / theirs - 1) < LIMITS[kind]
    assert ours.n_tokens == N_CHUNKS * (PERPLEXITY_CTX // 2 - 1)


def test_a_model_that_knows_nothing_is_as_perplexed_as_there_are_tokens() -> None:
    file = read(llama_bytes(LlamaShape(tied=False)))
    blank = Tensor.from_array("output.weight", np.zeros((320, 64)))
    raw = io.BytesIO()
    write(raw, file.typed(), [*(file.tensors | {blank.name: blank}).values()])
    model = abi.load(raw.getvalue(), kernels="numpy")
    found = perplexity(model, "abcdefgh" * 20, n_ctx=16)
    assert found.value == pytest.approx(320)
    assert found.error == pytest.approx(0, abs=1e-9)


def test_the_second_half_of_each_chunk_counts() -> None:
    model = abi.load(llama_bytes(LlamaShape()), kernels="numpy")
    ids = model.tokenizer.encode("one two three four")[:16]
    text = "one two three four"
    losses = []
    for start in (0, 8):
        chunk = ids[start : start + 8]
        logits = model.logits([1, *chunk[1:]], all=True).astype(float)
        for j in range(4, 7):
            losses.append(np.logaddexp.reduce(logits[j]) - logits[j][chunk[j + 1]])
    found = perplexity(model, text, n_ctx=8, chunks=2)
    assert log(found.value) == pytest.approx(np.mean(losses))
    spread = np.std(losses, ddof=0) / (len(losses) - 1) ** 0.5
    assert found.error == pytest.approx(exp(np.mean(losses)) * spread)


def test_the_cache_is_held_as_the_model_holds_it() -> None:
    shape = LlamaShape(key_length=32)
    model = abi.load(llama_bytes(shape), kernels="numpy", type_k="q4_0", type_v="q4_0")
    text = "one two three four" * 9
    own = perplexity(model, text, n_ctx=16).value
    assert own == perplexity(model, text, n_ctx=16, types=("q4_0", "q4_0")).value
    assert own != perplexity(model, text, n_ctx=16, types=("f32", "f32")).value


def test_what_cannot_be_measured_is_refused() -> None:
    model = abi.load(llama_bytes(LlamaShape()), kernels="numpy")
    for options, words in (
        ({"n_ctx": 2}, "n_ctx=2: expected 4 to the model's 256"),
        ({"n_ctx": 257}, "n_ctx=257"),
        ({"n_ctx": 64, "chunks": 0}, "chunks=0"),
        ({"n_ctx": 64}, "has 11 tokens, two chunks of 64 need 128"),
    ):
        with pytest.raises(InputError, match=words):
            perplexity(model, "0123456789"[:9], **options)  # type: ignore[arg-type]
    with pytest.raises(Cancelled):
        perplexity(model, "abc" * 100, n_ctx=16, cancel=lambda: True)
