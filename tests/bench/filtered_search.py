"""Filtered searches of a collection: recall@10 and milliseconds, beside comparing what matches.

    python -m tests.bench.filtered_search [--rows 100000] [--dim 384] [--index auto] [--check]

Filters let through some share of the points: at random, and "directed", those that lie farthest
in one direction, so that the nearest of them are far from most queries. Single queries, medians,
each in turn with `exact=True`. With --check recall must be 0.95 or more everywhere, and no search
slower than the exact one by more than a tenth.
"""

from __future__ import annotations

import argparse
import sys
from time import perf_counter
from typing import Any

import numpy as np

import abi
from tests.bench.index_choice import embeddings

SHARES = (0.5, 0.1, 0.01, 0.001)
K, N_QUERIES, BATCH = 10, 200, 5000


def filled(db: abi.Database, data: Any, index: str) -> abi.Collection:
    """A collection whose payloads have, for each filter, the rank of a point under it."""
    n, rng = len(data), np.random.default_rng(0)
    points = db.create_collection("points", dim=data.shape[1], index=index)
    lean = data @ rng.standard_normal(data.shape[1]).astype(np.float32)
    ranks = {"random": rng.permutation(n) / n, "directed": np.argsort(np.argsort(-lean)) / n}
    for start in range(0, n, BATCH):
        some = range(start, min(n, start + BATCH))
        payloads = [{name: float(rank[i]) for name, rank in ranks.items()} for i in some]
        points.upsert(list(some), data[start : some.stop], payloads)
    db.compact()
    return points


def measure(points: abi.Collection, queries: Any, where: Any) -> tuple[float, float, float, str]:
    """Recall, milliseconds, those of the exact search, and what was done."""
    times: tuple[list[float], list[float]] = [], []
    same = wanted = 0
    for i, query in enumerate(queries):
        found: list[list[Any]] = [[], []]
        for exact in (i % 2, 1 - i % 2):  # the second finds rows in the cache
            start = perf_counter()
            hits = points.search(query, K, filter=where, exact=bool(exact))
            times[exact].append(perf_counter() - start)
            found[exact] = [hit.id for hit in hits]
        same, wanted = same + len({*found[0]} & {*found[1]}), wanted + len(found[1])
    steps: Any = points.search(queries[0], K, filter=where, explain=True)
    ours, exact_ = (1e3 * float(np.median(taken)) for taken in times)
    return same / wanted, ours, exact_, steps.steps[0].stats.plan


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--index", default="auto")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    data = embeddings(args.rows + N_QUERIES, args.dim)
    bad = 0
    with abi.open(":memory:") as db:
        points = filled(db, data[: args.rows], args.index)
        for share in SHARES:
            for kind in ("random", "directed"):
                where = {kind: {"$lt": share}}
                recall, ours, exact, plan = measure(points, data[args.rows :], where)
                print(
                    f"{100 * share:5.1f}% {kind:9} recall {recall:.3f}, {ours:6.2f} ms, "
                    f"exact {exact:6.2f} ms, by {plan}"
                )
                bad += recall < 0.95 or ours > 1.1 * exact
    return int(args.check and bad > 0)


if __name__ == "__main__":
    sys.exit(main())
