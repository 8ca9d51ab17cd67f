"""Memory: a token takes none that is kept, and neither generations nor loads add up."""

from __future__ import annotations

import gc
import tracemalloc
from pathlib import Path

import pytest

import abi
from abi.model import Batch, KVCache, Transformer

STATUS = Path("/proc/self/status")
KERNELS = pytest.mark.parametrize("kernels", ["numpy", "native"])
LINUX = pytest.mark.skipif(not STATUS.exists(), reason="needs Linux's /proc")


def resident() -> int:
    """Bytes of this process that are in memory."""
    line = next(line for line in STATUS.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) * 1024


@KERNELS
def test_a_token_keeps_no_memory(native_library: Path, stories: Path, kernels: str) -> None:
    """And what it has for a while is a few rows as wide as the vocabulary."""
    transformer = abi.load(stories, kernels=kernels).transformer
    cache = transformer.new_cache(n_ctx=300)
    for pos in range(140):  # the cache has grown to 256 positions
        transformer.forward(Batch.of([5], pos=pos), cache)
    tracemalloc.start()
    try:
        grown = [_grown(transformer, cache, pos) for pos in (140, 175, 210)]
    finally:
        tracemalloc.stop()
    assert min(kept for kept, _ in grown) < 4096  # a table of Python's own may grow in one
    assert min(most for _, most in grown) < 40 * transformer.n_vocab * 4


def _grown(transformer: Transformer, cache: KVCache, start: int) -> tuple[int, int]:
    """Bytes that 25 tokens left, and the most that they had at a time."""
    for pos in range(start, start + 10):
        transformer.forward(Batch.of([5], pos=pos), cache)
    gc.collect()
    before = tracemalloc.get_traced_memory()[0]
    tracemalloc.reset_peak()
    for pos in range(start + 10, start + 35):
        transformer.forward(Batch.of([5], pos=pos), cache)
    gc.collect()
    after, peak = tracemalloc.get_traced_memory()
    return after - before, peak - before


@LINUX
@KERNELS
def test_a_thousand_generations(native_library: Path, stories: Path, kernels: str) -> None:
    model = abi.load(stories, kernels=kernels, n_ctx=64)

    def generations(n: int) -> None:
        for seed in range(n):
            "".join(model.generate("Once", max_tokens=4, temperature=1.0, seed=seed))
        gc.collect()

    generations(200)
    before = resident()
    generations(1000)
    assert resident() - before < 4 << 20


@LINUX
@KERNELS
def test_a_hundred_loads(native_library: Path, stories: Path, kernels: str) -> None:
    """A model that nobody has any more gives its memory back: what is kept is less than one."""

    def loads(n: int) -> None:
        for _ in range(n):
            model = abi.load(stories, kernels=kernels)
            model.logits([1, 5, 9])
            del model
        gc.collect()

    loads(10)
    before = resident()
    loads(100)
    assert resident() - before < 4 << 20
