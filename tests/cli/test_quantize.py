"""`abi quantize` as a person uses it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abi.cli import main
from abi.cli._main import make_parser
from abi.convert import MIXES
from abi.gguf import read, write
from abi.quant import Tensor
from tests.synthetic import LlamaShape, write_llama


@pytest.fixture
def source(tmp_path: Path) -> str:
    path = tmp_path / "in.gguf"
    write_llama(path, LlamaShape(n_embd=256, n_ff=288, n_layer=1))
    return str(path)


def types(path: Path) -> dict[str, str]:
    return {t.name: t.type.name for t in read(path).tensors.values()}


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(("quantize", *arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    return captured.err


def test_it_writes_the_file_and_says_what_it_did(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.gguf"
    assert main(["quantize", source, str(out), "q4_k_m"]) == 0
    # 500,480 weights: Q6_K 320 x 256 and 128 x 256; Q4_K 128 + 2 x 256 + 2 x 288 rows of 256;
    # Q8_0 256 x 288; F32 3 x 256.
    after = 448 * 210 + 1216 * 144 + 256 * 9 * 34 + 3 * 256 * 4
    assert after == 350_592
    assert capsys.readouterr().out == (
        "1 tensor with rows of 288, which Q6_K cannot hold: Q8_0\n"
        "Q4_K_M: 2,001,920 -> 350,592 bytes of tensors, 5.60 bits per weight, "
        "5.71 times smaller\n"
    )
    assert types(out)["blk.0.attn_q.weight"] == "Q4_K"


def test_options_reach_the_plan(source: str, tmp_path: Path) -> None:
    out = tmp_path / "out.gguf"
    options = [
        "--token-embedding-type", "q8_0", "--tensor-type", r"attn_[qk]=q5_k",
        "--tensor-type", "ffn_up=F16", "--pure",
    ]  # fmt: skip
    assert main(["quantize", source, str(out), "Q4_0", *options]) == 0
    found = types(out)
    assert {found[f"blk.0.attn_{x}.weight"] for x in "qk"} == {"Q5_K"}
    assert found["token_embd.weight"] == "Q8_0"
    assert (found["blk.0.ffn_up.weight"], found["blk.0.attn_v.weight"]) == ("F16", "Q4_0")


def test_a_dry_run_prints_every_tensor_and_writes_nothing(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["quantize", source, "--dry-run", "Q8_0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(read(source).tensors) + 1
    assert lines[1].split() == ["token_embd.weight", "F32", "->", "Q8_0", "87,040"]
    assert [p.name for p in tmp_path.iterdir()] == ["in.gguf"]


def test_names_cannot_command_the_terminal(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "in.gguf", {}, [Tensor.from_array("\x1b[2J.weight", np.ones((2, 32)))])
    assert main(["quantize", str(tmp_path / "in.gguf"), "Q8_0", "--dry-run"]) == 0
    assert r"'\x1b[2J.weight'" in capsys.readouterr().out


def test_json_has_the_plan(source: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["quantize", source, "Q6_K", "--dry-run", "--json"]) == 0
    report: Any = json.loads(capsys.readouterr().out)
    assert (report["mix"], report["file_type"]) == ("Q6_K", 18)
    assert report["n_bytes"] == sum(t["n_bytes"] for t in report["tensors"])
    down = next(t for t in report["tensors"] if t["name"] == "blk.0.ffn_down.weight")
    assert down == {
        "name": "blk.0.ffn_down.weight", "shape": [256, 288], "from": "F32", "to": "Q8_0",
        "wanted": "Q6_K", "n_bytes": 256 * 9 * 34,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["Q8_0"], "name the file to write"),
        (["out.gguf", "Q9"], "unknown mix 'Q9'"),
        (["out.gguf", "IQ1_S"], "IQ1_S needs an importance matrix"),
        (["out.gguf", "Q8_0", "--tensor-type", "x"], "expected NAME=TYPE"),
    ],
)
def test_mistakes_are_one_line(
    source: str, arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert words in failure(capsys, source, *arguments)


def test_an_existing_file_is_kept_without_force(
    source: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.gguf"
    out.write_bytes(b"precious")
    assert "out.gguf exists" in failure(capsys, source, str(out), "Q8_0")
    assert out.read_bytes() == b"precious"
    assert main(["quantize", source, str(out), "Q8_0", "--force"]) == 0
    assert read(out).tensors


def test_a_file_that_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert "none.gguf: No such file" in failure(capsys, "none.gguf", "out.gguf", "Q8_0")


def test_help_lists_every_mix() -> None:
    verbs: Any = next(a for a in make_parser()._actions if a.dest == "verb")
    words = verbs.choices["quantize"].format_help().replace(",", " ").replace(".", " ").split()
    assert set(MIXES) <= set(words)
