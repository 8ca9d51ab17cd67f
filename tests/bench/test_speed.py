"""Benchmarks (`nox -s ratios`); the ordinary run skips them.

`tests/bench/decode_ratio.py` measures against the machine's own limit; these are for
comparing one commit with another (`pytest tests/bench --benchmark-only --benchmark-compare`).
"""

from __future__ import annotations

from pathlib import Path
from time import thread_time
from typing import Any

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

import abi
from abi.embedding import StaticEmbedding
from abi.kernels import NumpyKernels, select
from abi.model import Batch
from abi.quant import Tensor, decode
from abi.sampling import make_sampler
from tests.oracle.prose import CODE, PROSE
from tests.synthetic import LlamaShape, llama_bytes

SAMPLINGS: dict[str, Any] = {
    "default": {},
    "greedy": {"temperature": 0},
    "penalties": {"repeat_penalty": 1.1, "dry_multiplier": 0.8},
    "without top-k": {"top_k": 0},
    "top-n-sigma": {"top_n_sigma": 1.0},
    "mirostat 2": {"mirostat": 2},
}
SHAPE = LlamaShape(4096, 512, 4, 8, 4, 1376, 1024)


@pytest.mark.parametrize("weights", ["float32", "blocks"])
def test_decode_step(benchmark: BenchmarkFixture, weights: str) -> None:
    model = abi.load(llama_bytes(SHAPE, "Q8_0"), weights=weights, kernels="numpy")
    cache = model.transformer.new_cache()
    model.transformer.forward(Batch.of(range(100, 228)), cache, [127])
    benchmark(lambda: model.transformer.forward(Batch.of([5], pos=128), cache))


def test_prefill_512(benchmark: BenchmarkFixture) -> None:
    model = abi.load(llama_bytes(SHAPE), kernels="numpy")
    benchmark(lambda: model.logits(range(100, 612)))


@pytest.mark.parametrize("text", ["words", "mixed"])
def test_tokenize(benchmark: BenchmarkFixture, text: str) -> None:
    tokenizer = abi.load(kernels="numpy").tokenizer
    sample = {
        "words": "Once upon a time there was a clever boy named Finn. " * 200,
        "mixed": "Ünïcödé 日本語 👍🏽 \n\n 12345 naïve café " * 200,
    }[text]
    benchmark(lambda: tokenizer.encode(sample))


def test_static_embedding(benchmark: BenchmarkFixture) -> None:
    """The floor is 3,000 chunks of 200 words a second of one core."""
    words = (PROSE + " ".join(CODE)).split()
    n = len(words)
    chunks = [" ".join(words[(i + 7 * k) % n] for i in range(200)) for k in range(1000)]
    embedding = StaticEmbedding.default()
    embedding.embed(chunks)
    start = thread_time()
    embedding.embed(chunks)
    assert len(chunks) / (thread_time() - start) > 3000
    benchmark(lambda: embedding.embed(chunks))


@pytest.mark.parametrize("n_vocab", [32_000, 152_000])
@pytest.mark.parametrize("name", SAMPLINGS)
def test_sample(benchmark: BenchmarkFixture, n_vocab: int, name: str) -> None:
    logits = 3 * np.random.default_rng(0).standard_normal(n_vocab, np.float32)
    sampler = make_sampler(n_vocab, seed=1, dry_sequence_breakers=[], **SAMPLINGS[name])
    sampler.prime(range(64))

    def step() -> None:
        sampler.accept(sampler.sample(logits))

    benchmark(step)


@pytest.mark.parametrize("n", [1, 4])
def test_choices(benchmark: BenchmarkFixture, n: int) -> None:
    model = abi.load(llama_bytes(SHAPE, "Q8_0"), kernels="numpy")
    options: Any = {"max_tokens": 16, "seed": 1, "temperature": 2.0, "top_k": 0}
    benchmark.pedantic(lambda: model.choices([100], n=n, **options).read(), rounds=3)


def test_load_the_tiny_model(benchmark: BenchmarkFixture) -> None:
    benchmark(lambda: abi.load(kernels="numpy"))


@pytest.mark.parametrize("name", ["F16", "BF16", "Q8_0", "Q4_0"])
def test_expand_a_million_weights(benchmark: BenchmarkFixture, name: str) -> None:
    values = np.random.default_rng(0).standard_normal((1024, 1024), np.float32)
    raw = Tensor.from_array("w", values, name).data
    benchmark(lambda: decode(raw, name))


@pytest.mark.parametrize("kernels", ["numpy", "native"])
@pytest.mark.parametrize("n_tokens", [1, 32])
def test_q8_0_product(
    benchmark: BenchmarkFixture, native_library: Path, kernels: str, n_tokens: int
) -> None:
    chosen: NumpyKernels = select(kernels)
    values = np.random.default_rng(0).standard_normal((2048, 2048), np.float32)
    weight = chosen.pack(Tensor.from_array("w", values, "Q8_0"), "blocks")
    x = np.ones((n_tokens, 2048), np.float32)
    benchmark(lambda: chosen.matmul(x, weight))
