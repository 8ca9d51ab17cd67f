"""Budgets: import time, what importing pulls in, and what the wheel weighs."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import abi

ROOT = Path(abi.__file__).parents[1]
CODE = """
import time
start = time.perf_counter()
import numpy
middle = time.perf_counter()
import abi
{more}
print(1e3 * (time.perf_counter() - middle))
"""


def milliseconds(folder: Path, more: str = "") -> float:
    """Median of five fresh interpreters, beyond `import numpy`.

    With the bytecode that an installation has: a first run writes it.
    """
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    runs = []
    for _ in range(6):
        done = subprocess.run(
            [sys.executable, "-c", CODE.format(more=more)],
            capture_output=True, text=True, check=True, cwd=ROOT, timeout=60,
            env=environment | {"PYTHONPYCACHEPREFIX": str(folder)},
        )  # fmt: skip
        runs.append(float(done.stdout))
    return statistics.median(runs[1:])


def test_import_abi_takes_at_most_60_ms_over_numpy(tmp_path: Path) -> None:
    assert milliseconds(tmp_path) <= 60


def test_everything_that_load_needs_imports_in_150_ms(tmp_path: Path) -> None:
    assert milliseconds(tmp_path, "abi.load") <= 150


def test_importing_the_command_line_does_not_import_numpy() -> None:
    code = "import sys, abi.cli; print(sorted({'numpy', 'jinja2', 'tqdm'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.strip() == "[]"


def test_core_dependencies_are_three() -> None:
    if not (ROOT / "pyproject.toml").exists():
        pytest.skip("abi is installed, not a checkout")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    names = [line.split(">")[0] for line in project["dependencies"]]
    assert names == ["numpy", "jinja2", "tqdm"]


def test_what_the_wheel_holds_is_under_4_mb() -> None:
    sizes = [p.stat().st_size for p in (ROOT / "abi").rglob("*") if "__pycache__" not in p.parts]
    assert sum(sizes) < 4_000_000


def test_the_tiny_model_is_under_600_kb() -> None:
    assert (ROOT / "abi" / "data" / "tiny.gguf").stat().st_size < 600_000
