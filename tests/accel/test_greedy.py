"""Greedy text with native kernels is llama.cpp's, in every type."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from abi_accel._library import load
from abi_accel.build import TARGETS, host

import abi
from abi.model import Batch
from tests.oracle.cases import DATA, GREEDY_PROMPT, GREEDY_TYPES, requantize


@pytest.mark.parametrize("isa", list(TARGETS[host()].isas))
@pytest.mark.parametrize("name", GREEDY_TYPES)
def test_each_token_is_the_one_that_llama_cpp_chose(
    native_library: Path, stories: Path, tmp_path: Path, name: str, isa: str
) -> None:
    """After llama.cpp's own text so far; but where it would choose otherwise by another layout."""
    if isa not in load().isas:
        pytest.skip(f"this machine has {', '.join(load().isas)}")
    load().choose(isa)
    golden = np.load(DATA / "llama-greedy.npz")
    ids, gap, noise = (golden[f"{name}/{key}"] for key in ("ids", "gap", "noise"))
    requantize(stories, tmp_path / "model.gguf", name)
    model = abi.load(tmp_path / "model.gguf", kernels="native")
    start = len(ids) - len(gap)
    assert model.tokenizer.encode(GREEDY_PROMPT) == ids[:start].tolist()
    cache = model.transformer.new_cache(n_ctx=256)
    rows = [model.transformer.forward(Batch.of(ids[:start]), cache, [start - 1])[0]]
    for i in range(start, len(ids) - 1):
        rows.append(model.transformer.forward(Batch.of(ids[i : i + 1], pos=i), cache)[0])
    wrong = np.array(rows).argmax(1) != ids[start:]
    assert (gap[wrong] <= max(1e-3, noise)).all()
    assert wrong.sum() <= 1
