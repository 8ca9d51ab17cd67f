"""`abi embed`."""

from __future__ import annotations

import io
import json
import sys
from pathlib import Path

import numpy as np
import pytest

import abi
from abi.cli import main
from tests.oracle.architectures import ENCODERS, write_case


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("bert") / "bert.gguf"
    write_case(path, ENCODERS["bert"])
    return str(path)


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(["embed", *arguments]) == 0
    return capsys.readouterr().out


def test_each_text_is_a_line_of_numbers(bert: str, capsys: pytest.CaptureFixture[str]) -> None:
    lines = output(capsys, "-m", bert, "a cat", "a dog").splitlines()
    want = abi.load(bert).embed(["a cat", "a dog"])
    np.testing.assert_allclose([json.loads(line) for line in lines], want, rtol=0, atol=1e-6)


def test_texts_come_from_a_file_and_go_to_one(
    bert: str, capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "texts").write_text("a cat\na dog\n")
    out = str(tmp_path / "vectors.npy")
    assert output(capsys, "-m", bert, "-f", str(tmp_path / "texts"), "-o", out) == ""
    want = abi.load(bert).embed(["a cat", "a dog"])
    np.testing.assert_allclose(np.load(out), want, rtol=0, atol=1e-6)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"a cat\na dog")))
    report = json.loads(output(capsys, "-m", bert, "-f", "-", "--json"))
    assert report["dim"] == 64
    np.testing.assert_allclose(report["embeddings"], want, rtol=0, atol=1e-6)


def test_texts_are_ranked_best_first(bert: str, capsys: pytest.CaptureFixture[str]) -> None:
    texts = ["a cat", "a dog", "nothing"]
    lines = output(capsys, "-m", bert, "--rerank", "cats", *texts).splitlines()
    scores = abi.load(bert).rerank("cats", texts)
    order = np.argsort(-scores)
    assert lines == [f"{scores[i]:.4f}\t{texts[i]}" for i in order]
    report = json.loads(output(capsys, "-m", bert, "--rerank", "cats", *texts, "--json"))
    assert [r["text"] for r in report["results"]] == [texts[i] for i in order]


def test_texts_come_on_standard_input(
    bert: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a cat\na dog\n")))
    assert output(capsys, "-m", bert) == output(capsys, "-m", bert, "a cat", "a dog")


def test_an_array_goes_to_standard_output_or_whole_to_a_file(
    bert: str, capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path
) -> None:
    assert main(["embed", "-m", bert, "a cat", "-o", "-"]) == 0
    array = np.load(io.BytesIO(capfdbinary.readouterr().out))
    np.testing.assert_array_equal(array, abi.load(bert).embed(["a cat"]))
    assert main(["embed", "-m", bert, "a cat", "-o", str(tmp_path / "a.npy")]) == 0
    np.testing.assert_array_equal(np.load(tmp_path / "a.npy"), array)
    assert [path.name for path in tmp_path.iterdir()] == ["a.npy"]


def test_mistakes_are_a_line(
    bert: str,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "gap").write_text("a\n\nb\u2028c\n")
    for arguments, words in (
        (["-m", bert], "there is no text; give one or more, or a file with -f"),
        (["-m", bert, "-f", str(tmp_path / "none")], "No such file or directory; check the name"),
        (["a cat"], "the model names no pooling for embeddings"),
        (
            ["-m", bert, "a", "-o", str(tmp_path / "no" / "v.npy")],
            "v.npy: No such file or directory; its folder is not there",
        ),
        (["--rerank", "q", "a cat"], "the model has no classifier"),
        (
            ["-m", bert, "--rerank", "q", "a", "--pooling", "cls"],
            "not for --rerank",
        ),
        (["-m", bert, "--rerank", "q", "a", "-o", "x"], "not allowed with argument"),
        (["-m", bert, "-f", str(tmp_path / "gap")], "line 2 of the texts is empty"),
        (["-m", bert, "-c", "300", "a"], "--ctx 300: the model has learned 256 positions"),
        (["-m", bert, "word " * 400], "text 0 has"),
    ):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO()))
        assert main(["embed", *arguments]) == 2
        error = capsys.readouterr().err
        assert words in error
        assert error.count("\n") == 1


def test_what_goes_before_texts_can_be_given(bert: str, capsys: pytest.CaptureFixture[str]) -> None:
    (line,) = output(capsys, "-m", bert, "a cat", "--prompt", "query: ").splitlines()
    want = abi.load(bert).embed("query: a cat")[0]
    np.testing.assert_allclose(json.loads(line), want, rtol=0, atol=1e-6)
    assert main(["embed", "-m", bert, "a cat", "--prompt-name", "query"]) == 2
    assert "the file has none" in capsys.readouterr().err
    assert main(["embed", "-m", bert, "a", "--rerank", "b", "--prompt", "c"]) == 2
    assert "are for vectors, not for --rerank" in capsys.readouterr().err
