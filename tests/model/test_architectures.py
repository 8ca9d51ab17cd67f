"""Every architecture against llama.cpp, and against itself fed in other ways."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import abi
from abi.model import ARCHITECTURES, POOLINGS, Batch, Transformer, embed_batch
from tests.oracle.architectures import CASES, COLUMNS, ENCODERS, N_POSITIONS, case_bytes
from tests.oracle.cases import DATA, random_ids

IDS = random_ids(N_POSITIONS)
OTHERS = [random_ids(70)[6:26], random_ids(120)[90:]]


@pytest.fixture(scope="module")
def golden() -> Any:
    return np.load(DATA / "llama-architectures.npz")


@pytest.fixture(scope="module", params=sorted(CASES))
def decoder(request: pytest.FixtureRequest) -> tuple[str, Transformer]:
    raw = case_bytes(CASES[request.param])
    return request.param, abi.load(raw, kernels="numpy").transformer


@pytest.fixture(scope="module", params=sorted(ENCODERS))
def encoder(request: pytest.FixtureRequest) -> tuple[str, Transformer]:
    raw = case_bytes(ENCODERS[request.param])
    return request.param, abi.load(raw, kernels="numpy").transformer


def logits(transformer: Transformer) -> Any:
    return transformer.forward(Batch.of(IDS), transformer.new_cache())


def test_every_architecture_has_a_case() -> None:
    compared = {case.arch for case in (*CASES.values(), *ENCODERS.values())}
    assert compared == set(ARCHITECTURES)


def test_only_the_deepest_models_may_differ_by_more() -> None:
    assert {n for n, case in CASES.items() if case.tolerance > 2e-3} == {"gemma2-27b", "gemma3-27b"}


def test_logits_are_llama_cpps(decoder: tuple[str, Transformer], golden: Any) -> None:
    name, transformer = decoder
    limit = CASES[name].tolerance
    np.testing.assert_allclose(logits(transformer)[:, COLUMNS], golden[name], rtol=0, atol=limit)


@pytest.mark.parametrize("size", [1, 7])
def test_blocks_give_the_same_as_the_whole(decoder: tuple[str, Transformer], size: int) -> None:
    name, transformer = decoder
    cache = transformer.new_cache()
    parts = [
        transformer.forward(Batch.of(IDS[a : a + size], pos=a), cache)
        for a in range(0, N_POSITIONS, size)
    ]
    # float16 GELU turns a last bit that sums in another order differ by into a thousandth.
    limit = CASES[name].tolerance
    np.testing.assert_allclose(np.concatenate(parts), logits(transformer), rtol=0, atol=limit)


def test_three_sequences_in_a_batch_are_each_as_alone(decoder: tuple[str, Transformer]) -> None:
    name, transformer = decoder
    sequences = [IDS, *OTHERS]
    alone = [transformer.forward(Batch.of(s), transformer.new_cache()) for s in sequences]
    batch = Batch.join([Batch.of(s, slot=i) for i, s in enumerate(sequences)])
    together = transformer.forward(batch, transformer.new_cache(n_slots=3))
    limit = CASES[name].tolerance
    np.testing.assert_allclose(together, np.concatenate(alone), rtol=0, atol=limit)


def test_embeddings_are_llama_cpps(encoder: tuple[str, Transformer], golden: Any) -> None:
    name, transformer = encoder
    compared = [kind for kind in POOLINGS if f"{name}/{kind}" in golden]
    assert compared[:4] == ["none", "mean", "cls", "last"]
    for kind in compared:
        (ours,) = embed_batch(transformer, Batch.of(IDS), kind)
        np.testing.assert_allclose(ours, golden[f"{name}/{kind}"], rtol=0, atol=2e-3)


def test_three_texts_in_a_batch_are_each_as_alone(encoder: tuple[str, Transformer]) -> None:
    _, transformer = encoder
    sequences = [OTHERS[0], IDS, OTHERS[1]]
    batch = Batch.join([Batch.of(s, slot=i) for i, s in enumerate(sequences)])
    for ids, got in zip(sequences, embed_batch(transformer, batch, "none"), strict=True):
        (alone,) = embed_batch(transformer, Batch.of(ids), "none")
        np.testing.assert_allclose(got, alone, rtol=0, atol=2e-3)
