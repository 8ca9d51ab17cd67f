"""How fast each type is made: MB of float32 a second, and what error it leaves.

    python -m tests.bench.encode [--type Q4_K] [--megabytes 16]

Random normal values, the median of five runs, in CPU time of one core.
"""

from __future__ import annotations

import argparse
import statistics
from time import process_time

import numpy as np

from abi.quant import CODECS, TYPES, decode, encode


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--type", metavar="NAME", help="only this one")
    parser.add_argument("--megabytes", type=int, default=16)
    args = parser.parse_args()
    values = np.random.default_rng(0).standard_normal((args.megabytes << 10, 256), np.float32)
    print(f"{'type':8} {'bits':>6} {'MB/s':>8} {'rms error':>10}")
    for name, codec in CODECS.items():
        if codec.encodes and TYPES[name].block_size > 1 and args.type in (None, name):
            seconds = statistics.median(timed(values, name) for _ in range(5))
            error = decode(encode(values, name), name).reshape(values.shape) - values
            rms = float(np.sqrt(np.square(error).mean(dtype=np.float64)))
            bits = 8 * TYPES[name].type_size / TYPES[name].block_size
            print(f"{name:8} {bits:6.3f} {values.nbytes / seconds / 1e6:8.1f} {rms:10.5f}")


def timed(values: np.ndarray, name: str) -> float:
    start = process_time()
    encode(values, name)
    return process_time() - start


if __name__ == "__main__":
    main()
