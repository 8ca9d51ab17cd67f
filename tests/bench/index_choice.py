"""What `index="auto"` is decided by: seconds of building, and a query's time at equal recall.

    OPENBLAS_NUM_THREADS=1 python -m tests.bench.index_choice [--rows 5000 20000 100000]
        [--dims 64 128 384] [--no-graph]

Every row compared, partitions and a graph over the same vectors, of norm 1 and most of their
variance in few directions, as embeddings are. The width of each search is tuned on queries of
its own until recall@10 is 0.95; times are medians of single queries, taken in turn.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.index import HNSW, IVF, Flat, Vectors
from abi.index._ivf import partitions_for

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

K, RECALL, N_QUERIES = 10, 0.95, 200
BEAMS = (10, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)


def embeddings(n: int, dim: int, seed: int = 1) -> F32:
    """Norm 1; variance falls over the first 48 directions, and there is noise in all."""
    rng = np.random.default_rng(seed)
    inner = min(48, dim)
    basis = rng.standard_normal((inner, dim), np.float32) / np.float32(inner**0.5)
    basis *= 3 / np.sqrt(np.arange(1, inner + 1, dtype=np.float32))[:, None]
    x = rng.standard_normal((n, inner), np.float32) @ basis
    x += np.float32(0.25) * rng.standard_normal((n, dim), np.float32)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def recall(found: I64, exact: I64) -> float:
    pairs = zip(found.tolist(), exact.tolist(), strict=True)
    return float(np.mean([len({*a} & {*b}) / K for a, b in pairs]))


def milliseconds(queries: F32, *searches: Callable[[F32], Any]) -> list[float]:
    """Median of single queries, each search in turn."""
    times: list[list[float]] = [[] for _ in searches]
    for i in range(len(queries)):
        for search, taken in zip(searches, times, strict=True):
            start = perf_counter()
            search(queries[i : i + 1])
            taken.append(perf_counter() - start)
    return [1e3 * float(np.median(taken)) for taken in times]


def beam_of(graph: HNSW, queries: F32, exact: I64) -> int:
    for ef in BEAMS:
        if recall(graph.search(queries, K, ef=ef)[0], exact) >= RECALL:
            return ef
    return BEAMS[-1]


def compare(n: int, dim: int, with_graph: bool) -> None:
    data = embeddings(n + 2 * N_QUERIES, dim)
    vectors = Vectors.of(data[:n], "cosine")
    tuning, asked = data[n : n + N_QUERIES], data[n + N_QUERIES :]
    flat = Flat(vectors)
    exact = flat.search(asked, K)[0]
    start = perf_counter()
    partitions = IVF.build(vectors, partitions_for(n))
    seconds = perf_counter() - start
    partitions.tune(tuning, K, RECALL)
    searches: list[Callable[[F32], Any]] = [
        lambda q: flat.search(q, K),
        lambda q: partitions.search(q, K),
    ]
    got = [1.0, recall(partitions.search(asked, K)[0], exact)]
    built, width = [0.0, seconds], [0, partitions.nprobe]
    if with_graph:
        start = perf_counter()
        graph = HNSW.build(vectors)
        built.append(perf_counter() - start)
        graph.ef = beam_of(graph, tuning, flat.search(tuning, K)[0])
        width.append(graph.ef)
        got.append(recall(graph.search(asked, K)[0], exact))
        searches.append(lambda q: graph.search(q, K))
    times = milliseconds(asked, *searches)
    for name, b, w, g, t in zip(("flat", "ivf", "hnsw"), built, width, got, times, strict=False):
        print(f"{n:8} {dim:5} {name:5} built {b:7.1f} s, width {w:4}: {t:7.2f} ms, recall {g:.3f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[5000, 20_000, 100_000])
    parser.add_argument("--dims", type=int, nargs="+", default=[64, 128, 384])
    parser.add_argument("--no-graph", action="store_true")
    args = parser.parse_args()
    for dim in args.dims:
        for n in args.rows:
            compare(n, dim, not args.no_graph)


if __name__ == "__main__":
    main()
