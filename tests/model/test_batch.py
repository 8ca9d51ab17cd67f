"""Slots, positions and the cache: every way to feed tokens gives the same logits."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import abi
from abi.errors import ContextLengthError, InputError
from abi.model import Batch, Transformer
from tests.synthetic import LlamaShape, llama_bytes

IDS = np.random.default_rng(3).integers(0, 320, 300)
LONG = LlamaShape(n_ctx=512)


@pytest.fixture(scope="module")
def transformer() -> Transformer:
    return abi.load(llama_bytes(LONG), kernels="numpy").transformer


@pytest.fixture(scope="module")
def whole(transformer: Transformer) -> np.ndarray:  # type: ignore[type-arg]
    return transformer.forward(Batch.of(IDS), transformer.new_cache())


def close(got: object, want: object) -> None:
    np.testing.assert_allclose(np.asarray(got), np.asarray(want), rtol=0, atol=2e-4)


@settings(max_examples=20, deadline=None)
@given(cuts=st.sets(st.integers(1, 299), max_size=6))
def test_any_cut_into_blocks_gives_the_same(
    transformer: Transformer, whole: object, cuts: set[int]
) -> None:
    cache = transformer.new_cache()
    edges = [0, *sorted(cuts), 300]
    parts = [transformer.forward(Batch.of(IDS[a:b], pos=a), cache) for a, b in pairwise(edges)]
    close(np.concatenate(parts), whole)
    assert cache.lengths == [300]


def test_sequences_in_one_batch_do_not_see_each_other(transformer: Transformer) -> None:
    first, second = IDS[:40], IDS[100:133]
    alone = [transformer.forward(Batch.of(s), transformer.new_cache()) for s in (first, second)]
    cache = transformer.new_cache(n_slots=3)
    transformer.forward(Batch.of(first[:30], slot=2), cache)
    mixed = Batch.join([Batch.of(second, slot=0), Batch.of(first[30:], slot=2, pos=30)])
    logits = transformer.forward(mixed, cache)
    close(logits[:33], alone[1])
    close(logits[33:], alone[0][30:])
    assert cache.lengths == [33, 0, 40]


def test_only_wanted_rows_are_returned(transformer: Transformer, whole: object) -> None:
    rows = transformer.forward(Batch.of(IDS), transformer.new_cache(), [299, 0])
    close(rows, np.asarray(whole)[[299, 0]])


def test_going_back_replaces_what_followed(transformer: Transformer, whole: object) -> None:
    cache = transformer.new_cache()
    transformer.forward(Batch.of(IDS[::-1].copy()), cache)
    transformer.forward(Batch.of(IDS[:200]), cache)
    assert cache.lengths == [200]
    cache.truncate(0, 100)
    close(transformer.forward(Batch.of(IDS[100:], pos=100), cache), np.asarray(whole)[100:])


def test_memory_follows_use(transformer: Transformer) -> None:
    cache = transformer.new_cache(n_ctx=512)
    assert cache.layers[0].k.shape[2] == 256
    transformer.forward(Batch.of(IDS), cache)
    assert cache.layers[0].k.shape[2] == 512


def test_errors_leave_the_cache_as_it_was(transformer: Transformer) -> None:
    cache = transformer.new_cache(n_ctx=64)
    transformer.forward(Batch.of(IDS[:60]), cache)
    for batch, error, words in (
        (Batch.of(IDS[:5], pos=60), ContextLengthError, "65 tokens do not fit in a context of 64"),
        (Batch.of(IDS[:1], pos=61), InputError, "slot 0 holds 60 positions, got one at 61"),
        (Batch.of(IDS[:1], slot=1), InputError, "slot 1 is not one of 1"),
        (Batch.of([]), InputError, "the batch is empty"),
        (Batch.of([320]), InputError, r"token 320 is not in the vocabulary \(0 to 319\)"),
        (Batch.of([-1]), InputError, "token -1 is not"),
        (Batch.of([1], slot=-1), InputError, "slot -1 is not one of 1"),
    ):
        with pytest.raises(error, match=words):
            transformer.forward(batch, cache)
    assert cache.lengths == [60]


def test_a_cache_that_cannot_grow_stays_as_it_was(
    transformer: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = transformer.new_cache()
    transformer.forward(Batch.of(IDS[:250]), cache)

    def full(*_: object) -> None:
        raise MemoryError

    with monkeypatch.context() as patch:
        patch.setattr(type(transformer.kernels), "kv_resize", full)
        with pytest.raises(MemoryError):
            transformer.forward(Batch.of(IDS[:10], pos=250), cache)
    assert cache.lengths == [250]
    transformer.forward(Batch.of(IDS[:10], pos=250), cache)
    assert cache.lengths == [260]


def test_what_does_not_exist_is_refused(transformer: Transformer) -> None:
    cache = transformer.new_cache()
    for slot, length in ((9, 0), (0, -5)):
        with pytest.raises(InputError):
            cache.truncate(slot, length)
    with pytest.raises(InputError, match=r"outputs \[5\] are not rows of a batch of 2"):
        transformer.forward(Batch.of([1, 2]), cache, [5])
    with pytest.raises(InputError, match="the batch is empty"):
        Batch.of([]).spans()


def test_a_slot_twice_in_one_batch_is_refused() -> None:
    with pytest.raises(InputError, match="must stand together"):
        Batch.join([Batch.of([1, 2]), Batch.of([3], slot=1), Batch.of([4], pos=2)]).spans()


def test_blocks_and_float32_weights_agree() -> None:
    raw = llama_bytes(LlamaShape(), "Q4_0")
    models = [abi.load(raw, weights=w, kernels="numpy") for w in ("float32", "blocks")]
    assert [m.weights for m in models] == ["float32", "blocks"]
    close(*(m.logits(IDS[:20].tolist(), all=True) for m in models))


def test_a_slot_can_be_copied(transformer: Transformer, whole: np.ndarray) -> None:  # type: ignore[type-arg]
    cache = transformer.new_cache(n_slots=3)
    transformer.forward(Batch.of(IDS[:290], slot=1), cache)
    transformer.forward(Batch.of(IDS[:5], slot=2), cache)
    cache.copy(1, 2)
    assert cache.lengths == [0, 290, 290]
    rest = [Batch.of(IDS[290:], slot=2, pos=290), Batch.of(IDS[290:], slot=1, pos=290)]
    logits = transformer.forward(Batch.join(rest), cache)
    close(logits, np.concatenate([whole[290:], whole[290:]]))
    with pytest.raises(InputError, match="slot 3 is not one of 3"):
        cache.copy(0, 3)
