"""`abi index`, `search`, `ask` and `demo` as a person uses them."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import abi
from abi.cli import main

GUIDE = """# Kettles

## Descale

Descale a kettle with vinegar. Wait for one hour, then rinse it.

## Fill

Fill it with cold water.
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("ABI_LIBRARY", str(tmp_path / "library"))
    (tmp_path / "docs" / "sub").mkdir(parents=True)
    (tmp_path / "docs" / "guide.md").write_text(GUIDE)
    (tmp_path / "docs" / "sub" / "note.txt").write_text("The teapot is in the cupboard.")
    return tmp_path


def out(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def err(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(list(arguments)) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err.rstrip("\n").partition(": error: ")[2]


def parsed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(out(capsys, *arguments, "--json"))


def test_documents_are_indexed_and_asked(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    text = out(capsys, "index", "docs")
    assert re.fullmatch(r"docs: 2 new; [23] passages in \d+\.\d s\n", text)
    assert out(capsys, "index", "docs").startswith("docs: 2 unchanged; 0 passages in ")
    assert out(capsys, "index") == f"{folder.as_posix()}/docs/: 2 files\n"
    lines = out(capsys, "ask", "How do I descale a kettle?").splitlines()
    assert lines[0] == '"Descale a kettle with vinegar." [1]'
    assert f"[1] docs{os.sep}guide.md:5  Kettles" in "\n".join(lines)
    assert "teapot is in the cupboard" in out(capsys, "search", "where is the teapot", "-k", "1")
    assert out(capsys, "ask", "Who won the championship in Paris?").startswith("nothing found")
    assert out(capsys, "search", "zebra", "--mode", "text") == "nothing found\n"


def test_json_has_passages_scores_and_timing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    added = parsed(capsys, "index", "docs")
    assert (added["new"], added["skipped"]) == (2, [])
    found = parsed(capsys, "search", "descale the kettle")
    assert found["passages"][0]["path"].endswith("docs/guide.md")
    assert found["passages"][0]["score"] > 0
    assert set(found["seconds"]) == {"open", "search"}
    answer = parsed(capsys, "ask", "descale the kettle")
    quote = answer["quotes"][0]
    assert (quote["source"], quote["line"]) == (1, 5)
    assert quote["place"].endswith("docs/guide.md:5")
    assert answer["answer"] is None
    assert set(answer["seconds"]) == {"open", "search", "answer"}


def test_a_model_writes_the_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out(capsys, "index", "docs")
    tiny = str(Path(abi.__path__[0]) / "data" / "tiny.gguf")
    arguments = ["ask", "descale", "-m", tiny, "-n", "4", "-c", "512"]
    found = parsed(capsys, *arguments)
    assert isinstance(found["answer"], str)
    assert found["passages"][0]["path"].endswith("guide.md")
    text = out(capsys, *arguments)
    assert text.startswith(found["answer"])
    assert f"[1] docs{os.sep}guide.md:" in text


def test_damage_names_what_is_damaged(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out(capsys, "index", "docs")
    (folder / "bad.gguf").write_bytes(b"GGUF" + bytes(40))
    told = err(capsys, "ask", "descale", "-m", "bad.gguf")
    assert told.startswith("bad.gguf")
    assert "abi db check" not in told
    (segment,) = (folder / "library").glob("*-segment")
    data = bytearray(segment.read_bytes())
    at = data.index(b"Descale a kettle")
    data[at] ^= 1
    segment.write_bytes(data)
    told = err(capsys, "ask", "descale")
    assert "text/data: damaged: checksum" in told
    assert told.endswith(
        "--repair mends what follows from the rest; else delete it and index again"
    )


def test_what_is_gone_is_forgotten(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out(capsys, "index", "docs")
    (folder / "docs" / "guide.md").unlink()
    assert "1 removed" in out(capsys, "index", "docs")
    assert out(capsys, "search", "descale", "--mode", "text") == "nothing found\n"
    assert out(capsys, "index", "--remove", "docs") == "docs: 1 file forgotten\n"
    assert out(capsys, "index") == ""


def test_a_file_that_cannot_be_read_is_said(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "docs" / "bad.txt").write_bytes(b"\0\1\2" * 100)
    assert main(["index", "docs"]) == 0
    captured = capsys.readouterr()
    assert captured.out.startswith("docs: 2 new, 1 skipped; ")
    assert "skipped bad.txt: " in captured.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["search", "a"], "library: nothing was indexed yet; begin with: abi index FOLDER"),
        (["ask", "a"], "library: nothing was indexed yet; begin with: abi index FOLDER"),
        (["index"], "library: nothing was indexed yet; begin with: abi index FOLDER"),
        (["index", "nowhere"], "nowhere: no such file or folder"),
        (["index", "--watch"], "name the folders"),
        (["index", ""], "the path is empty; name a folder or a file"),
        (["index", "--watch", "docs", "--every", "inf"], "--every inf: expected 0.1 to 86400"),
        (["index", "--remove", "typo"], "typo: not in the library; there are: none"),
        (["index", "--remove", "--watch", "docs"], "--watch and --remove exclude each other"),
    ],
)
def test_mistakes(
    folder: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert message in err(capsys, *arguments)


def test_questions_that_are_empty(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out(capsys, "index", "docs")
    assert "the question is empty" in err(capsys, "ask", " ")
    assert "no collection 'other'" in err(capsys, "ask", "a", "--collection", "other")


def test_the_demo_answers_from_its_own_documentation(capsys: pytest.CaptureFixture[str]) -> None:
    text = out(capsys, "demo")
    assert text.startswith("Read abi's own documentation: ")
    assert text.count("\n> ") == 3
    assert text.count("  [1] ") == 3
    assert "abi index FOLDER" in text
    found = parsed(capsys, "demo", "How do I make a backup of a database?")
    (answer,) = found["answers"]
    assert any("backup" in quote["text"].lower() for quote in answer["quotes"])
    assert answer["passages"][0]["path"].endswith(".md")


def environment() -> dict[str, str]:
    root = Path(abi.__path__[0]).parent
    return {**os.environ, "PYTHONPATH": str(root)}


def pages(folder: Path, n: int) -> None:
    for i in range(n):
        text = "\n\n".join(f"## Part {j}\n\nPage {i} says {j} {'words ' * 40}." for j in range(6))
        path = folder / "docs" / f"page{i:03}.md"
        path.write_text(text)
    for path in (folder / "docs").rglob("*.*"):
        os.utime(path, (1_600_000_000, 1_600_000_000))


def contents(library: Path) -> list[Any]:
    with abi.open(library, "r") as db:
        points = db["documents"].points(with_vectors=True)
        return sorted(
            (str(p.id), p.payload, p.text, [v.tolist() for v in (p.vectors or {}).values()])
            for p in points
        )


@pytest.mark.skipif(os.name == "nt", reason="kills by signal")
@pytest.mark.parametrize("delay", [0.05, 0.2, 0.4])
def test_a_killed_run_is_gone_on_with(folder: Path, delay: float) -> None:
    pages(folder, 150)
    command = [sys.executable, "-m", "abi", "index", "docs"]
    whole = {**environment(), "ABI_LIBRARY": str(folder / "whole")}
    subprocess.run(command, env=whole, check=True, capture_output=True)
    killed = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE)
    until = time.monotonic() + 20
    while not (folder / "library").is_dir() and time.monotonic() < until:
        time.sleep(0.005)
    time.sleep(delay)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    subprocess.run(command, env=environment(), check=True, capture_output=True)
    ours, theirs = contents(folder / "library"), contents(folder / "whole")
    assert len(ours) > 300
    assert ours == theirs


@pytest.mark.skipif(os.name == "nt", reason="ends by signal")
def test_watching_reads_what_changes(folder: Path) -> None:
    command = [sys.executable, "-m", "abi", "index", "docs", "--watch", "--every", "0.1"]
    watching = subprocess.Popen(command, env=environment(), stdout=subprocess.PIPE, text=True)
    assert watching.stdout is not None
    try:
        assert watching.stdout.readline().startswith("docs: 2 new")
        (folder / "docs" / "later.md").write_text("Later.")
        assert watching.stdout.readline().startswith("docs: 1 new, 2 unchanged")
    finally:
        watching.send_signal(signal.SIGINT)
        watching.communicate(timeout=20)
    assert watching.returncode in (130, -signal.SIGINT)
