"""Documents in Pyodide (under Node) beside CPython: import, indexing, questions, memory.

    python -m tests.bench.browser [--runs 3]

Each run is a process of its own; the median of the runs is given. Memory is the largest resident
size of the process natively, and of Pyodide the size that its WebAssembly memory has grown to, in
which files are not.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.wasm.node import in_pyodide

_CODE = "import json\nfrom tests.wasm.measured import measured\n"


def natively() -> dict[str, float]:
    """By this Python."""
    command = [sys.executable, "-c", f"{_CODE}print(json.dumps(measured()))"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def by_pyodide() -> dict[str, float]:
    """By Pyodide."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "script.py")
        script.write_text(f"{_CODE}json.dumps(measured())", encoding="utf-8")
        found: dict[str, float] = in_pyodide(script, Path(folder))
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    args = parser.parse_args()
    runs = [(by_pyodide(), natively()) for _ in range(args.runs)]
    print(f"{'':22}{'Pyodide':>12}{'CPython':>12}")
    for name in runs[0][0]:
        unit = "MB" if "memory" in name else "" if name == "passages" else "ms"
        pair = (statistics.median(run[side][name] for run in runs) for side in (0, 1))
        shown = (f"{value * (1000 if unit == 'ms' else 1):.1f} {unit:2}" for value in pair)
        print(f"{name:22}" + "".join(f"{one:>12}" for one in shown))


if __name__ == "__main__":
    main()
