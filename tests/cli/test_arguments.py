"""What stands on a command line, in whatever order, and what is one too many."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import abi
from abi.cli import main
from abi.gguf import read
from tests.synthetic import LlamaShape, write_llama


def output(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    return capsys.readouterr().out


def failure(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1
    return captured.err


@pytest.mark.parametrize("place", range(4))
def test_options_stand_anywhere_among_the_rest(tmp_path: Path, place: int) -> None:
    source, target = tmp_path / "in.gguf", tmp_path / "out.gguf"
    write_llama(source, LlamaShape())
    target.touch()
    words = [str(source), str(target), "Q8_0"]
    words.insert(place, "--force")
    assert main(["quantize", *words]) == 0
    assert read(target).tensors


def test_two_dashes_end_the_options(capsys: pytest.CaptureFixture[str]) -> None:
    expected = output(capsys, "tokenize", "--ids", "--", "-foo")
    ids = [int(word) for word in expected.split()]
    assert abi.load().tokenizer.decode(ids) == "-foo"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run", "x.gguf", "-p", "hi"], "abi run: error: unrecognized arguments: x.gguf; the "
         "prompt goes with -p, the model with -m; see abi run --help"),
        (["tokenize", "a", "b"], "unrecognized arguments: b; put the text in quotes; see abi tok"),
        (["perplexity", "a.txt"], "unrecognized arguments: a.txt; the text's file goes with -f"),
        (["run", "--frob"], "abi run: error: unrecognized arguments: --frob; see abi run --help"),
        (["inspect", "a", "-m", "b"], "the model is given twice"),
        (["run", "--keep", "4"], "--keep is for --context-shift, which is missing"),
        (["run", "--draft-max", "4"], "--draft-max is for --lookup or --model-draft, which is"),
        (["run", "--stop", ""], "--stop [''] : an empty text would end nothing".replace(" :", ":")),
        (["bench", "--prefill", ""], "--prefill '': expected positive numbers"),
        (["cache"], "the following arguments are required: ls|rm; see abi cache --help"),
        (["run", "-m", ""], "'': No such file or directory; give the path of a GGUF file"),
        (["run", "--prompt-cache", ""], "--prompt-cache '': its folder is not there"),
        (["run", "--grammar-file", ""], "'': "),
    ],
)  # fmt: skip
def test_what_is_one_too_many_is_told_with_its_place(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert words in failure(capsys, *arguments)


def report(capsys: pytest.CaptureFixture[str], *arguments: str) -> Any:
    return json.loads(output(capsys, *arguments, "--json"))


def test_the_words_of_llama_cli_are_taken(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "prompt").write_text("Once upon a time\n")
    greedy = ("run", "--temp", "0")
    expected = report(capsys, *greedy, "-p", "Once upon a time", "-n", "9")
    found = report(
        capsys, *greedy, "-f", str(tmp_path / "prompt"), "--n-predict", "9", "--ctx-size", "0",
        "--seed", "-1",
    )  # fmt: skip
    assert found["tokens"] == expected["tokens"]
    assert report(capsys, *greedy, "-n", "-1", "-c", "16")["finish_reason"] == "context"


def test_ends_can_be_banned(capsys: pytest.CaptureFixture[str]) -> None:
    plain = report(capsys, "run", "-p", "Once", "--temp", "0")
    endless = report(capsys, "run", "-p", "Once", "--temp", "0", "--ignore-eos")
    assert (plain["finish_reason"], endless["finish_reason"]) == ("stop", "context")


def test_a_prompt_alone_can_be_computed_and_kept(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    cache = ("--prompt-cache", str(tmp_path / "prompt"))
    assert report(capsys, "run", "-p", "Once upon a time", "-n", "0", *cache)["tokens"] == []
    again = report(capsys, "run", "-p", "Once upon a time", "-n", "1", *cache)
    assert again["reused_tokens"] == len(again["prompt_tokens"]) - 1
    other = tmp_path / "other.gguf"
    write_llama(other, LlamaShape())
    error = failure(capsys, "run", "-m", str(other), *cache)
    assert "--prompt-cache: " in error and "remove it, or name another file" in error


@pytest.mark.parametrize("option", ["--grammar-file", "--json-schema-file"])
def test_a_byte_order_mark_is_no_part_of_a_file(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, option: str
) -> None:
    text = 'root ::= " yes"' if option == "--grammar-file" else '{"const": 7}'
    (tmp_path / "file").write_text(text, "utf-8-sig")
    found = output(capsys, "run", option, str(tmp_path / "file"), "--no-echo")
    assert found.strip() in ("yes", "7")
    (tmp_path / "file").write_bytes(b"\xff")
    assert "file: not UTF-8 at byte 0; convert it" in failure(
        capsys, "run", option, str(tmp_path / "file")
    )


def test_tokens_have_their_bytes(capsys: pytest.CaptureFixture[str]) -> None:
    rows = report(capsys, "tokenize", "é🐦", "--no-special")["tokens"]
    assert b"".join(bytes(row["bytes"]) for row in rows).decode().strip() == "é🐦"


def test_inspect_takes_the_model_either_way(capsys: pytest.CaptureFixture[str]) -> None:
    from abi.generate import model_path

    path = str(model_path())
    assert output(capsys, "inspect", "-m", path) == output(capsys, "inspect", path)


def test_bench_decodes_what_the_context_holds(capsys: pytest.CaptureFixture[str]) -> None:
    found = report(capsys, "bench", "-c", "16", "-r", "1")
    assert list(found["decode_tok_s"]) == ["16"]


def test_names_that_can_be_removed_are(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    removed = []

    def remove(name: str) -> int:
        if name == "own/nope":
            raise abi.InputError(f"{name} is not in the cache; abi cache ls lists what is")
        removed.append(name)
        return 1024

    monkeypatch.setattr("abi.hub.remove", remove)
    assert main(["cache", "rm", "own/a", "own/nope", "own/b", "--json"]) == 2
    captured = capsys.readouterr()
    assert removed == ["own/a", "own/b"]
    assert json.loads(captured.out) == {"removed": {"own/a": 1024, "own/b": 1024}}
    assert captured.err.startswith("abi cache: error: own/nope is not in the cache")


def test_a_target_that_is_no_file_is_not_replaced(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "in.gguf"
    write_llama(source, LlamaShape())
    for target, words in (
        (str(tmp_path), "a folder, which no file may replace"),
        ("/dev/null", "a device or the like, which no file may replace"),
        (str(tmp_path / "no" / "x"), "x: No such file or directory; its folder is not there"),
    ):
        assert words in failure(capsys, "quantize", str(source), target, "Q8_0", "--force")
    usage = type("usage", (), {"free": 1000})
    monkeypatch.setattr("shutil.disk_usage", lambda path: usage)
    error = failure(capsys, "quantize", str(source), str(tmp_path / "out"), "Q8_0")
    assert "out: 88,320 bytes are needed, 1,000 are free there; make room" in error
    assert [path.name for path in tmp_path.iterdir()] == ["in.gguf"]


def test_arguments_of_the_wrong_kind_are_one_error_in_python() -> None:
    model = abi.load(kernels="numpy")
    hi = [{"role": "user", "content": "hi"}]
    for call, words in (
        (lambda: model.chat(hi, template=5), "template=5: expected the text of a Jinja2"),
        (lambda: model.generate("a", constraint="x"), "constraint='x': expected what constrain"),
        (lambda: model.generate("a", stop=["a", ""]), "an empty text would end nothing"),
    ):
        with pytest.raises(abi.InputError, match=words):
            call()
    model.generate("a", max_tokens=1).read()
    with pytest.raises(abi.InputError, match="target=5: expected a path or a binary file"):
        model.save_prompt_cache(5)  # type: ignore[arg-type]
    assert np.isfinite(model.logits([1])).all()
