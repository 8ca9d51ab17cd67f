"""Ways to write `x @ w.T` in NumPy, timed: why the reference chooses as it does.

    python -m tests.bench.products
    OPENBLAS_NUM_THREADS=1 python -m tests.bench.products

Milliseconds for 16 matrices of 2048 x 2048 (256 MiB, past the cache), best of 3.
"""

from __future__ import annotations

from collections.abc import Callable
from time import perf_counter
from typing import Any

import numpy as np

N = 2048
Product = Callable[[Any, Any], Any]


def by_rows(x: Any, w: Any) -> Any:
    out = np.empty((len(x), len(w)), np.float32)
    for start in range(0, len(w), 64):
        rows = w[start : start + 64]
        np.vecdot(x[:, None, :], rows[None], out=out[:, start : start + 64])
    return out


WAYS: dict[str, Product] = {
    "x @ w.T": lambda x, w: x @ w.T,
    "(w @ x.T).T": lambda x, w: np.ascontiguousarray((w @ x.T).T),
    "vecdot by rows": by_rows,
}


def milliseconds(way: Product, x: Any, matrices: list[Any]) -> float:
    best = float("inf")
    for _ in range(3):
        started = perf_counter()
        for w in matrices:
            way(x, w)
        best = min(best, perf_counter() - started)
    return 1e3 * best


def main() -> None:
    rng = np.random.default_rng(0)
    matrices = [rng.standard_normal((N, N), np.float32) for _ in range(16)]
    print("tokens", *(f"{name:>16}" for name in WAYS))
    for n_tokens in (1, 2, 4, 8, 16, 64, 256):
        x = rng.standard_normal((n_tokens, N), np.float32)
        times = [milliseconds(way, x, matrices) for way in WAYS.values()]
        print(f"{n_tokens:6}", *(f"{ms:16.1f}" for ms in times))


if __name__ == "__main__":
    main()
