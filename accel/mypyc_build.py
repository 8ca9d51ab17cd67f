"""Build hook: with `ABI_MYPYC=1` the hot pure modules are compiled by mypyc into the wheel.

It needs a C compiler, and the wheel is of one Python and one platform. Without the variable the
wheel is pure, and nothing here does anything.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

# Where mypyc was seen to pay: merges of tokenisers, masks of grammars.
MODULES = (
    "tokenizer/_merge", "tokenizer/_bpe", "tokenizer/_spm", "tokenizer/_wordpiece",
    "tokenizer/_unigram", "grammar/_dfa", "grammar/_machine", "grammar/_masks",
    "grammar/_matcher",
)  # fmt: skip
NEEDS = ["mypy>=1.15", "setuptools>=69", "numpy>=2.0", "jinja2"]
_MOST_SAID = 4000  # characters of what mypyc says is wrong


class CompileHook(BuildHookInterface[Any]):
    """Compiles before a wheel is made."""

    _folder: Path | None = None  # of what is compiled, until the wheel has it

    def dependencies(self) -> list[str]:
        """What the build needs beside its own requirements."""
        return NEEDS if _asked() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if not _asked() or self.target_name != "wheel" or version == "editable":
            return
        folder = self._folder = Path(tempfile.mkdtemp(prefix="abi-mypyc-"))
        shutil.copytree(Path(self.root) / "abi", folder / "abi")
        files = [f"abi/{name}.py" for name in MODULES]
        command = [sys.executable, "-m", "mypyc", "--ignore-missing-imports", *files]
        done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
        if done.returncode:
            said = (done.stdout + done.stderr)[-_MOST_SAID:]
            raise RuntimeError(f"ABI_MYPYC=1: mypyc failed; a C compiler is needed\n{said}")
        for path in (
            *folder.glob("*__mypyc.*"),
            *folder.glob("abi/*/*.so"),
            *folder.glob("abi/*/*.pyd"),
        ):
            build_data["force_include"][str(path)] = path.relative_to(folder).as_posix()
        build_data["pure_python"] = False
        build_data["infer_tag"] = True

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if self._folder is not None:
            shutil.rmtree(self._folder)


def _asked() -> bool:
    value = os.environ.get("ABI_MYPYC", "0")
    if value not in ("0", "1", ""):
        raise RuntimeError(f"ABI_MYPYC={value}: expected 1 or 0")
    return value == "1"
