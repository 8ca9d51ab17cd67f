"""Partitions beside the exact scan: how many times as fast at a recall of 0.95.

    python -m tests.bench.ivf_speed [--rows 1000000] [--dim 128] [--nlist 2048] [--spread 1.0]
        [--check]

Clustered vectors, a spread of 1 being as wide as their centres lie apart; the true neighbours by
the exact scan. Both are timed in turn, one query at a time and in batches of 100, medians. With
--check both ratios must be 5 or more.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.index import IVF, Flat, Vectors

F32 = npt.NDArray[np.float32]
K, RECALL, LEAST = 10, 0.95, 5.0


def clustered(n: int, dim: int, clusters: int = 2000, seed: int = 0, spread: float = 0.5) -> F32:
    rng = np.random.default_rng(seed)
    centres = rng.standard_normal((clusters, dim), np.float32)
    found = rng.standard_normal((n, dim), np.float32)
    found *= np.float32(spread)
    found += centres[rng.integers(clusters, size=n)]
    return found


def median(runs: int, *tasks: Callable[[], Any]) -> list[float]:
    """Seconds of each task, run in turn."""
    times: list[list[float]] = [[] for _ in tasks]
    for _ in range(runs):
        for task, seconds in zip(tasks, times, strict=True):
            start = perf_counter()
            task()
            seconds.append(perf_counter() - start)
    return [float(np.median(seconds)) for seconds in times]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--dim", type=int, default=128)
    parser.add_argument("--nlist", type=int, default=2048)
    parser.add_argument("--spread", type=float, default=1.0)
    parser.add_argument("--runs", type=int, default=9)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    data = clustered(args.rows + 400, args.dim, spread=args.spread)
    vectors, queries = Vectors.of(data[:-400], "l2"), data[-400:]
    start = perf_counter()
    index = IVF.build(vectors, args.nlist)
    print(f"built {args.nlist} partitions of {args.rows} rows in {perf_counter() - start:.1f} s")
    flat = Flat(vectors)
    index.tune(queries[:200], K, RECALL + 0.01)
    exact, _ = flat.search(queries[200:], K)
    found, _ = index.search(queries[200:], K)
    same = [len({*a} & {*b}) / K for a, b in zip(exact.tolist(), found.tolist(), strict=True)]
    print(f"nprobe {index.nprobe}: recall@{K} {np.mean(same):.3f}")
    ratios = []
    for n in (1, 100):
        some = queries[200 : 200 + n]
        a, b = median(args.runs, lambda: flat.search(some, K), lambda: index.search(some, K))  # noqa: B023
        ratios.append(a / b)
        print(f"{n:4} queries: exact {1e3 * a:8.2f} ms, partitions {1e3 * b:8.2f} ms: {a / b:.1f}x")
    return int(args.check and (min(ratios) < LEAST or np.mean(same) < RECALL))


if __name__ == "__main__":
    sys.exit(main())
