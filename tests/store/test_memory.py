"""Memory: an opened collection that nobody asked anything takes almost none."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from abi.store import open

CODE = """
import sys
from abi.store import open

def resident():
    with __builtins__.open("/proc/self/status") as lines:
        return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) * 1024

before = resident()
db = open(sys.argv[1])
assert len(db["a"]) == 20_000
print(resident() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's /proc")
def test_an_opened_collection_takes_less_than_a_tenth_of_its_files(tmp_path: Path) -> None:
    with open(tmp_path / "db") as db:
        notes = db.create_collection("a", dim=256)
        vectors = np.random.default_rng(0).normal(size=(20_000, 256)).astype(np.float32)
        payloads = [{"n": i, "tag": f"t{i % 7}"} for i in range(20_000)]
        notes.upsert([f"id-{i}" for i in range(20_000)], vectors, payloads)
    size = sum(path.stat().st_size for path in (tmp_path / "db").iterdir())
    assert size > 20_000_000
    done = subprocess.run(
        [sys.executable, "-c", CODE, str(tmp_path / "db")],
        capture_output=True, text=True, check=True, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert int(done.stdout) < size / 10
