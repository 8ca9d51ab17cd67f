"""How close the NumPy path comes to its own limit, on a model of 110 M parameters.

Prints, interleaved in one process and as medians: the decode step against plain
`weights @ x` of the same matrices, and prefill of 512 tokens against decode.

    python -m tests.bench.decode_ratio [--type Q8_0] [--weights blocks] [--json] [--check]

`--check` ends with status 1 where decode takes more than 1/0.6 of the bare products or
prefill is less than 8 times as fast as decode.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from pathlib import Path
from time import perf_counter

import numpy as np

import abi
from abi.model import Batch
from tests.synthetic import BENCH_110M, write_llama


def measure(type_name: str, weights: str, repeats: int = 15) -> dict[str, float]:
    """Seconds and ratios."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.gguf"
        write_llama(path, BENCH_110M, type_name)
        model = abi.load(path, weights=weights, kernels="numpy")
        transformer = model.transformer
        layers = [vars(layer).values() for layer in transformer.layers]
        packed = [w for layer in layers for w in layer if w is not None and len(w.shape) == 2]
        packed.append(transformer.outside.output)
        matrices = [w.data if w.layout == "float32" else w.data.to_float32() for w in packed]
        vectors = [np.ones(m.shape[1], np.float32) for m in matrices]
        cache = transformer.new_cache(n_ctx=1024)
        transformer.forward(Batch.of(range(100, 228)), cache, [127])
        plain, decode, prefill = [], [], []
        for _ in range(repeats):
            start = perf_counter()
            for matrix, vector in zip(matrices, vectors, strict=True):
                matrix @ vector
            plain.append(perf_counter() - start)
            start = perf_counter()
            transformer.forward(Batch.of([5], pos=128), cache)
            decode.append(perf_counter() - start)
        for _ in range(3):
            fresh = transformer.new_cache(n_ctx=1024)
            start = perf_counter()
            transformer.forward(Batch.of(range(100, 612)), fresh, [511])
            prefill.append(perf_counter() - start)
    p, d, f = map(statistics.median, (plain, decode, prefill))
    return {
        "weights_at_x_ms": 1e3 * p,
        "decode_ms": 1e3 * d,
        "ratio": p / d,
        "decode_tok_s": 1 / d,
        "prefill_tok_s": 512 / f,
        "prefill_over_decode": 512 * d / f,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--type", default="F32")
    parser.add_argument("--weights", default="float32", choices=["float32", "blocks"])
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    figures = measure(args.type, args.weights)
    if args.json:
        print(json.dumps(figures))
    else:
        for name, value in figures.items():
            print(f"{name:22} {value:10.3f}")
    if args.check and (figures["ratio"] < 0.6 or figures["prefill_over_decode"] < 8):
        raise SystemExit("slower than the budget: see the ratio and prefill_over_decode")


if __name__ == "__main__":
    main()
