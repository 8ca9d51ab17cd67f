"""Kernels that note what they take: the same results, and every call."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import pytest

import abi
from abi.cli import main
from abi.kernels import read_bandwidth, select, watched
from abi.model import Batch
from tests.synthetic import LlamaShape, write_llama

SHAPE = LlamaShape(n_layer=3)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    write_llama(str(tmp_path / "m.gguf"), SHAPE, "Q8_0")
    return tmp_path / "m.gguf"


@pytest.mark.parametrize("name", ["numpy", "native"])
@pytest.mark.parametrize("n_tokens", [1, 5, 40])
def test_a_watched_pass_is_the_same(
    native_library: Path, path: Path, name: str, n_tokens: int
) -> None:
    transformer = abi.load(path, kernels=name).transformer
    batch = Batch.of([i % 64 for i in range(n_tokens)])
    want = transformer.forward(batch, transformer.new_cache(), [n_tokens - 1])
    kernels, profile = watched(transformer.kernels)
    seen = replace(transformer, kernels=kernels)
    cache = seen.new_cache()
    start = perf_counter()
    got = seen.forward(batch, cache, [n_tokens - 1])
    wall = perf_counter() - start
    np.testing.assert_array_equal(got, want)
    assert kernels.name == name
    assert profile["matmul"].calls == 7 * SHAPE.n_layer + 1
    assert profile["attention"].calls == SHAPE.n_layer
    assert profile["rms_norm"].calls == 2 * SHAPE.n_layer + 1
    assert 0 < sum(spent.seconds for spent in profile.values()) < wall
    weights = (2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96) * SHAPE.n_layer
    assert profile["matmul"].n_bytes > weights  # of a byte and more each


def test_each_call_is_noted_once() -> None:
    kernels, profile = watched(select("numpy"))
    kernels.glu(np.ones((1, 4), np.float32), np.ones((1, 4), np.float32))
    kernels.add(np.ones(3, np.float32), np.ones(3, np.float32))
    assert {name: spent.calls for name, spent in profile.items()} == {"glu": 1, "add": 1}
    assert profile["add"].n_bytes == 36


def test_memory_is_read_at_some_rate() -> None:
    assert 1e8 < read_bandwidth(select("numpy")) < 1e13


def test_the_command_shows_each_kernel(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["bench", "-m", str(path), "--prefill", "9", "--decode", "3", "-r", "1", "--profile"]
    assert main([*given, "--json"]) == 0
    report = json.loads(capsys.readouterr().out)["profile"]
    assert report["prefill"]["tokens"] == 9
    assert report["decode"]["kernels"]["matmul"]["calls"] == 7 * SHAPE.n_layer + 1
    spent = sum(each["ms"] for each in report["decode"]["kernels"].values())
    assert spent + report["decode"]["other_ms"] == pytest.approx(report["decode"]["ms"], rel=0.05)
    assert main(given) == 0
    shown = capsys.readouterr().out
    assert "decode of 1 token:" in shown and "prefill of 9 tokens:" in shown
