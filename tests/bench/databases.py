"""abi beside Chroma, LanceDB and qdrant-client's local mode: the same points, in one run.

    python -m tests.bench.databases [--rows 10000 100000] [--systems abi chroma lancedb qdrant]
        [--json FILE] [--rounds 3]

384 dimensions, norm 1, most variance in few directions; a payload of five fields. Each system
runs in processes of its own, in turn with the others, medians over rounds: importing; adding in
batches of 1,000, closing, and whatever index it makes by itself; then in a fresh process opening,
400 single queries, 200 filtered to a tenth of the points, and the process's memory. Recall is
against exact neighbours. Systems that are not installed are left out and named.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np

from tests.bench.index_choice import embeddings

DIM, BATCH, K = 384, 1000, 10
QUERIES, FILTERED = 400, 200
MODULES = {
    "abi": "abi.store",
    "chroma": "chromadb",
    "lancedb": "lancedb",
    "qdrant": "qdrant_client",
}
COLUMNS = (
    "import s", "add s", "ready s", "MB on disk", "open ms", "first ms", "p50 ms", "p95 ms",
    "recall", "filtered p50 ms", "filtered recall", "RSS MB",
)  # fmt: skip


def payload(i: int) -> dict[str, Any]:
    return {
        "tenth": i % 10,
        "city": f"city {i * 7919 % 500}",
        "year": 1950 + i * 31 % 75,
        "price": i * 17 % 10_000 / 100,
        "open": i % 3 == 0,
    }


class Abi:
    """The defaults: every batch is on the disk before the call returns."""

    def __init__(self, folder: str) -> None:
        import abi

        self.db = abi.open(folder)
        self.points: Any = None

    def create(self) -> None:
        self.points = self.db.create_collection("points", dim=DIM, metric="cosine")

    def load(self) -> int:
        self.points = self.db["points"]
        return len(self.points)

    def add(self, ids: range, vectors: Any, payloads: list[dict[str, Any]]) -> None:
        self.points.upsert(ids=list(ids), vectors=vectors, payloads=payloads)

    def query(self, vector: Any, tenth: int | None) -> list[int]:
        where = None if tenth is None else {"tenth": tenth}
        return [hit.id for hit in self.points.search(vector=vector, k=K, filter=where)]

    def finish(self) -> None:
        self.db.compact()
        self.db.close()


class Chroma:
    def __init__(self, folder: str) -> None:
        import chromadb

        settings = chromadb.Settings(anonymized_telemetry=False)
        self.client = chromadb.PersistentClient(folder, settings=settings)
        self.points: Any = None

    def create(self) -> None:
        self.points = self.client.create_collection(
            "points", configuration={"hnsw": {"space": "cosine"}}, embedding_function=None
        )

    def load(self) -> int:
        self.points = self.client.get_collection("points", embedding_function=None)
        return int(self.points.count())

    def add(self, ids: range, vectors: Any, payloads: list[dict[str, Any]]) -> None:
        self.points.upsert(ids=[str(i) for i in ids], embeddings=vectors, metadatas=payloads)

    def query(self, vector: Any, tenth: int | None) -> list[int]:
        where = None if tenth is None else {"tenth": tenth}
        found = self.points.query(query_embeddings=[vector], n_results=K, where=where)
        return [int(i) for i in found["ids"][0]]

    def finish(self) -> None:
        pass


class Lance:
    def __init__(self, folder: str) -> None:
        import lancedb

        self.db = lancedb.connect(folder)
        self.points: Any = None

    def create(self) -> None:
        import pyarrow as pa

        fields = [
            pa.field("id", pa.int64()),
            pa.field("vector", pa.list_(pa.float32(), DIM)),
            pa.field("tenth", pa.int64()),
            pa.field("city", pa.string()),
            pa.field("year", pa.int64()),
            pa.field("price", pa.float64()),
            pa.field("open", pa.bool_()),
        ]
        self.points = self.db.create_table("points", schema=pa.schema(fields))

    def load(self) -> int:
        self.points = self.db.open_table("points")
        return int(self.points.count_rows())

    def add(self, ids: range, vectors: Any, payloads: list[dict[str, Any]]) -> None:
        import pyarrow as pa

        columns: dict[str, Any] = {k: pa.array([p[k] for p in payloads]) for k in payloads[0]}
        columns["id"] = pa.array(ids)
        columns["vector"] = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), DIM)
        self.points.add(pa.table(columns).select([f.name for f in self.points.schema]))

    def query(self, vector: Any, tenth: int | None) -> list[int]:
        search = self.points.search(vector).distance_type("cosine").limit(K).select(["id"])
        if tenth is not None:
            search = search.where(f"tenth = {tenth}", prefilter=True)
        return [int(i) for i in search.to_arrow()["id"].to_pylist()]

    def finish(self) -> None:
        self.points.optimize()


class Qdrant:
    def __init__(self, folder: str) -> None:
        from qdrant_client import QdrantClient, models

        self.client, self.models = QdrantClient(path=folder), models

    def create(self) -> None:
        params = self.models.VectorParams(size=DIM, distance=self.models.Distance.COSINE)
        self.client.create_collection("points", vectors_config=params)

    def load(self) -> int:
        return int(self.client.count("points").count)

    def add(self, ids: range, vectors: Any, payloads: list[dict[str, Any]]) -> None:
        batch = self.models.Batch(ids=list(ids), vectors=vectors.tolist(), payloads=payloads)
        self.client.upsert("points", batch)

    def query(self, vector: Any, tenth: int | None) -> list[int]:
        m, where = self.models, None
        if tenth is not None:
            match = m.FieldCondition(key="tenth", match=m.MatchValue(value=tenth))
            where = m.Filter(must=[match])
        found = self.client.query_points("points", vector, query_filter=where, limit=K)
        return [int(p.id) for p in found.points]

    def finish(self) -> None:
        self.client.close()


SYSTEMS: dict[str, Any] = {"abi": Abi, "chroma": Chroma, "lancedb": Lance, "qdrant": Qdrant}


def add(name: str, work: Path) -> dict[str, float]:
    vectors = np.load(work / "vectors.npy")
    payloads = [payload(i) for i in range(len(vectors))]
    system = SYSTEMS[name](str(work / name))
    system.create()
    start = perf_counter()
    for i in range(0, len(vectors), BATCH):
        ids = range(i, min(i + BATCH, len(vectors)))
        system.add(ids, vectors[i : ids.stop], payloads[i : ids.stop])
    added = perf_counter() - start
    system.finish()
    ready = perf_counter() - start
    return {"add s": added, "ready s": ready}


def query(name: str, work: Path) -> dict[str, float]:
    vectors, n = np.load(work / "queries.npy"), len(np.load(work / "vectors.npy", mmap_mode="r"))
    exact = np.load(work / "exact.npy")
    __import__(MODULES[name])
    start = perf_counter()
    system = SYSTEMS[name](str(work / name))
    count = system.load()
    opened = perf_counter() - start
    assert count == n, f"{name}: {count} of {n} points"
    start = perf_counter()
    system.query(vectors[0], None)
    first = perf_counter() - start
    plain, narrow = [], []
    found = []
    for i in range(QUERIES):
        start = perf_counter()
        found.append(system.query(vectors[i], None))
        plain.append(perf_counter() - start)
    filtered = []
    for i in range(FILTERED):
        start = perf_counter()
        filtered.append(system.query(vectors[i], i % 10))
        narrow.append(perf_counter() - start)
    return {
        "open ms": 1e3 * opened,
        "first ms": 1e3 * first,
        "p50 ms": 1e3 * median(plain),
        "p95 ms": 1e3 * float(np.quantile(plain, 0.95)),
        "recall": share(found, exact[:QUERIES]),
        "filtered p50 ms": 1e3 * median(narrow),
        "filtered recall": share(filtered, exact[QUERIES:]),
        "RSS MB": resident() / 1e6,
    }


def share(found: list[list[int]], exact: Any) -> float:
    pairs = zip(found, exact.tolist(), strict=True)
    return float(np.mean([len({*a} & {*b}) / K for a, b in pairs]))


def resident() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def prepare(work: Path, n: int) -> None:
    data = embeddings(n + QUERIES, DIM)
    vectors, queries = data[:n], data[n:]
    scores = queries @ vectors.T
    tenths = np.arange(n) % 10
    exact = [np.argsort(-line)[:K] for line in scores]
    for i in range(FILTERED):
        exact.append(np.argsort(-np.where(tenths == i % 10, scores[i], -np.inf))[:K])
    np.save(work / "vectors.npy", vectors)
    np.save(work / "queries.npy", queries)
    np.save(work / "exact.npy", np.array(exact))


def child(task: str, name: str, work: Path) -> dict[str, float]:
    command = [sys.executable, "-m", "tests.bench.databases", "--child", task, name, str(work)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"{name}: {task} failed\n{done.stderr}")
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def import_seconds(name: str) -> float:
    start = perf_counter()
    subprocess.run([sys.executable, "-c", f"import {MODULES[name]}"], check=True)
    return perf_counter() - start


def size(folder: Path) -> float:
    return sum(f.stat().st_blocks * 512 for f in folder.rglob("*") if f.is_file()) / 1e6


def measure(names: list[str], n: int, rounds: int) -> dict[str, dict[str, float]]:
    found: dict[str, list[dict[str, float]]] = {name: [] for name in names}
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        prepare(work, n)
        for _ in range(rounds):
            for name in names:
                shutil.rmtree(work / name, ignore_errors=True)
                row = {"import s": import_seconds(name)}
                row |= child("add", name, work)
                row["MB on disk"] = size(work / name)
                found[name].append(row | child("query", name, work))
    return {
        name: {column: median(row[column] for row in rows) for column in COLUMNS}
        for name, rows in found.items()
    }


def show(n: int, table: dict[str, dict[str, float]]) -> None:
    print(f"\n{n} points of {DIM} dimensions, {4 * DIM * n / 1e6:.1f} MB of vectors\n")
    print("| " + " | ".join(["", *table]) + " |")
    print("|" + "---|" * (len(table) + 1))
    for column in COLUMNS:
        print(f"| {column} | " + " | ".join(f"{row[column]:.3g}" for row in table.values()) + " |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, nargs="+", default=[10_000, 100_000])
    parser.add_argument("--systems", nargs="+", choices=list(SYSTEMS), default=list(SYSTEMS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.child:
        task, name, work = args.child
        print(json.dumps({"add": add, "query": query}[task](name, Path(work))))
        return
    names = [name for name in args.systems if find_spec(MODULES[name])]
    if missing := [name for name in args.systems if name not in names]:
        print(f"not installed, left out: {', '.join(missing)}")
    tables = {}
    for n in args.rows:
        tables[n] = measure(names, n, args.rounds)
        show(n, tables[n])
    if args.json:
        args.json.write_text(json.dumps(tables, indent=1))


if __name__ == "__main__":
    main()
