"""The command line as a person uses it: output, errors, exit statuses."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abi
from abi.cli import main
from abi.cli._main import VERBS
from abi.gguf import write
from tests.synthetic import LlamaShape, write_llama

ENV = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "ABI_KERNELS": "numpy"}


def call(*arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "abi", *arguments]
    return subprocess.run(
        command, input=stdin, capture_output=True, env=ENV, check=False, timeout=60
    )


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def parsed(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(output(capsys, *arguments, "--json"))


def test_run_without_a_model_writes_text(capsys: pytest.CaptureFixture[str]) -> None:
    text = output(capsys, "run", "-n", "20", "--temp", "0")
    assert len(text.split()) > 5


def test_run_echoes_the_prompt(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("run", "-p", "Once upon a time", "-n", "8", "--temp", "0")
    text = output(capsys, *arguments)
    assert text.startswith("Once upon a time")
    assert text == "Once upon a time" + output(capsys, *arguments, "--no-echo")


def test_run_equals_the_python_api(capsys: pytest.CaptureFixture[str]) -> None:
    report = parsed(capsys, "run", "-p", "The", "-n", "12", "-s", "3", "--kernels", "numpy")
    generation = abi.load(kernels="numpy").generate("The", max_tokens=12, seed=3)
    assert report["text"] == generation.read()
    assert report["tokens"] == generation.tokens
    assert report["prompt_tokens"] == generation.prompt_tokens
    assert report["finish_reason"] == generation.finish_reason


def test_run_greedy_as_llama_cpp(capsys: pytest.CaptureFixture[str], stories: Path) -> None:
    text = output(
        capsys, "run", "-m", str(stories), "-p", "Once upon a time", "--temp", "0", "-n", "256"
    )
    assert text.startswith(
        "Once upon a time, there was a little girl named Lily. She loved to play outside in the "
        "park. One day, she saw a big, red ball."
    )


def test_run_reads_the_prompt_from_standard_input() -> None:
    done = call("run", "-p", "-", "-n", "3", "--temp", "0", stdin=b"Once upon a time")
    assert done.stdout.startswith(b"Once upon a time")
    assert done.stderr == b""


def test_verbose_reports_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-n", "3", "-v"]) == 0
    assert re.search(r"generated 3, [\d.]+ tok/s; ended by length", capsys.readouterr().err)


def test_tokenize(capsys: pytest.CaptureFixture[str]) -> None:
    tokenizer = abi.load().tokenizer
    ids = tokenizer.encode("Once upon")
    assert output(capsys, "tokenize", "Once upon", "--ids").split() == [str(i) for i in ids]
    assert output(capsys, "tokenize", "Once upon", "--count").strip() == str(len(ids))
    lines = output(capsys, "tokenize", "Once upon").splitlines()
    assert [int(line.split()[0]) for line in lines] == ids
    report = parsed(capsys, "tokenize", "Once upon")
    assert [row["id"] for row in report["tokens"]] == ids
    assert report["count"] == len(ids)


def test_tokenize_there_and_back(capsys: pytest.CaptureFixture[str]) -> None:
    ids = output(capsys, "tokenize", "Once upon a time", "--ids")
    assert output(capsys, "tokenize", "--decode", ids) == "Once upon a time\n"


def test_tokenize_takes_bytes_that_are_not_utf8() -> None:
    done = call("tokenize", "--ids", "--no-special", stdin=b"\xff")
    assert done.returncode == 0
    assert len(done.stdout.split()) >= 1


def test_inspect(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    write_llama(path, LlamaShape(), "Q8_0")
    text = output(capsys, "inspect", str(path), "--tensors")
    assert "general.architecture = 'llama'" in text
    assert re.search(r"blk\.1\.ffn_down\.weight\s+Q8_0\s+64 x 96\s+6,528", text)
    report = parsed(capsys, "inspect", str(path))
    assert report["metadata"]["llama.block_count"] == 2
    assert {t["type"] for t in report["tensors"]} == {"F32", "Q8_0"}


def test_bench(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ("bench", "--prefill", "8,16", "--decode", "4", "-r", "1")
    report = parsed(capsys, *arguments)
    assert list(report["prefill_tok_s"]) == ["8", "16"]
    assert report["decode_tok_s"]["4"] > 0
    assert report["load_s"] > 0
    assert report["peak_memory_bytes"] > 1 << 20
    assert re.search(r"prefill +16 tokens +[\d.]+ tok/s", output(capsys, *arguments))


def test_doctor(capsys: pytest.CaptureFixture[str]) -> None:
    report = parsed(capsys, "doctor")
    assert report["abi"] == abi.__version__
    assert {"name": "numpy", "reason": None, "detail": ""} in report["kernels"]
    assert "numpy    usable" in output(capsys, "doctor")


def test_doctor_reports_what_cannot_be_selected(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ABI_KERNELS", "fpga")
    report = parsed(capsys, "doctor")
    assert report["selected"] is None
    assert report["error"].startswith("ABI_KERNELS=fpga: unknown kernels 'fpga'")


def test_bench_of_the_tiny_model_fits_its_context(capsys: pytest.CaptureFixture[str]) -> None:
    report = parsed(capsys, "bench", "-r", "1", "--decode", "2")
    assert list(report["prefill_tok_s"]) == ["128", "320"]


def test_a_full_context_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "--temp", "0", "--ctx", "9"]) == 0
    assert capsys.readouterr().err == "abi run: the context of 9 tokens is full\n"


def test_the_end_of_the_last_line_is_no_part_of_the_prompt() -> None:
    done = call("run", "-p", "-", "-n", "1", "--temp", "0", stdin=b"Once upon\n")
    assert done.stdout == b"Once upon a\n"


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_any_output_encoding_shows_any_text(encoding: str) -> None:
    env = {**ENV, "PYTHONIOENCODING": encoding}
    command = [sys.executable, "-m", "abi", "run", "-n", "1", "-p", "日本 naïve"]
    done = subprocess.run(command, capture_output=True, env=env, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(
    ("closing", "words"),
    [("tokenize <&-", b"standard input is closed"), ("doctor >&-", b"standard output is closed")],
)
def test_closed_streams_are_a_mistake(closing: str, words: bytes) -> None:
    command = ["bash", "-c", f"{sys.executable} -m abi {closing}"]
    done = subprocess.run(command, capture_output=True, env=ENV, check=False, timeout=60)
    assert done.returncode == 2
    assert words in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_json_has_no_bare_nan(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "nan.gguf"
    write(path, {"x": float("nan"), "y\x1b[31m": np.array([np.inf, 1], np.float32)}, [])
    assert parsed(capsys, "inspect", str(path))["metadata"] == {
        "x": "nan",
        "y\x1b[31m": ["inf", 1.0],
    }
    assert "\x1b" not in output(capsys, "inspect", str(path))


def test_help_of_every_verb(capsys: pytest.CaptureFixture[str]) -> None:
    for verb in VERBS:
        assert main([verb, "--help"]) == 0
        assert f"usage: abi {verb}" in capsys.readouterr().out
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"abi {abi.__version__}\n"


MISTAKES = {
    "no verb": ([], "abi: error: the following arguments are required: VERB"),
    "unknown verb": (["frob"], "abi: error: argument VERB: invalid choice: 'frob'"),
    "unknown option": (["run", "--frob"], "unrecognized arguments: --frob"),
    "no such file": (["run", "-m", "nowhere.gguf"], "nowhere.gguf: No such file or directory"),
    "a folder": (["inspect", "."], ".: Is a directory"),
    "no GGUF": (["inspect", __file__], "test_cli.py, offset 0, magic: not a GGUF file"),
    "kernels": (["run", "--kernels", "fpga"], "unknown kernels 'fpga'"),
    "context": (["run", "-n", "9999"], "9999 to generate: 9999 positions"),
    "temperature": (["run", "--temp", "-1"], "--temp -1.0: expected a number, 0 or above"),
    "ids": (["tokenize", "--decode", "1 x"], "--decode takes token ids"),
    "id": (["tokenize", "--decode", "999999"], "token 999999 is not in the vocabulary"),
    "lengths": (["bench", "--prefill", "8,x"], "--prefill '8,x': expected positive numbers"),
    "bench context": (["bench", "--prefill", "99999"], "99999 tokens do not fit"),
    "empty name": (["inspect", ""], "No such file or directory"),
    "pre-tokeniser": (["run", "--tokenizer-pre", "x"], "SentencePiece tokeniser, which takes none"),
    "repeats": (["bench", "-r", "0"], "--repeats 0: expected 1 or more"),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_is_one_line_and_status_2(capsys: pytest.CaptureFixture[str], case: str) -> None:
    arguments, words = MISTAKES[case]
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert words in captured.err


def test_ctrl_c_is_130_without_traceback(tmp_path: Path) -> None:
    path = tmp_path / "slow.gguf"
    write_llama(path, LlamaShape(n_embd=256, n_ff=1024, n_layer=8, n_head=4, n_ctx=100_000))
    command = [sys.executable, "-m", "abi", "run", "-m", str(path), "-p", "hello", "--temp", "2"]
    command += ["--min-p", "0", "--top-p", "1", "--top-k", "0"]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=ENV,
        # A shell starts background jobs with the interrupt ignored; a terminal does not.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    ) as run:  # fmt: skip
        assert run.stdout is not None
        run.stdout.read(1)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=60)
    assert run.returncode == 130
    assert b"Traceback" not in err


def test_a_reader_that_leaves_is_no_error() -> None:
    command = f"{sys.executable} -m abi tokenize --ids | head -c 1"
    done = subprocess.run(
        ["bash", "-c", f"set -o pipefail; {command}"],
        input=b"word " * 100_000, capture_output=True, env=ENV, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 0
    assert done.stderr == b""
