"""Filters and draws equal llama.cpp's, recorded by `tests.oracle.record`."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import pytest

from abi.sampling import Candidates, SamplingParams, Vocabulary, make_sampler
from abi.sampling._chain import Setting, make_chain
from tests.oracle.cases import DATA
from tests.oracle.sampling import (
    DRAWS,
    FILTERS,
    LARGE_VOCAB,
    N_LARGE,
    Case,
    cases,
    large_row,
    runs,
)
from tests.sampling.vocabulary import tiny_words

STEPS = {"dynatemp": ["temperature"], "logit_bias": []}


@pytest.fixture(scope="module")
def golden() -> Any:
    return np.load(DATA / "llama-sampling.npz")


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return tiny_words()


def filtered(case: Case, vocabulary: Vocabulary) -> Candidates:
    """The row through this one filter of a chain."""
    n, options = len(case.logits), {"temperature": 1.0, **case.options}
    params = SamplingParams(**options, samplers=STEPS.get(case.name, [case.name]))
    order = np.argsort(-case.logits) if case.ordered else np.arange(n)
    kept = Candidates(order, case.logits[order], case.ordered)
    history = deque(case.history)
    chain = make_chain(params, Setting(n, vocabulary, history, params.seed or 0))
    for step in chain.filters:
        kept = step(kept)
    if params.temperature == 0:  # the draw's part in ours
        best = int(kept.logits.argmax())
        kept = Candidates(kept.ids[best : best + 1], kept.logits[best : best + 1])
    return kept


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_keeps_what_llama_cpp_keeps(
    golden: Any, vocabulary: Vocabulary, name: str
) -> None:
    ends = np.cumsum(golden[f"{name}/sizes"])
    parts = [np.split(golden[f"{name}/{what}"], ends[:-1]) for what in ("ids", "logits")]
    for case, ids, logits in zip(cases(name), *parts, strict=True):
        kept = filtered(case, vocabulary)
        if case.options.get("temperature") == 0:  # where llama.cpp writes -inf, ours leave out
            ids, logits = ids[logits > -np.inf], logits[logits > -np.inf]
        assert kept.ids.tolist() == ids.tolist(), case
        np.testing.assert_allclose(kept.logits, logits, rtol=1e-6, atol=1e-7, err_msg=str(case))


@pytest.mark.parametrize("name", DRAWS)
def test_a_seed_draws_the_tokens_of_llama_cpp(
    golden: Any, vocabulary: Vocabulary, name: str
) -> None:
    for run, expected in zip(runs(name), golden[f"draws/{name}"], strict=True):
        sampler = make_sampler(len(run.rows[0]), vocabulary=vocabulary, **run.options)
        sampler.prime(run.prompt)
        drawn = []
        for logits in run.rows:
            drawn.append(sampler.sample(logits))
            sampler.accept(drawn[-1])
        assert drawn == expected.tolist(), run.options


def test_the_default_chain_over_a_whole_vocabulary(golden: Any) -> None:
    sampler = make_sampler(LARGE_VOCAB, seed=1234)
    drawn = [sampler.sample(large_row(i)) for i in range(N_LARGE)]
    assert drawn == golden["draws/large"].tolist()


def test_the_recorded_cases_reach_every_sampler() -> None:
    assert set(FILTERS) >= set(SamplingParams().samplers)
