"""Patterns of ignore files, beside what git says of the same names."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from abi.rag._ignore import Ignore

NAMES = [
    "a.log", "keep.log", "x/a.log", "x/keep.log", "build", "build/a", "x/build/a", "top", "x/top",
    "doc/a.txt", "doc/x/a.txt", "doc/x/y/a.txt", "foo/bar/baz", "x/foo/bar/baz", "a#b", "#c", "!d",
    "sp ace", "tail ", "ab", "a-b", "a]b", "a/b/c/d", "deep/er/er/x.tmp", "é.txt", "[x]",
]  # fmt: skip
PATTERNS = [
    ["*.log", "!keep.log"], ["build/"], ["/top"], ["doc/*.txt"], ["doc/**/a.txt"], ["**/bar"],
    ["foo/**"], ["a/**/d"], ["\\#c", "# no pattern", ""], ["\\!d"], ["tail\\ "], ["sp ace   "],
    ["a[b-z]"], ["a[!b]b"], ["a[]-]b"], ["?b"], ["*", "!*/", "!*.txt"], ["x/*", "!x/top"],
    ["**"], ["*/b"], ["deep/**/*.tmp"], ["\\[x\\]"], ["["], ["a*b"], ["/*.log"], ["é*"],
    ["a[z-a]b", "ab"],
]  # fmt: skip


def ours(rules: Ignore, name: str) -> bool:
    """As a walk sees it: what is in a folder that is left out is not come to."""
    parts = name.split("/")
    folders = ("/".join(parts[:i]) for i in range(1, len(parts)))
    return any(rules.ignores(folder, True) for folder in folders) or rules.ignores(name, False)


@pytest.mark.skipif(shutil.which("git") is None, reason="git is not installed: apt install git")
@pytest.mark.parametrize("patterns", PATTERNS, ids=" ".join)
def test_it_ignores_what_git_ignores(tmp_path: Path, patterns: list[str]) -> None:
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    (tmp_path / ".gitignore").write_text("\n".join(patterns), encoding="utf-8")
    names = [name for name in NAMES if name not in ("build", "#c/")]
    asked = "\0".join(names).encode()
    command = ["git", "-C", str(tmp_path), "check-ignore", "--no-index", "-z", "--stdin"]
    told = subprocess.run(command, input=asked, capture_output=True, check=False).stdout
    git = {name for name in told.decode().split("\0") if name}
    rules = Ignore().within("", patterns)
    assert {name for name in names if ours(rules, name)} == git


def test_deeper_files_decide_after_outer_ones() -> None:
    outer = Ignore().within("", ["*.txt", "tmp"])
    inner = outer.within("x/", ["!a.txt", "/b.md"])
    assert not inner.ignores("x/a.txt", False)
    assert inner.ignores("x/c.txt", False)
    assert inner.ignores("x/b.md", False)
    assert not inner.ignores("x/y/b.md", False)
    assert inner.ignores("x/y/tmp", True)
    assert outer.within("y/", ["", "# nothing"]) is outer
