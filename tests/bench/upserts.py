"""Single upserts, each on the disk before it returns, beside the disk's own rate of syncs.

    python -m tests.bench.upserts [--folder DIR] [--dim 384] [--check]

In one folder and in turn: a point of `dim` numbers with a payload upserted, and as many bytes
appended to a file and synced (`fdatasync`). With --check ours must be at half of that rate or more.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

import abi
from abi._platform import sync_file

ROUNDS, PER_ROUND = 30, 40
LEAST = 0.5


def plain(fd: int, data: bytes) -> float:
    """Seconds of appending and syncing, once each."""
    start = perf_counter()
    for _ in range(PER_ROUND):
        os.write(fd, data)
        sync_file(fd)
    return perf_counter() - start


def upserts(points: abi.Collection, vectors: np.ndarray, first: int) -> float:
    start = perf_counter()
    for i, vector in enumerate(vectors, first):
        points.upsert([i], vector[None], [{"n": i, "city": f"city {i % 50}"}])
    return perf_counter() - start


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", default=".")
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    rng = np.random.default_rng(0)
    ours, raw = [], []
    with tempfile.TemporaryDirectory(dir=args.folder) as folder:
        fd = os.open(Path(folder, "plain"), os.O_CREAT | os.O_WRONLY | os.O_APPEND)
        with abi.open(Path(folder, "data")) as db:
            points = db.create_collection("points", dim=args.dim)
            for at in range(ROUNDS):
                vectors = rng.normal(size=(PER_ROUND, args.dim)).astype(np.float32)
                ours.append(upserts(points, vectors, at * PER_ROUND) / PER_ROUND)
                raw.append(plain(fd, bytes(4 * args.dim + 256)) / PER_ROUND)
        os.close(fd)
    mine, disk = float(np.median(ours)), float(np.median(raw))
    print(
        f"{1 / mine:.0f} upserts a second ({1e3 * mine:.2f} ms), {1 / disk:.0f} syncs "
        f"({1e3 * disk:.2f} ms): {disk / mine:.2f} of the disk's rate"
    )
    return int(args.check and disk / mine < LEAST)


if __name__ == "__main__":
    sys.exit(main())
