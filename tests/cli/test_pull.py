"""`abi pull` and `abi cache` as a person uses them; the server is in `tests.hub`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from abi.cli import main
from abi.hub import resolve
from tests.hub.conftest import cache, gguf, hub, naps
from tests.hub.server import Fault, Hub

__all__ = ["cache", "gguf", "hub", "naps"]  # fixtures

NAME = "ab/cd-GGUF:Q4_K_M"


def run(capsys: pytest.CaptureFixture[str], *arguments: str, status: int = 0) -> tuple[str, str]:
    assert main(arguments) == status
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_pull_prints_the_path_alone(hub: Hub, capsys: pytest.CaptureFixture[str]) -> None:
    out, err = run(capsys, "pull", NAME)
    assert (out, err) == (f"{resolve(NAME)}\n", "")


def test_pull_as_json(hub: Hub, gguf: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = run(capsys, "pull", "ab/cd-GGUF", "--json")
    assert json.loads(out) == {"name": NAME, "path": str(resolve(NAME)), "n_bytes": len(gguf)}


def test_a_cut_is_told_on_standard_error(
    hub: Hub, gguf: bytes, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.faults = [Fault(cut=100_000)]
    out, err = run(capsys, "pull", NAME)
    assert out == f"{resolve(NAME)}\n"
    assert err == (
        "abi pull: cd-Q4_K_M.gguf: the connection was cut at 100000 of "
        f"{len(gguf)} bytes; trying again in 1 s\n"
    )


def test_cache_ls_and_rm(
    hub: Hub, gguf: bytes, cache: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "cache", "ls") == (f"0 models, 0 B in {cache}\n", "")
    hub.faults = [Fault(), Fault(cut=1000)]
    main(["pull", NAME])
    main(["pull", "ab/cd-GGUF:BF16", "--tries", "1"])
    capsys.readouterr()
    lines = run(capsys, "cache", "ls")[0].splitlines()
    assert lines[0].startswith("ab/cd-GGUF:BF16      1.0 kB  20")
    assert lines[0].endswith("  partial, of 338 kB")
    assert lines[1].startswith("ab/cd-GGUF:Q4_K_M    338 kB  20")
    assert lines[2] == f"2 models, 339 kB in {cache}"
    report = json.loads(run(capsys, "cache", "ls", "--json")[0])
    assert report["folder"] == str(cache)
    assert [(m["name"], m["complete"]) for m in report["models"]] == [
        ("ab/cd-GGUF:BF16", False),
        (NAME, True),
    ]
    out, _ = run(capsys, "cache", "rm", "ab/cd-GGUF:BF16", NAME)
    assert out == f"ab/cd-GGUF:BF16: 1.0 kB removed\n{NAME}: 338 kB removed\n"
    assert json.loads(run(capsys, "cache", "ls", "--json")[0])["models"] == []


def test_cache_rm_as_json(hub: Hub, gguf: bytes, capsys: pytest.CaptureFixture[str]) -> None:
    main(["pull", NAME])
    capsys.readouterr()
    out, _ = run(capsys, "cache", "rm", NAME, "--json")
    assert json.loads(out) == {"removed": {NAME: len(gguf)}}


def test_other_verbs_take_the_name_of_a_pulled_model(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["pull", NAME])
    hub.log.clear()
    capsys.readouterr()
    assert "general.name = 'random'" in run(capsys, "inspect", NAME)[0]
    assert run(capsys, "tokenize", "-m", "ab/cd-GGUF", "--count", "a")[0].strip().isdecimal()
    assert run(capsys, "run", "-m", NAME, "-n", "2", "--kernels", "numpy")[1] == ""
    assert hub.log == []


MISTAKES = {
    "not pulled": (["run", "-m", NAME], f"{NAME}: no such file; {NAME} is not in the cache; "),
    "no name": (["pull", "nothing"], "model name 'nothing': expected owner/repo"),
    "no such quantisation": (["pull", "ab/cd-GGUF:Q2_K"], "has no Q2_K; it has Q4_K_M (338 kB), "),
    "no such repository": (["pull", "ab/x"], "ab/x: no such repository, or a private one"),
    "no tries": (["pull", NAME, "--tries", "0"], "--tries 0: expected 1 or more"),
    "no time": (
        ["pull", NAME, "--timeout", "nan"],
        "--timeout nan: expected seconds, above 0 and up to 86400",
    ),
    "ls of a name": (["cache", "ls", NAME], "ls takes no name"),
    "rm of nothing": (["cache", "rm"], "rm takes the names of models"),
    "rm of what is not there": (["cache", "rm", NAME], "is not in the cache; abi cache ls lists"),
    "no action": (["cache", "mv"], "argument ls|rm: invalid choice: 'mv'"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_status_2(
    hub: Hub, capsys: pytest.CaptureFixture[str], case: str
) -> None:
    arguments, words = MISTAKES[case]
    out, err = run(capsys, *arguments, status=2)
    assert out == ""
    assert err.count("\n") == 1
    assert words in err


def test_what_a_server_says_cannot_move_the_cursor(
    hub: Hub, capsys: pytest.CaptureFixture[str]
) -> None:
    hub.entries = [
        {"type": "file", "path": f"\x1b[2J{n}-F16.gguf", "size": 1, "oid": "0"} for n in "ab"
    ]
    _, err = run(capsys, "pull", NAME, status=2)
    assert r"\x1b[2Ja-F16.gguf" in err
    assert "\x1b" not in err
