"""The README's blocks run, and its session prints what it says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text()
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```", re.M | re.S)


def blocks(language: str) -> list[str]:
    return [body for name, body in BLOCK.findall(README) if name == language]


@pytest.mark.parametrize("code", blocks("python"))
def test_python_blocks_run(code: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABI_KERNELS", "numpy")
    exec(compile(code, "README.md", "exec"), {})


def sessions() -> list[tuple[str, str]]:
    """Commands after "$ " and what they print."""
    found = []
    for body in blocks("console"):
        for part in body.split("$ ")[1:]:
            command, _, printed = part.partition("\n")
            found.append((command, printed))
    return [pair for pair in found if pair[0].startswith("abi ")]


@pytest.mark.parametrize(("command", "printed"), sessions())
def test_sessions_print_what_they_say(command: str, printed: str) -> None:
    words = command.replace("abi ", f"{sys.executable} -m abi ", 1)
    done = subprocess.run(
        ["bash", "-c", words], capture_output=True, text=True, check=True, cwd=ROOT, timeout=60,
        env={**os.environ, "ABI_KERNELS": "numpy"},
    )  # fmt: skip
    pattern = re.escape(printed.strip()).replace(r"\.\.\.", ".*")
    assert re.fullmatch(pattern, done.stdout.strip(), re.S), done.stdout


def test_the_readme_shows_what_it_should() -> None:
    assert len(sessions()) >= 3
    assert len(blocks("python")) >= 1
    assert README.count("\n") <= 250
    for picture in re.findall(r"!\[[^]]*\]\(([^)]+)\)", README):
        assert (ROOT / picture).exists()
