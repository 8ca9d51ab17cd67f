"""Calls that are kept from token to token: given up as soon as anything else is asked for."""

from __future__ import annotations

import gc
import threading
import weakref
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from abi_accel import native as native_module
from abi_accel._run import Course

import abi
from abi.errors import InputError
from abi.generate import Model
from abi.kernels import Span, Step
from abi.model import Batch, KVCache
from tests.oracle.architectures import CASES, case_bytes
from tests.synthetic import LlamaShape, llama_bytes

F32 = npt.NDArray[np.float32]


@pytest.fixture
def made(native_library: Path, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many tokens each call was made ready for, in turn."""
    found: list[int] = []

    class Counted(Course):
        def __init__(self, *given: Any) -> None:
            found.append(given[-1])
            super().__init__(*given)

    monkeypatch.setattr(native_module, "Course", Counted)
    return found


def both(seed: int = 0) -> tuple[Model, Model]:
    raw = llama_bytes(LlamaShape(n_ctx=2048), "F16", seed)
    native, numpy = (abi.load(raw, kernels=name) for name in ("native", "numpy"))
    return native, numpy


class Pair:
    """A native model and the reference, with a cache each, which are given the same."""

    def __init__(self, models: tuple[Model, Model], **options: Any) -> None:
        self.models = models
        self.caches: list[KVCache] = [
            model.transformer.new_cache(n_ctx=1024, **options) for model in models
        ]

    def give(self, batch: Batch) -> None:
        native, numpy = (
            model.transformer.forward(batch, cache)
            for model, cache in zip(self.models, self.caches, strict=True)
        )
        np.testing.assert_allclose(native, numpy, rtol=0, atol=2e-2)


def test_a_text_goes_on_with_one_call_made_ready(made: list[int]) -> None:
    pair = Pair(both())
    for pos in range(40):
        pair.give(Batch.of([pos % 9], pos=pos))
    assert made == [1]


def test_a_cache_that_grew_is_another(made: list[int]) -> None:
    pair = Pair(both())
    pair.give(Batch.of(np.arange(250) % 300))
    made.clear()
    for pos in range(250, 262):  # 256 positions are the first that it holds
        pair.give(Batch.of([7], pos=pos))
    assert made == [1, 1]


def test_other_numbers_of_tokens_threads_and_slots(made: list[int]) -> None:
    pair = Pair(both(), n_slots=3)
    kernels: Any = pair.models[0].kernels
    before = kernels._library.n_threads
    try:
        pair.give(Batch.of([1, 2, 3]))
        pair.give(Batch.of([4], pos=3))
        kernels.set_threads(3)
        pair.give(Batch.of([5], pos=4))
        pair.give(Batch.join([Batch.of([6], pos=5), Batch.of([1], slot=2)]))
        pair.give(Batch.join([Batch.of([7], pos=6), Batch.of([2], slot=2, pos=1)]))
        pair.give(Batch.of([8, 9], pos=7))  # as many tokens, of one slot
    finally:
        kernels.set_threads(before)
    assert made == [3, 1, 1, 2, 2]


def test_models_take_turns(made: list[int]) -> None:
    pairs = [Pair(both(seed)) for seed in (1, 2)]
    for pos in range(5):
        for pair in pairs:
            pair.give(Batch.of([pos], pos=pos))
    assert len(made) == 10


def test_windows_have_spans_of_their_own(made: list[int]) -> None:
    raw = case_bytes(CASES["gemma3"])
    models = tuple(abi.load(raw, kernels=name, n_ctx=4096) for name in ("native", "numpy"))
    caches = [model.transformer.new_cache(n_ctx=4096, swa_full=False) for model in models]
    rng = np.random.default_rng(0)
    ids = rng.integers(0, models[0].transformer.n_vocab, 1600)
    for start, stop in [(0, 1500), *((i, i + 1) for i in range(1500, 1600))]:
        batch = Batch.of(ids[start:stop], pos=start)
        got, want = (
            model.transformer.forward(batch, cache, [stop - start - 1])
            for model, cache in zip(models, caches, strict=True)
        )
        np.testing.assert_allclose(got, want, rtol=0, atol=2e-2)
    assert made.count(1) < 10


def test_a_layer_that_was_replaced_is_another(made: list[int]) -> None:
    native, _ = both()
    transformer = native.transformer
    cache = transformer.new_cache(n_ctx=64)
    first = transformer.forward(Batch.of([3]), cache)
    weight = transformer.layers[1].ffn_norm
    assert weight is not None
    louder = replace(weight, data=weight.data * np.float32(3))
    transformer.layers[1] = replace(transformer.layers[1], ffn_norm=louder)
    second = transformer.forward(Batch.of([3]), cache)
    assert made == [1, 1] and np.abs(first - second).max() > 1e-3


def test_nothing_of_a_model_is_kept(made: list[int]) -> None:
    native, _ = both()
    cache = native.transformer.new_cache(n_ctx=64)
    native.transformer.forward(Batch.of([3]), cache)
    layer = weakref.ref(native.transformer.layers[0])
    keys = weakref.ref(cache.layers[0].k)
    del native, cache
    gc.collect()
    assert layer() is None and keys() is None


def test_threads_of_python_have_their_own(made: list[int]) -> None:
    model, numpy = both()
    want = numpy.transformer.forward(Batch.of(np.arange(30)), Pair((model, numpy)).caches[1])
    wrong: list[str] = []

    def run() -> None:
        cache = model.transformer.new_cache(n_ctx=64)
        for pos in range(30):
            got = model.transformer.forward(Batch.of([pos], pos=pos), cache)
            if np.abs(got - want[pos]).max() > 2e-2:
                wrong.append(f"position {pos}")

    threads = [threading.Thread(target=run) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong and made == [1] * 4, wrong


def test_what_does_not_fit_is_refused_when_it_is_ready_too(made: list[int]) -> None:
    native, _ = both()
    transformer, kernels = native.transformer, native.kernels
    cache = transformer.new_cache(n_ctx=64)
    transformer.forward(Batch.of([3]), cache)
    head_dim = transformer.specs[0].head_dim
    right = np.zeros((1, head_dim // 2, 2), np.float32)
    x = np.zeros((1, native.config.n_embd), np.float32)

    def run(span: Span, cis: Any, x: F32 = x) -> None:
        steps = [Step((span,), (cis,))] * len(transformer.layers)
        kernels.layers(x, transformer.layers, transformer.specs, cache.layers, steps, {})

    ahead = cache.layers[0].k.shape[2]
    for span, words in (
        (Span(0, 2, 0, 0), "is not of 1 tokens"),
        (Span(0, 1, 1, 0), "is not of 1 tokens and 1 slots"),
        (Span(0, 1, 0, ahead), "leaves the cache"),
    ):
        with pytest.raises(InputError, match=words):
            run(span, right)
    for cis, words in (
        (np.zeros((2, head_dim // 2, 2), np.float32), "angles of"),
        (np.zeros((1, head_dim, 2), np.float32), "angles of"),
        (right.astype(np.float64), "angles that are not float32"),
    ):
        with pytest.raises(InputError, match=words):
            run(Span(0, 1, 0, 1), cis)
    with pytest.raises(InputError, match="activations of"):
        run(Span(0, 1, 0, 1), right, x[:, :-1])
    assert made == [1]
