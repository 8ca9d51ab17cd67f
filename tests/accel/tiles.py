"""Tests with what is written for the matrix unit, on a machine that has none.

    python -m tests.accel.tiles FOLDER TEST... [pytest options]

Builds the library with `tiles.h`, the unit in plain C, in the place of the set `avx512`. Needs
Linux on x86-64 and AVX-512 with bfloat16, which is what those kernels use besides.
"""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from abi_accel import build

ROOT = Path(__file__).parents[2]
HOST = "linux-x86_64"


def made(folder: Path) -> Path:
    """The library."""
    target = build.TARGETS[HOST]
    header = str(Path(__file__).with_name("tiles.h"))
    flags = (*target.isas["avx512"], "-mavx512bf16", "-include", header)
    isas = {"scalar": (), "avx512": flags}
    empty = dict.fromkeys(set(target.isas) - set(isas), ())
    build.TARGETS[HOST] = replace(target, isas=isas | empty)
    return build.build(HOST, folder)


def main() -> int:
    folder, *given = sys.argv[1:]
    if "avx512_bf16" not in Path("/proc/cpuinfo").read_text():
        print("skipped: this machine has no AVX-512 with bfloat16")
        return 0
    library = made(Path(folder).resolve())
    environment = os.environ | {
        "ABI_TEST_NATIVE": str(library), "ABI_NATIVE_LIBRARY": str(library),
        "ABI_REQUIRE": "native",
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", *given]
    return subprocess.run(command, cwd=ROOT, env=environment).returncode


if __name__ == "__main__":
    sys.exit(main())
