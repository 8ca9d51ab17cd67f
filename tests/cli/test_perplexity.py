"""`abi perplexity`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import abi
from abi.cli import main
from abi.generate import perplexity
from tests.oracle.cases import DATA

STORIES = str(DATA / "stories.txt")
SMALL = ("--chunk-tokens", "64", "--chunks", "2")


def test_it_prints_what_the_library_finds(capsys: pytest.CaptureFixture[str]) -> None:
    want = perplexity(abi.load(), Path(STORIES).read_bytes(), n_ctx=64, chunks=2)
    assert main(["perplexity", "-f", STORIES, *SMALL]) == 0
    assert capsys.readouterr().out == (
        f"perplexity {want.value:.4f} +/- {want.error:.4f} (62 tokens in 2 chunks of 64)\n"
    )
    assert main(["perplexity", "-f", STORIES, *SMALL, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["value"] == pytest.approx(want.value)


def test_cache_types_are_taken(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["perplexity", "-f", STORIES, *SMALL, "--cache-type-k", "f16"]) == 0
    assert main(["perplexity", "-f", STORIES, *SMALL, "--cache-type-k", "q8_0"]) == 2
    assert "heads of 16 elements are not whole blocks of 32" in capsys.readouterr().err


def test_mistakes_are_a_line(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "short").write_text("too short")
    for name, words in (("none", "No such file"), ("short", "two chunks of 320 need 640")):
        assert main(["perplexity", "-f", str(tmp_path / name)]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1
