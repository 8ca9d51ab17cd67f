"""The exact search beside what NumPy does for it at least: a product and `argpartition`.

    python -m tests.bench.exact_search [--check]

Both in one run, one after the other, medians. With --check the ratio must be 0.8 or more.
"""

from __future__ import annotations

import argparse
import sys
from time import perf_counter

import numpy as np
import numpy.typing as npt

from abi.kernels import NumpyKernels, select

F32 = npt.NDArray[np.float32]
K = 10
LEAST = 0.8


def data(n: int, dim: int) -> F32:
    rng = np.random.default_rng(0)
    found = rng.standard_normal((n, dim), np.float32)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    return found


def plainly(queries: F32, base: F32) -> npt.NDArray[np.int64]:
    scores = queries @ base.T if len(queries) > 1 else (base @ queries[0])[None]
    return np.argpartition(-scores, K, axis=1)[:, :K]


def ratio(kernels: NumpyKernels, queries: F32, base: F32, runs: int) -> float:
    """How many times as fast as the plain way."""
    ours, plain = [], []
    for _ in range(runs):
        start = perf_counter()
        expected = plainly(queries, base)
        middle = perf_counter()
        rows, _ = kernels.scan(queries, base, "ip", K)
        ours.append(perf_counter() - middle)
        plain.append(middle - start)
        assert (np.sort(rows, axis=1) == np.sort(expected, axis=1)).mean() > 0.99
    a, b = np.median(ours), np.median(plain)
    per = len(queries) / a
    print(
        f"{len(queries):4} queries: {1e3 * a:7.1f} ms, {per:6.0f} queries/s, {b / a:.2f} of plain"
    )
    return float(b / a)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    parser.add_argument("--rows", type=int, default=100_000)
    parser.add_argument("--dim", type=int, default=384)
    parser.add_argument("--runs", type=int, default=15)
    args = parser.parse_args()
    base = data(args.rows, args.dim)
    found = [ratio(select(), base[:q] + 0.1, base, args.runs) for q in (1, 10, 100)]
    return int(args.check and min(found[0], found[2]) < LEAST)


if __name__ == "__main__":
    sys.exit(main())
