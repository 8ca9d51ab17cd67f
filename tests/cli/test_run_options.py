"""`abi run` with drafts, shifted contexts, kept prompts, adapters and control vectors."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

import abi
from abi.cli import main
from tests.oracle.architectures import write_case
from tests.oracle.overlays import CONTROL, LORA, write_control, write_lora

BASE = ("run", "-p", "Once upon a time", "--temp", "0", "--json", "--kernels", "numpy")


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    assert main([*BASE, *arguments]) == 0
    return json.loads(capsys.readouterr().out)


def test_drafts_change_nothing_but_the_passes(capsys: pytest.CaptureFixture[str]) -> None:
    from abi.generate import model_path

    plain = run(capsys, "-n", "30")
    for options in (("--lookup",), ("-md", str(model_path()), "--draft-max", "3")):
        drafted = run(capsys, "-n", "30", *options)
        assert drafted["tokens"] == plain["tokens"]
    assert drafted["draft_accepted"] > 15


def test_a_kept_prompt_is_reused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    cache = str(tmp_path / "prompt.gguf")
    first = run(capsys, "-n", "8", "--prompt-cache", cache)
    again = run(capsys, "-n", "8", "--prompt-cache", cache)
    assert first["reused_tokens"] == 0
    assert again["reused_tokens"] == len(again["prompt_tokens"]) - 1
    assert again["tokens"] == first["tokens"]
    assert main([*BASE, "--prompt-cache", str(tmp_path / "no" / "p.gguf")]) == 2
    assert "name another file" in capsys.readouterr().err
    (tmp_path / "broken").write_bytes(b"GGUF")
    assert main([*BASE, "--prompt-cache", str(tmp_path / "broken")]) == 2


def test_a_full_context_is_shifted_when_asked(capsys: pytest.CaptureFixture[str]) -> None:
    report = run(capsys, "-n", "60", "--ctx", "32", "--context-shift", "--keep", "4")
    assert len(report["tokens"]) == 60
    assert report["finish_reason"] == "length"


def test_adapters_and_control_vectors_are_applied(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for case, write, option in (
        (LORA, write_lora, "--lora"),
        (CONTROL, write_control, "--control-vector"),
    ):
        model, overlay = str(tmp_path / "model.gguf"), tmp_path / "overlay.gguf"
        write_case(model, case)
        write(overlay)
        plain = run(capsys, "-m", model, "-n", "12")
        changed = run(capsys, "-m", model, "-n", "12", option, str(overlay))
        none = run(capsys, "-m", model, "-n", "12", option, f"{overlay}:0")
        assert changed["tokens"] != plain["tokens"]
        assert none["tokens"] == plain["tokens"]
        assert main([*BASE, "-m", model, option, model]) == 2
    layers = ("--control-vector-layer-range", "1", "99")
    assert main([*BASE, "-m", model, option, str(overlay), *layers]) == 2
    assert "expected (first, last) within 0 to 4" in capsys.readouterr().err
    for options, words in (
        (layers, "is for --control-vector, which is missing"),
        (("--choices", "2", "--prompt-cache", "x"), "--prompt-cache keeps one text"),
    ):
        assert main([*BASE, *options]) == 2
        assert words in capsys.readouterr().err


@pytest.mark.parametrize("flags", [[], ["--swa-full"]])
def test_windows_are_kept_as_asked(monkeypatch: pytest.MonkeyPatch, flags: list[str]) -> None:
    seen: dict[str, Any] = {}
    model = abi.load()

    def load(source: Any, **options: Any) -> abi.Model:
        seen.update(options)
        return model

    monkeypatch.setattr("abi.generate.load", load)
    assert main(["run", "-n", "1", *flags]) == 0
    assert seen["swa_full"] is bool(flags)
