"""Scripts in Pyodide under Node."""

from __future__ import annotations

import json
import shutil
import subprocess
import zipfile
from pathlib import Path
from typing import Any

import jinja2
import markupsafe

from tests.require import require

__all__ = ["in_pyodide"]

ROOT = Path(__file__).parents[2]
NUMPY = ROOT.parent / "shared" / "pyodide" / (
    "numpy-2.4.6-cp314-cp314-pyemscripten_2026_0_wasm32.whl"
)  # fmt: skip
SHIPPED = (".py", ".gguf", ".bin")
PAGES = ("explanation", "how-to", "tutorials")


def in_pyodide(script: Path, mount: Path, timeout: float = 300, *flags: str) -> Any:
    """What a script gives as JSON by its last value, with abi and `mount` as `/mnt`.

    `flags` are Node's.
    """
    require("pyodide", NUMPY.exists(), f"{NUMPY} is not there")
    folder = _with_node_modules()
    wheel = mount / "sources.whl"
    _pack(wheel)
    command = ["node", *flags, "boot.mjs", "--wheel", str(NUMPY), "--wheel", str(wheel)]
    done = subprocess.run(
        [*command, "--mount", str(mount), str(script)],
        cwd=folder, capture_output=True, text=True, timeout=timeout, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    return json.loads(done.stdout.strip().splitlines()[-1])


def _with_node_modules() -> Path:
    """The folder of `boot.mjs`, with what it needs."""
    node, npm = shutil.which("node"), shutil.which("npm")
    require("node", node is not None and npm is not None, "Node.js and npm are not installed")
    folder = ROOT / "wasm"
    if not (folder / "node_modules" / "pyodide").exists():
        command = ["npm", "ci", "--no-audit", "--no-fund"]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        require("node", done.returncode == 0, f"npm ci failed: {done.stderr.strip()[-200:]}")
    return folder


def _pack(wheel: Path) -> None:
    """The sources as a wheel would unpack, with what the scripts need of the tests."""
    folders = {"abi": ROOT, "abi_accel": ROOT / "accel"}
    folders |= {"tests/wasm": ROOT, "tests/documents": ROOT}
    # Pyodide's own builds of these are not at hand; both run without their compiled parts.
    for module in (jinja2, markupsafe):
        package = Path(module.__file__ or "").parent
        folders[package.name] = package.parent
    with zipfile.ZipFile(wheel, "w") as archive:
        for folder, base in folders.items():
            for path in sorted((base / folder).rglob("*")):
                if path.suffix in SHIPPED:
                    archive.write(path, path.relative_to(base))
        for pages in PAGES:
            for path in sorted((ROOT / "docs" / pages).glob("*.md")):
                archive.write(path, f"abi/data/docs/{pages}/{path.name}")
        archive.writestr("tests/__init__.py", "")
