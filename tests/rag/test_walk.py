"""Trees: what is found, what is left out, and links that lead in circles."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from abi.rag._walk import walk


def tree(root: Path, *names: str) -> None:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("text")


def found(root: Path, problems: list[tuple[str, str]] | None = None) -> list[str]:
    told: list[tuple[str, str]] = [] if problems is None else problems
    return [file.name for file in walk(root, {".md", ".txt"}, lambda n, r: told.append((n, r)))]


def test_files_come_in_the_order_of_their_names(tmp_path: Path) -> None:
    tree(tmp_path, "b.md", "a/z.txt", "a/B.MD", "c.exe", "a.txt")
    assert found(tmp_path) == ["a/B.MD", "a/z.txt", "a.txt", "b.md"]
    (file,) = (f for f in walk(tmp_path, {".md"}, print) if f.name == "b.md")
    assert (file.path, file.size) == (tmp_path / "b.md", 4)
    assert file.mtime == (tmp_path / "b.md").stat().st_mtime_ns


def test_what_nobody_wants_is_left_out(tmp_path: Path) -> None:
    tree(
        tmp_path, "a.md", ".git/b.md", ".hidden.md", "node_modules/c.md", "env/pyvenv.cfg",
        "env/lib/d.md", "x/__pycache__/e.md", "out/f.md", "x/skip.md", "x/keep.md",
    )  # fmt: skip
    (tmp_path / ".gitignore").write_text("/out\n")
    (tmp_path / "x" / ".abiignore").write_text("skip.*\n")
    assert found(tmp_path) == ["a.md", "x/keep.md"]


def test_patterns_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    tree(tmp_path, "a.md", "b.md")
    (tmp_path / ".gitignore").write_bytes(b"\xef\xbb\xbfa.*\n")
    assert found(tmp_path) == ["b.md"]


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_links_are_followed_once(tmp_path: Path) -> None:
    tree(tmp_path / "in", "a.md", "sub/b.md")
    tree(tmp_path / "out", "c.md")
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "sub" / "up").symlink_to("..")
    (tmp_path / "in" / "other").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "zz").symlink_to(tmp_path / "out")
    (tmp_path / "in" / "self.md").symlink_to("self.md")
    (tmp_path / "in" / "gone.md").symlink_to("nowhere")
    problems: list[tuple[str, str]] = []
    assert found(tmp_path / "in", problems) == ["a.md", "other/c.md", "sub/b.md"]
    assert {name for name, _ in problems} <= {"self.md", "gone.md"}


@pytest.mark.skipif(os.name == "nt", reason="no pipes there")
def test_pipes_are_no_documents(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.md")
    tree(tmp_path, "b.md")
    assert found(tmp_path) == ["b.md"]


@pytest.mark.skipif(os.name == "nt", reason="names are text there")
def test_names_that_are_no_text_are_told(tmp_path: Path) -> None:
    try:
        Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.md")).write_text("text")
    except OSError:
        pytest.skip("this file system has no such names")
    tree(tmp_path, "b.md")
    problems: list[tuple[str, str]] = []
    assert found(tmp_path, problems) == ["b.md"]
    assert problems == [("'\\udcff.md'", "its name is no text")]


def test_a_folder_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    problems: list[tuple[str, str]] = []
    assert found(tmp_path / "nowhere", problems) == []
    assert problems == [(".", "No such file or directory")]


def test_a_folder_is_walked_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/b/x.md", "a/b/c/y.md", "a/bb/no.md", "other/z.md", "top.md"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("words")
    (tmp_path / "a" / ".gitignore").write_text("y.md")
    seen: list[str] = []
    scan = os.scandir
    monkeypatch.setattr(os, "scandir", lambda path: seen.append(Path(path).name) or scan(path))
    found = [file.name for file in walk(tmp_path, {".md"}, _no_problem, "a/b")]
    assert found == ["a/b/x.md"]
    assert seen == [tmp_path.name, "a", "b", "c"]


def _no_problem(name: str, reason: str) -> None:
    raise AssertionError(f"{name}: {reason}")
