"""The native kernels beside llama.cpp: decode and prefill of one shape, by type and threads.

    python -m tests.bench.native --llama-bench PATH [--types Q4_0,Q8_0] [--shape tinyllama]
        [--json FILE]

Models have random weights of the shape, made in a temporary folder. `llama-bench` is llama.cpp's
own benchmark, built for this machine (clang and `-DGGML_NATIVE=ON`, so that its AMX path is
used); it measures decode from an empty context, and so does this. Runs are interleaved, ours,
theirs, ours, and so on; medians are shown. Without `--llama-bench` ours alone.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter
from typing import Any

from tests.bench.records import Record, measured, save
from tests.synthetic import BENCH_110M, TINYLLAMA, LlamaShape, write_llama

SHAPES = {
    "tinyllama": TINYLLAMA,
    "qwen2-0.5b": LlamaShape(151936, 896, 24, 14, 2, 4864, 2048, arch="qwen2",
                             biases=("attn_q", "attn_k", "attn_v")),
    "moe": LlamaShape(32000, 2048, 4, 32, 4, 768, 2048, key_length=128, arch="qwen3moe",
                      head_norms=True, n_expert=64, n_expert_used=8),
    "110m": BENCH_110M,
    "15m": LlamaShape(32000, 288, 6, 6, 6, 768, 512),
}  # fmt: skip
PREFILL, DECODE = 512, 32


def ours(path: str, prefill: int) -> tuple[float, float]:
    """Tokens a second of prefill and decode, in this process."""
    import abi
    from abi.model import Batch

    transformer = abi.load(path, kernels="native", n_ctx=1024).transformer
    rates = []
    for _ in range(2):  # the first warms up
        cache = transformer.new_cache(n_ctx=1024)
        start = perf_counter()
        transformer.forward(Batch.of(range(100, 100 + prefill)), cache, [prefill - 1])
        rates.append(prefill / (perf_counter() - start))
    cache = transformer.new_cache(n_ctx=1024)
    transformer.forward(Batch.of([100]), cache)
    start = perf_counter()
    for i in range(DECODE):
        transformer.forward(Batch.of([5], pos=1 + i), cache)
    return rates[-1], DECODE / (perf_counter() - start)


def in_process(path: str, threads: int, prefill: int) -> tuple[float, float]:
    """The same in a process of its own, with that many threads."""
    code = f"from tests.bench.native import ours; print(*ours({path!r}, {prefill}))"
    environment = os.environ | {"ABI_THREADS": str(threads), "OPENBLAS_NUM_THREADS": str(threads)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    first, second = map(float, done.stdout.split())
    return first, second


def theirs(bench: str, path: str, threads: int, prefill: int) -> tuple[float, float]:
    command = [bench, "-m", path, "-p", str(prefill), "-n", str(DECODE), "-t", str(threads)]
    done = subprocess.run(
        [*command, "-r", "1", "-o", "json"], capture_output=True, text=True, check=True
    )
    rows: list[dict[str, Any]] = json.loads(done.stdout)
    rates = {row["n_gen"] > 0: float(row["avg_ts"]) for row in rows}
    return rates[False], rates[True]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--llama-bench")
    parser.add_argument("--types", default="Q4_0,Q8_0,Q4_K,Q6_K,F16")
    parser.add_argument("--shape", choices=SHAPES, default="tinyllama")
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    prefill = min(PREFILL, SHAPES[args.shape].n_ctx - 64)
    found: list[Record] = []
    print("| | threads | decode | llama.cpp | ratio | prefill | llama.cpp | ratio |")
    print("|---|--:|--:|--:|--:|--:|--:|--:|")
    with tempfile.TemporaryDirectory() as folder:
        for name in args.types.split(","):
            path = str(Path(folder) / f"{name}.gguf")
            write_llama(path, SHAPES[args.shape], name)
            for threads in map(int, args.threads.split(",")):
                mine, peer = [], []
                for _ in range(args.repeats):
                    mine.append(in_process(path, threads, prefill))
                    if args.llama_bench:
                        peer.append(theirs(args.llama_bench, path, threads, prefill))
                print(row(name, threads, mine, peer), flush=True)
                found += records(args.shape, name, threads, mine, peer)
            Path(path).unlink()
    if args.json:
        save(args.json, found)


def records(
    shape: str,
    name: str,
    threads: int,
    mine: list[tuple[float, float]],
    peer: list[tuple[float, float]],
) -> Iterator[Record]:
    """Prefill and decode of a type."""
    label = f"{name}, {threads} thread{'s' * (threads != 1)}"
    for which, kind in ((1, "decode"), (0, f"prefill of {PREFILL}")):
        runs = {"abi": [rates[which] for rates in mine]}
        if peer:
            runs["llama.cpp"] = [rates[which] for rates in peer]
        yield measured(f"{shape}: {kind}", label, "tokens/s", runs)


def row(
    name: str, threads: int, mine: list[tuple[float, float]], peer: list[tuple[float, float]]
) -> str:
    cells = [name, str(threads)]
    for which in (1, 0):
        own = statistics.median(rates[which] for rates in mine)
        other = statistics.median(rates[which] for rates in peer) if peer else float("nan")
        cells += [f"{own:.1f}", f"{other:.1f}", f"{own / other:.2f}"]
    return f"| {' | '.join(cells)} |"


if __name__ == "__main__":
    main()
