"""A cache whose windowed layers hold no more than they need computes what a full one does."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import abi
from abi.errors import FormatError, InputError, UnsupportedError
from abi.gguf import read, write
from abi.model import Batch, KVCache, Transformer, load_slot, save_slot
from tests.oracle.architectures import CASES, case_bytes
from tests.oracle.cases import random_ids

WINDOWED = sorted(
    name for name, case in CASES.items()
    if "attention.sliding_window" in case.keys and case.tolerance < 1e-2
)  # fmt: skip
SLACK = 6
IDS = random_ids(150)


@pytest.fixture(autouse=True)
def little_slack(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("abi.model._cache._SLACK", SLACK)
    monkeypatch.setattr("abi.model._cache._FIRST_CAPACITY", 8)


def load(name: str) -> Transformer:
    keys = dict(CASES[name].keys) | {"context_length": 400}
    return abi.load(case_bytes(dataclasses.replace(CASES[name], keys=keys))).transformer


@pytest.fixture(scope="module", params=WINDOWED)
def network(request: pytest.FixtureRequest) -> Transformer:
    return load(request.param)


@pytest.fixture(scope="module")
def gemma() -> Transformer:
    return load("gemma3")


def near(transformer: Transformer, n_slots: int = 1, **options: Any) -> KVCache:
    cache = transformer.new_cache(n_slots=n_slots, swa_full=False, **options)
    assert cache.window
    return cache


def rows(cache: KVCache, *, windowed: bool) -> set[int]:
    layers = zip(cache.layers, cache.near, strict=True)
    return {layer.k.shape[2] for layer, is_near in layers if is_near == windowed}


def close(got: Any, want: Any, limit: float = 1e-3) -> None:
    np.testing.assert_allclose(got, want, rtol=0, atol=limit)


def test_every_case_with_a_window_is_here() -> None:
    assert len(WINDOWED) >= 5
    assert {CASES[name].arch for name in WINDOWED} >= {"gemma2", "gemma3", "gpt-oss"}


@pytest.mark.parametrize("size", [1, 7, 64, 150])
def test_logits_are_those_of_a_full_cache(network: Transformer, size: int) -> None:
    full, cache = network.new_cache(), near(network)
    for pos in range(0, len(IDS), size):
        batch = Batch.of(IDS[pos : pos + size], pos=pos)
        close(network.forward(batch, cache), network.forward(batch, full), 1e-6)
    need = cache.window + max(SLACK, size)
    assert max(rows(cache, windowed=True)) <= need < 150 or size >= 64
    assert rows(cache, windowed=False) <= {256, 400} and cache.lengths == [150]


def test_layers_without_a_window_hold_all(gemma: Transformer) -> None:
    cache = near(gemma)
    for pos, token in enumerate(IDS):
        gemma.forward(Batch.of([token], pos=pos), cache, [])
    assert cache.near == [spec.window > 0 for spec in gemma.specs]
    assert rows(cache, windowed=True) == {8 + SLACK} and rows(cache, windowed=False) == {256}


def test_a_window_as_wide_as_the_context_saves_nothing(gemma: Transformer) -> None:
    assert not gemma.new_cache(n_ctx=8 + SLACK, swa_full=False).window
    assert gemma.new_cache(n_ctx=9 + SLACK, swa_full=False).window == 8
    assert not gemma.new_cache().window


STEPS = st.lists(st.tuples(st.integers(1, 30), st.integers(0, 12), st.booleans()), max_size=12)


@settings(deadline=None, max_examples=40)
@given(steps=STEPS)
def test_going_back_is_right_or_refused(gemma: Transformer, steps: Any) -> None:
    full, cache, pos = gemma.new_cache(), near(gemma), 0
    for n, back, refuse in steps:
        ids = IDS[:n]
        if pos + n > 380:
            return
        batch = Batch.of(ids, pos=pos)
        close(gemma.forward(batch, cache, [n - 1]), gemma.forward(batch, full, [n - 1]))
        pos += n
        target = max(0, pos - back)
        resumable = cache.resumable(0, target)
        assert resumable in (0, target)
        if back <= n:  # what was only just put in can always be taken back
            assert resumable == target
        if resumable < target and refuse:
            with pytest.raises(InputError, match="make the cache with swa_full=True"):
                gemma.forward(Batch.of([1], pos=target), cache)
        pos = resumable
        cache.truncate(0, pos)


@pytest.mark.parametrize("size", [1, 2, SLACK // 2])
def test_half_of_the_slack_can_be_gone_back(gemma: Transformer, size: int) -> None:
    cache = near(gemma)
    for pos in range(0, len(IDS), size):
        gemma.forward(Batch.of(IDS[pos : pos + size], pos=pos), cache, [])
        target = max(0, cache.lengths[0] - SLACK // 2)
        assert cache.resumable(0, target) == target
    assert cache.resumable(0, len(IDS) - SLACK - 2 * size) == 0


def test_a_guess_of_any_length_can_be_taken_back(gemma: Transformer) -> None:
    full, cache = gemma.new_cache(), near(gemma)
    for pos in range(0, 120, 3):
        gemma.forward(Batch.of(IDS[pos : pos + 20], pos=pos), cache, [])
        cache.truncate(0, pos + 3)
    close(
        gemma.forward(Batch.of(IDS[120:130], pos=120), cache),
        gemma.forward(Batch.of(IDS[:130]), full)[120:],
    )


def test_slots_slide_on_their_own(gemma: Transformer) -> None:
    caches = near(gemma, 3), gemma.new_cache(n_slots=3)
    for cache in caches:
        gemma.forward(Batch.of(IDS[:70]), cache, [])
        cache.copy(0, 2)
        gemma.forward(Batch.of(IDS[:5], slot=1), cache, [])
    for i in range(60):
        places = ((0, 70 + i), (1, 5 + i), (2, 70 + i))
        batch = Batch.join([Batch.of([IDS[pos]], slot=slot, pos=pos) for slot, pos in places])
        close(*(gemma.forward(batch, cache) for cache in caches), limit=1e-6)
    assert caches[0].lengths == [130, 65, 130]


def test_a_slot_begins_anew(gemma: Transformer) -> None:
    cache = near(gemma)
    gemma.forward(Batch.of(IDS[:90]), cache, [])
    gemma.forward(Batch.of([5], pos=90), cache, [])
    assert cache.first[0] > 0
    want = gemma.forward(Batch.of(IDS[9:40]), gemma.new_cache())
    close(gemma.forward(Batch.of(IDS[9:40]), cache), want)
    assert cache.first == [0]


def test_nothing_is_trusted_after_an_interruption(
    gemma: Transformer, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = near(gemma)
    gemma.forward(Batch.of(IDS[: 8 + SLACK]), cache, [])

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(type(gemma.kernels), "kv_move", interrupt)
    with pytest.raises(KeyboardInterrupt):
        gemma.forward(Batch.of([1], pos=8 + SLACK), cache, [])
    assert cache.lengths == [0]


@pytest.mark.parametrize("kind", ["f32", "q8_0"])
def test_a_saved_slot_goes_on_where_it_was(tmp_path: Path, kind: str) -> None:
    keys = dict(CASES["gemma3"].keys) | {
        "attention.key_length": 32, "attention.value_length": 32, "context_length": 400,
    }  # fmt: skip
    raw = case_bytes(dataclasses.replace(CASES["gemma3"], keys=keys))
    network, path = abi.load(raw).transformer, tmp_path / "slot.gguf"
    cache = near(network, types=(kind, kind))
    for pos in range(0, 100, 10):
        network.forward(Batch.of(IDS[pos : pos + 10], pos=pos), cache, [])
    save_slot(path, network, cache, 0, IDS[:100])
    again = near(network, types=(kind, kind))
    assert load_slot(path, network, again, 0) == IDS[:100]
    want, got = (network.forward(Batch.of(IDS[100:], pos=100), c) for c in (cache, again))
    np.testing.assert_array_equal(got, want)
    full = network.new_cache(types=(kind, kind))
    with pytest.raises(FormatError, match=r"abi\.cache\.first: .* saved in part; load"):
        load_slot(path, network, full, 0)
    assert full.lengths == [0]


def test_what_was_saved_in_full_is_loaded_as_a_part(gemma: Transformer, tmp_path: Path) -> None:
    full, path = gemma.new_cache(), tmp_path / "slot.gguf"
    want = gemma.forward(Batch.of(IDS), full)
    full.truncate(0, 100)
    save_slot(path, gemma, full, 0, IDS[:100])
    cache = near(gemma)
    load_slot(path, gemma, cache, 0)
    close(gemma.forward(Batch.of(IDS[100:], pos=100), cache), want[100:])


@pytest.mark.parametrize("first", [None, -1, 94, "x", True, [1]])
def test_a_broken_beginning_is_refused(gemma: Transformer, tmp_path: Path, first: Any) -> None:
    cache, path = near(gemma), tmp_path / "slot.gguf"
    gemma.forward(Batch.of(IDS[:90]), cache, [])
    gemma.forward(Batch.of(IDS[90:100], pos=90), cache, [])
    save_slot(path, gemma, cache, 0, IDS[:100])
    file = read(path)
    metadata = {k: v for k, v in file.metadata.items() if k != "abi.cache.first"}
    metadata |= {} if first is None else {"abi.cache.first": first}
    write(tmp_path / "odd.gguf", metadata, file.tensors.values())
    with pytest.raises(FormatError, match=r"abi\.cache\.first: expected a whole number, 0 to 93"):
        load_slot(tmp_path / "odd.gguf", gemma, near(gemma), 0)


def test_a_slot_that_lost_its_window_is_not_saved(gemma: Transformer, tmp_path: Path) -> None:
    cache = near(gemma)
    for pos in range(0, 100, 10):
        gemma.forward(Batch.of(IDS[pos : pos + 10], pos=pos), cache, [])
    cache.truncate(0, 50)
    with pytest.raises(InputError, match="no longer hold what 50 needs"):
        save_slot(tmp_path / "slot.gguf", gemma, cache, 0, IDS[:50])


def test_only_a_full_cache_is_shifted(gemma: Transformer) -> None:
    with pytest.raises(UnsupportedError, match="swa_full=True"):
        gemma.shift(near(gemma), 0, 0, 1)


def test_generation_is_the_same_and_reuses_what_it_can() -> None:
    keys = dict(CASES["gemma3"].keys) | {"context_length": 400}
    raw = case_bytes(dataclasses.replace(CASES["gemma3"], keys=keys))
    texts = []
    for swa_full in (True, False):
        model = abi.load(raw, swa_full=swa_full, n_batch=16)
        options: dict[str, Any] = {"temperature": 0, "stop_tokens": (), "max_tokens": 40}
        first = model.generate(IDS[:60], **options)
        first.read()
        on = model.generate([*IDS[:60], *first.tokens], **options)
        on.read()
        assert on.timings.reused_tokens >= 98  # right behind its end
        back = model.generate(IDS[:60], **options)
        back.read()
        assert back.timings.reused_tokens == (59 if swa_full else 0)
        shifted = model.generate(IDS[:390], **(options | {"context_shift": True}))
        shifted.read()
        texts.append([g.tokens for g in (first, on, back, shifted)])
    assert texts[0] == texts[1] and len(texts[0][3]) == 40
