"""The core and the WASM kernels in Pyodide under Node, against the same run here."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import jinja2
import markupsafe
import pytest

from abi.kernels import select
from tests.oracle.cases import requantize, stories_path
from tests.require import require
from tests.wasm.shared import features, fixed_product, story

ROOT = Path(__file__).parents[2]
NUMPY = ROOT.parent / "shared" / "pyodide" / (
    "numpy-2.4.6-cp314-cp314-pyemscripten_2026_0_wasm32.whl"
)  # fmt: skip


@pytest.fixture(scope="module")
def node_modules() -> Path:
    node, npm = shutil.which("node"), shutil.which("npm")
    require("node", node is not None and npm is not None, "Node.js and npm are not installed")
    folder = ROOT / "wasm" / "node_modules"
    if not (folder / "pyodide").exists():
        command = ["npm", "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(
            command, cwd=folder.parent, capture_output=True, text=True, check=False
        )
        require("node", done.returncode == 0, f"npm ci failed: {done.stderr.strip()[-200:]}")
    return folder


@pytest.fixture(scope="module")
def model_path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    require("models", stories_path().exists(), f"{stories_path()} is not there")
    path = tmp_path_factory.mktemp("model") / "model.gguf"
    requantize(stories_path(), path, "Q8_0")
    return path


@pytest.fixture(scope="module")
def report(
    node_modules: Path,
    model_path: Path,
    wasm_library: Path,
    tmp_path_factory: pytest.TempPathFactory,
) -> dict[str, Any]:
    """What `in_pyodide.py` found."""
    require("pyodide", NUMPY.exists(), f"{NUMPY} is not there")
    mount = tmp_path_factory.mktemp("mnt")
    shutil.copy(model_path, mount / "model.gguf")
    shutil.copy(wasm_library, mount / "abi_accel.so")
    wheel = mount / "sources.whl"
    _pack(wheel)
    script = Path(__file__).with_name("in_pyodide.py")
    command = ["node", "boot.mjs", "--wheel", str(NUMPY), "--wheel", str(wheel)]
    done = subprocess.run(
        [*command, "--mount", str(mount), str(script)],
        cwd=node_modules.parent, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    result: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return result


def test_native_kernels_load_in_pyodide(report: dict[str, Any]) -> None:
    assert report["candidates"] == {"native": None, "numpy": None}


@pytest.mark.parametrize("name", ["numpy", "native"])
def test_conformance_in_pyodide(report: dict[str, Any], name: str) -> None:
    assert report[name]["checks"] > 500
    assert report[name]["failed"] == []


def test_q8_0_product_has_the_same_bits(report: dict[str, Any], native_library: Path) -> None:
    assert report["native"]["product"] == fixed_product(select("native"))


@pytest.mark.parametrize("name", ["numpy", "native"])
def test_64_tokens_equal_the_native_run(
    report: dict[str, Any], model_path: Path, native_library: Path, name: str
) -> None:
    assert report[name]["tokens"] == story(str(model_path), name)
    assert len(report[name]["tokens"]) == 64


def test_the_tiny_model_generates_in_pyodide(report: dict[str, Any]) -> None:
    assert report["numpy"]["tiny"].strip()


def test_everything_else_gives_the_same_in_pyodide(report: dict[str, Any]) -> None:
    assert report["features"] == features()


def _pack(wheel: Path) -> None:
    """The sources as a wheel would unpack, with what the script needs of the tests."""
    folders = {"abi": ROOT, "abi_accel": ROOT / "accel", "tests/wasm": ROOT}
    # Pyodide's own builds of these are not at hand; both run without their compiled parts.
    for module in (jinja2, markupsafe):
        folder = Path(module.__file__ or "").parent
        folders[folder.name] = folder.parent
    with zipfile.ZipFile(wheel, "w") as archive:
        for folder, base in folders.items():
            for path in sorted((base / folder).rglob("*")):
                if path.suffix in (".py", ".gguf"):
                    archive.write(path, path.relative_to(base))
        archive.writestr("tests/__init__.py", "")
