"""Search beside hnswlib, faiss and usearch: graphs, partitions with product codes, every row.

    python -m tests.bench.search [--threads 1,2] [--rows 100000] [--json FILE]

The data of `hnsw_recall`: 128 numbers in clusters, Euclidean, and 384 as embeddings have, by inner
product. Graphs have M=16 and ef_construction=200; of each program the least width is timed that
finds 95 of 100 true neighbours, on 10,000 queries in one batch. Programs that are not installed
are left out.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from tests.bench.hnsw_recall import clustered, nearest, recall, unit
from tests.bench.records import Record, load, markdown, measured, save

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]
Search = Callable[[F32, int], I64]  # queries and a width

K, RECALL, REPEATS = 10, 0.95, 3
N_QUERIES, N_TUNED = 10_000, 1000  # those that widths are chosen by are among all
M, EF_CONSTRUCTION = 16, 200
BEAMS = (10, 12, 14, 16, 20, 24, 28, 32, 40, 48, 56, 64, 72, 80, 96, 112, 128, 160, 192, 256)
PROBES = (1, 2, 3, 4, 6, 8, 10, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 80, 96, 128, 192, 256)


@dataclass(frozen=True)
class Data:
    """Rows, queries, and the true neighbours of these."""

    name: str
    metric: str
    rows: F32
    queries: F32
    true: I64

    @property
    def dim(self) -> int:
        return self.rows.shape[1]

    @property
    def nlist(self) -> int:
        return 2 * int(len(self.rows) ** 0.5)


def data_of(name: str, n: int) -> Data:
    every = {"clustered": clustered, "unit": unit}[name](n + N_QUERIES)
    rows, queries = np.ascontiguousarray(every[:n]), np.ascontiguousarray(every[n:])
    metric = "l2" if name == "clustered" else "ip"
    label = f"{n // 1000},000 x {rows.shape[1]}, {name}"
    return Data(label, metric, rows, queries, nearest(rows, queries, metric))


# -- graphs -------------------------------------------------------------------------------------


def our_graph(data: Data, _: int) -> Search:
    from abi.index import HNSW, Vectors

    index = HNSW.build(Vectors.of(data.rows, data.metric), M=M, ef_construction=EF_CONSTRUCTION)
    return lambda queries, ef: index.search(queries, K, ef=ef)[0]


def hnswlib_graph(data: Data, threads: int) -> Search:
    import hnswlib

    index = hnswlib.Index(data.metric, data.dim)
    index.init_index(max_elements=len(data.rows), M=M, ef_construction=EF_CONSTRUCTION)
    index.set_num_threads(threads)
    index.add_items(data.rows)

    def search(queries: F32, ef: int) -> I64:
        index.set_ef(ef)
        return np.asarray(index.knn_query(queries, K)[0], np.int64)

    return search


def faiss_metric(data: Data) -> Any:
    import faiss

    return faiss.METRIC_L2 if data.metric == "l2" else faiss.METRIC_INNER_PRODUCT


def faiss_graph(data: Data, _: int) -> Search:
    import faiss

    index = faiss.IndexHNSWFlat(data.dim, M, faiss_metric(data))
    index.hnsw.efConstruction = EF_CONSTRUCTION
    index.add(data.rows)

    def search(queries: F32, ef: int) -> I64:
        index.hnsw.efSearch = ef
        return np.asarray(index.search(queries, K)[1], np.int64)

    return search


def usearch_graph(data: Data, threads: int) -> Search:
    from usearch.index import Index

    metric = "l2sq" if data.metric == "l2" else "ip"
    widths = {"connectivity": M, "expansion_add": EF_CONSTRUCTION}
    index = Index(ndim=data.dim, metric=metric, dtype="f32", **widths)
    index.add(np.arange(len(data.rows)), data.rows, threads=threads)

    def search(queries: F32, ef: int) -> I64:
        index.expansion_search = ef
        return np.asarray(index.search(queries, K, threads=threads).keys, np.int64)

    return search


# -- product codes, four times as many rows scored again -----------------------------------------


def our_codes(data: Data, _: int) -> Search:
    from abi.index import Rescored, Vectors, ivfpq

    vectors = Vectors.of(data.rows, data.metric)
    index = Rescored(ivfpq(vectors, data.nlist, data.dim // 2, 4), vectors, oversample=4)
    return lambda queries, nprobe: index.search(queries, K, nprobe=nprobe)[0]


def faiss_codes(data: Data, _: int) -> Search:
    import faiss

    metric = faiss_metric(data)
    coarse = faiss.IndexFlat(data.dim, metric)
    inner = faiss.IndexIVFPQFastScan(coarse, data.dim, data.nlist, data.dim // 2, 4, metric)
    index = faiss.IndexRefineFlat(inner)
    index.k_factor = 4
    index.train(data.rows)
    index.add(data.rows)

    def search(queries: F32, nprobe: int, keep: Any = (coarse, inner)) -> I64:
        keep[1].nprobe = nprobe
        return np.asarray(index.search(queries, K)[1], np.int64)

    return search


# -- every row ----------------------------------------------------------------------------------


def our_scan(data: Data, _: int) -> Search:
    from abi.index import Flat, Vectors

    index = Flat(Vectors.of(data.rows, data.metric))
    return lambda queries, _: index.search(queries, K)[0]


def faiss_scan(data: Data, _: int) -> Search:
    import faiss

    index = faiss.IndexFlat(data.dim, faiss_metric(data))
    index.add(data.rows)
    return lambda queries, _: np.asarray(index.search(queries, K)[1], np.int64)


GRAPHS = {
    "abi": our_graph, "hnswlib": hnswlib_graph, "faiss": faiss_graph, "usearch": usearch_graph,
}  # fmt: skip
CODES = {"abi": our_codes, "faiss": faiss_codes}
SCANS = {"abi": our_scan, "faiss": faiss_scan}


def rates(
    searches: dict[str, Search], queries: F32, widths: dict[str, int]
) -> dict[str, list[float]]:
    """Queries a second of each, in turn."""
    runs: dict[str, list[float]] = {name: [] for name in searches}
    for _ in range(REPEATS):
        for name, search in searches.items():
            start = perf_counter()
            search(queries, widths[name])
            runs[name].append(len(queries) / (perf_counter() - start))
    return runs


def width_for(search: Search, data: Data, widths: tuple[int, ...]) -> int:
    """The least that finds enough."""
    some, true = data.queries[:N_TUNED], data.true[:N_TUNED]
    enough = (w for w in widths if recall(search(some, w), true) >= RECALL)
    return next(enough, widths[-1])


def records(data: Data, threads: int) -> Iterator[Record]:
    with_threads = f"{threads} thread{'s' * (threads != 1)}"
    built: dict[str, list[float]] = {}
    for kind, makers, widths in (("graph", GRAPHS, BEAMS), ("codes", CODES, PROBES)):
        group = f"{data.name}: {kind}"
        searches: dict[str, Search] = {}
        for name in (name for name in makers if name == "abi" or find_spec(name)):
            start = perf_counter()
            searches[name] = makers[name](data, threads)
            built[name] = [perf_counter() - start]
        yield measured(group, f"built, {with_threads}", "s", built, more=False)
        found = {name: width_for(search, data, widths) for name, search in searches.items()}
        label = f"recall {RECALL}, {with_threads}"
        yield measured(group, label, "queries/s", rates(searches, data.queries, found))
        built = {}
    searches = {n: make(data, threads) for n, make in SCANS.items() if n == "abi" or find_spec(n)}
    for size in (1, 10, 100, 1000):
        runs = rates(searches, data.queries[:size], dict.fromkeys(searches, 0))
        label = f"batches of {size}, {with_threads}"
        yield measured(f"{data.name}: every row", label, "queries/s", runs)


def in_process(threads: int, rows: int, path: Path) -> None:
    """The same in a process of its own, in which everyone has that many threads."""
    names = ("ABI_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")
    environment = os.environ | dict.fromkeys(names, str(threads))
    command = [sys.executable, "-m", "tests.bench.search", "--rows", str(rows), "--json", str(path)]
    subprocess.run([*command, "--here", str(threads)], env=environment, check=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--threads", default="1,2")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--here", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.here:
        found = [
            r
            for name in ("clustered", "unit")
            for r in records(data_of(name, asked.rows), asked.here)
        ]
        save(asked.json, found)
        return
    every: list[Record] = []
    with tempfile.TemporaryDirectory() as folder:
        for threads in map(int, asked.threads.split(",")):
            part = Path(folder) / f"{threads}.json"
            in_process(threads, asked.rows, part)
            every += load([part])
    print(markdown(every))
    if asked.json:
        save(asked.json, every)


if __name__ == "__main__":
    main()
