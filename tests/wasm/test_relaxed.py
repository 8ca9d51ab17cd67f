"""The kernels with relaxed SIMD in Pyodide, where Node knows it, against the same run here."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from abi_accel.build import TARGETS, same_wheel

from abi.kernels import select
from tests.oracle.cases import requantize, stories_path
from tests.require import require
from tests.wasm.node import in_pyodide
from tests.wasm.shared import fixed_product, story

FLAG = "--experimental-wasm-relaxed-simd"  # of Node 20; later ones need none
RIGHT = "--no-liftoff"  # Node 20's first compiler takes the wrong factor as signed

CHOSEN = """
import json, shutil
from pathlib import Path
from abi_accel import _library
folder = Path(_library.__file__).parent / "lib"
folder.mkdir()
for name in ("abi_accel.so", "abi_accel_relaxed.wasm"):
    shutil.copy(f"/mnt/{name}", folder)
json.dumps(_library.load().isa)
"""


def test_pyodide_loads_one_library_when_it_installs_the_wheel() -> None:
    """All that end in .so; the other would fail in browsers that do not know it."""
    names = [TARGETS[name].library for name in same_wheel("wasm32")]
    assert [name for name in names if name.endswith(".so")] == ["abi_accel.so"]
    assert len(names) == 2


@pytest.fixture(scope="module")
def mount(
    wasm_library: Path, wasm_relaxed_library: Path, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """Both libraries, and a model whose codes have four bits, which is where they differ."""
    require("models", stories_path().exists(), f"{stories_path()} is not there")
    folder = tmp_path_factory.mktemp("mnt")
    shutil.copy(wasm_library, folder)
    shutil.copy(wasm_relaxed_library, folder)
    requantize(stories_path(), folder / "model.gguf", "Q4_0")
    return folder


@pytest.fixture(scope="module")
def report(mount: Path) -> dict[str, Any]:
    """What `in_relaxed.py` found."""
    node = shutil.which("node")
    require("node", node is not None, "Node.js is not installed")
    script = Path(__file__).with_name("in_relaxed.py")
    found: dict[str, Any] = in_pyodide(script, mount, 300, *known(FLAG, RIGHT))
    return found


def known(*flags: str) -> list[str]:
    """Those that this Node has."""
    options = subprocess.run(["node", "--v8-options"], capture_output=True, text=True).stdout
    return [flag for flag in flags if flag.removeprefix("--no-").removeprefix("--") in options]


def test_it_is_chosen_where_it_is_known(report: dict[str, Any]) -> None:
    assert report["chosen"] == "relaxed"
    assert report["forced"] == "simd128"


def test_conformance(report: dict[str, Any]) -> None:
    assert report["checks"] > 500
    assert report["failed"] == []


def test_results_are_those_without_it(
    report: dict[str, Any], mount: Path, native_library: Path
) -> None:
    """Bytes below 128 make what is relaxed the same on every machine."""
    from abi_accel._library import load

    load().choose(load().isas[0])
    assert report["product"] == fixed_product(select("native"))
    assert report["tokens"] == story(str(mount / "model.gguf"), "native")
    assert len(report["tokens"]) == 64


def test_where_it_multiplies_wrongly_it_is_not_chosen(mount: Path, tmp_path: Path) -> None:
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    if not version.startswith("v20."):
        pytest.skip(f"Node {version.strip()} has no such fault")
    for name in ("abi_accel.so", "abi_accel_relaxed.wasm"):
        shutil.copy(mount / name, tmp_path)
    script = tmp_path / "chosen.py"
    script.write_text(CHOSEN)
    assert in_pyodide(script, tmp_path, 120, *known(FLAG)) == "simd128"
