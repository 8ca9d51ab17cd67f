"""Products in Pyodide, by WebAssembly's SIMD and by its relaxed SIMD.

    python -m tests.bench.wasm

Thousand millions of multiply-adds a second of 1024 by 1024 weights, the best of a second's runs,
by the Node that `PATH` has; relaxed SIMD needs one that knows it (22 and later).
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from abi_accel.build import TARGETS, build, same_wheel

from tests.wasm.node import in_pyodide

_SIZE = 1024
_SCRIPT = f"""
import json, os, time
os.environ["ABI_NATIVE_LIBRARY"] = "/mnt/NAME"
import numpy as np
from abi.kernels import select
from abi.quant import Tensor

kernels = select("native")
rng = np.random.default_rng(0)
numbers = rng.standard_normal(({_SIZE}, {_SIZE})).astype(np.float32)
found = {{}}
for name in ("Q4_0", "Q4_K", "Q6_K", "Q8_0", "IQ4_NL", "F16", "F32"):
    weight = kernels.pack(Tensor.from_array("w", numbers, name), "blocks")
    for tokens in (1, 8, 64):
        x = rng.standard_normal((tokens, {_SIZE})).astype(np.float32)
        seconds, until = [], time.perf_counter() + 1  # hot code is compiled anew meanwhile
        while time.perf_counter() < until:
            start = time.perf_counter()
            kernels.matmul(x, weight)
            seconds.append(time.perf_counter() - start)
        found[f"{{name}}, {{tokens}}"] = tokens * {_SIZE}**2 / min(seconds) / 1e9
json.dumps(found)
"""


def rates(target: str) -> dict[str, float]:
    """What a target's library reaches, by type and number of tokens."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        library = build(target, folder)
        script = folder / "script.py"
        script.write_text(_SCRIPT.replace("NAME", library.name), encoding="utf-8")
        found: dict[str, float] = in_pyodide(script, folder)
        return found


def main() -> None:
    targets = same_wheel("wasm32")
    by_target = [rates(target) for target in targets]
    print(f"{'':12}", *(f"{next(iter(TARGETS[target].isas)):>10}" for target in targets))
    for case in by_target[0]:
        print(f"{case:12}", *(f"{found[case]:10.1f}" for found in by_target))


if __name__ == "__main__":
    main()
