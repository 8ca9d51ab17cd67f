"""Bad input of every kind, by hand: one clear line on standard error, exit status 2.

A row is a name, a function that makes what is needed in a folder and returns the arguments, a
part of the line that is expected and, where needed, standard input and environment. Add rows
to a table or a table to `ROWS`; each runs in this process, and some in one of their own.
"""

from __future__ import annotations

import io
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from abi.cli import main
from abi.gguf import Typed, ValueType, write
from abi.quant import Tensor
from tests.gguf.test_hostile import HOSTILE
from tests.gguf.test_split import part
from tests.model.test_load import changed
from tests.synthetic import LlamaShape, llama_bytes

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Row:
    """One bad input, and what has to be said about it."""

    name: str
    argv: Callable[[Path], list[str]]
    words: str
    stdin: bytes = b""
    env: Mapping[str, str] = field(default_factory=dict)


def plain(name: str, line: list[str], words: str, **more: Any) -> Row:
    """A row that needs no file."""
    return Row(name, lambda folder: line, words, **more)


def of_file(name: str, line: list[str], data: Callable[[], bytes], words: str) -> Row:
    """A row about a file: FILE in the line is its path."""

    def argv(folder: Path) -> list[str]:
        path = folder / "bad.gguf"
        path.write_bytes(data())
        return [str(path) if word == "FILE" else word for word in line]

    return Row(name, argv, words)


def gguf(metadata: dict[str, Any], tensors: Callable[[], list[Tensor]] = list) -> bytes:
    out = io.BytesIO()
    write(out, metadata, tensors())
    return out.getvalue()


RUN, INSPECT = ["run", "-m", "FILE"], ["inspect", "FILE"]
TOKENIZE = ["tokenize", "-m", "FILE", "a"]
MODEL = llama_bytes(LlamaShape())


def hostile_files() -> Iterator[Row]:
    for i, (name, (raw, words)) in enumerate(HOSTILE.items()):
        line = (INSPECT, RUN, TOKENIZE)[i % 3]
        yield of_file(f"file: {name}", line, lambda raw=raw: raw, words)


def cut_files() -> Iterator[Row]:
    for size in (0, 3, 4, 7, 8, 23, 24, 60, 1000, 9000, len(MODEL) // 2, len(MODEL) - 40):
        words = "needs" if size < 23 else "bad.gguf, offset"
        yield of_file(f"cut at {size}", RUN, lambda size=size: MODEL[:size], words)


def not_gguf() -> Iterator[Row]:
    kinds = {
        "a web page": b"<!DOCTYPE html><html></html>",
        "a zip archive": b"PK\3\4" + bytes(60),
        "safetensors": struct.pack("<Q", 2) + b"{}",
        "an old GGML file": b"lmgg" + bytes(60),
        "an LFS pointer": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "control characters": b"\x1b[2J" + bytes(60),
    }
    for name, raw in kinds.items():
        words = f"magic: not a GGUF file: starts with {raw[:4]!r}"
        yield of_file(f"not GGUF: {name}", RUN, lambda raw=raw: raw, words)


def contradictions() -> Iterator[Row]:
    """Metadata that is well formed and makes no model."""
    cases: list[tuple[dict[str, Any], str]] = [
        ({"general.architecture": None}, "general.architecture: missing; this is no model"),
        ({"general.architecture": "mamba"}, "architecture 'mamba' is not supported"),
        ({"general.architecture": 3}, "architecture 3 is not supported"),
        ({"general.architecture": "a\nb\x1b[2J"}, r"architecture 'a\nb\x1b[2J' is not supported"),
        ({"llama.block_count": None}, "llama.block_count: the key is missing"),
        ({"llama.block_count": 0}, "expected a positive integer, got 0"),
        ({"llama.block_count": 9}, "blk.2.attn_norm.weight: the tensor is missing"),
        ({"llama.block_count": 1.5}, "expected a positive integer, got 1.5"),
        ({"llama.context_length": "many"}, "expected a positive integer, got 'many'"),
        (
            {"llama.embedding_length": 7},
            "token_embd.weight: shape (320, 64), expected (n_vocab, 7)",
        ),
        ({"llama.attention.head_count": 0}, "expected a positive integer, got 0"),
        ({"llama.attention.head_count_kv": 3}, "4 heads are not a multiple of 3"),
        ({"llama.feed_forward_length": 1}, "expected (1, 64) by the metadata"),
        ({"llama.attention.layer_norm_rms_epsilon": -1.0}, "a finite number not below 0"),
        ({"llama.attention.layer_norm_rms_epsilon": float("nan")}, "a finite number"),
        ({"llama.rope.freq_base": 1.0}, "expected above 1, got 1.0"),
        ({"llama.rope.dimension_count": 99}, "an even number up to the head's 16, got 99"),
        ({"llama.rope.scaling.type": "x"}, "'x' is not supported"),
    ]
    for values, words in cases:
        key, value = next(iter(values.items()))
        yield of_file(f"{key} = {value!r}", RUN, lambda v=values: changed(v), words)


def tensors() -> Iterator[Row]:
    yield of_file(
        "an unknown tensor", RUN,
        lambda: changed(extra=Tensor.from_array("extra", np.ones(3))),
        "tensor extra is not used by architecture 'llama'",
    )  # fmt: skip
    yield of_file(
        "no embedding", RUN,
        lambda: changed(token_embd__weight=None), "token_embd.weight: the tensor is missing",
    )  # fmt: skip
    yield of_file(
        "no layer", RUN,
        lambda: changed(blk__1__ffn_up__weight=None), "blk.1.ffn_up.weight: the tensor is missing",
    )  # fmt: skip
    yield of_file(
        "a vector for a matrix", RUN,
        lambda: changed(token_embd__weight=Tensor.from_array("token_embd.weight", np.ones(64))),
        "token_embd.weight: shape (64,), expected (n_vocab, 64)",
    )  # fmt: skip
    yield of_file(
        "integers for weights", RUN,
        lambda: changed(
            output_norm__weight=Tensor.from_array("output_norm.weight", np.ones(63))
        ),
        "output_norm.weight: shape (63,), expected (64,)",
    )  # fmt: skip
    nan = np.full((320, 64), np.nan, np.float32)
    yield of_file(
        "weights of NaN", RUN,
        lambda: changed(token_embd__weight=Tensor.from_array("token_embd.weight", nan)),
        "NaN",
    )  # fmt: skip


def vocabularies() -> Iterator[Row]:
    texts = ["<unk>", "<s>", "</s>", "a"]
    llama = {"tokenizer.ggml.model": "llama", "tokenizer.ggml.tokens": texts}
    bpe = {"tokenizer.ggml.model": "gpt2", "tokenizer.ggml.tokens": texts}
    cases: list[tuple[str, dict[str, Any], str]] = [
        ("no tokeniser", {}, "tokenizer.ggml.model: missing; the file has no tokeniser"),
        ("an unknown tokeniser", {"tokenizer.ggml.model": "plamo9"}, "'plamo9' is not supported"),
        ("a number for a tokeniser", {"tokenizer.ggml.model": 4}, "4 is not supported"),
        ("no vocabulary", {"tokenizer.ggml.model": "llama"}, "the file has no vocabulary"),
        ("an empty vocabulary", llama | {"tokenizer.ggml.tokens": Typed([], ValueType.STRING)},
         "the file has no vocabulary"),
        ("numbers for tokens", llama | {"tokenizer.ggml.tokens": [1, 2]}, "a list of strings"),
        ("too few scores", llama | {"tokenizer.ggml.scores": [0.5]}, "an array of 4 numbers"),
        ("texts for scores", llama | {"tokenizer.ggml.scores": texts}, "an array of 4 numbers"),
        ("too few types", llama | {"tokenizer.ggml.token_type": [1]}, "an array of 4 numbers"),
        ("a start token outside", llama | {"tokenizer.ggml.bos_token_id": 99},
         "tokenizer.ggml.bos_token_id: expected an id below 4, got 99"),
        ("an end token of text", llama | {"tokenizer.ggml.eos_token_id": "</s>"},
         "expected an id below 4, got '</s>'"),
        ("a flag that is none", llama | {"tokenizer.ggml.add_bos_token": 1}, "expected a BOOL"),
        ("no merges", bpe | {"tokenizer.ggml.pre": "gpt-2"}, "tokenizer.ggml.merges"),
        ("an unknown pre-tokeniser", bpe | {"tokenizer.ggml.pre": "x9",
         "tokenizer.ggml.merges": ["a a"]}, "x9"),
    ]  # fmt: skip
    for name, values, words in cases:
        yield of_file(f"vocabulary: {name}", TOKENIZE, lambda v=values: gguf(v), words)


def split_models() -> Iterator[Row]:
    def lacking(folder: Path) -> list[str]:
        return ["inspect", str(part(folder, 0, 2, ["a", "b"]))]

    def renamed(folder: Path) -> list[str]:
        part(folder, 1, 2, ["c"])
        return ["inspect", str(part(folder, 0, 2, ["a", "b"]).rename(folder / "m.gguf"))]

    def twice(folder: Path) -> list[str]:
        part(folder, 1, 2, ["a"])
        return ["inspect", str(part(folder, 0, 2, ["a", "b"]))]

    def swapped(folder: Path) -> list[str]:
        first, second = part(folder, 0, 2, ["a", "b"]), part(folder, 1, 2, ["c"])
        second.write_bytes(first.read_bytes())
        return ["inspect", str(first)]

    def short(folder: Path) -> list[str]:
        part(folder, 1, 2, ["c"], total=9)
        return ["inspect", str(part(folder, 0, 2, ["a", "b"], total=9))]

    yield Row("split: a part is missing", lacking, "part 2 of 2 is missing: ")
    yield Row("split: renamed", renamed, "one of 2 parts; open it by a path named like")
    yield Row("split: a tensor twice", twice, "the tensor is in two parts")
    yield Row("split: the same part twice", swapped, "says part 0 of 2, expected 1 of 2")
    yield Row("split: too few tensors", short, "3 tensors in all parts, expected 9")


def paths() -> Iterator[Row]:
    def loop(folder: Path) -> list[str]:
        (folder / "x").symlink_to(folder / "x")
        return ["run", "-m", str(folder / "x")]

    def below_a_file(folder: Path) -> list[str]:
        (folder / "x").touch()
        return ["run", "-m", str(folder / "x" / "y.gguf")]

    def dangling(folder: Path) -> list[str]:
        (folder / "x.gguf").symlink_to(folder / "y.gguf")
        return ["inspect", str(folder / "x.gguf")]

    missing = "No such file or directory"
    yield Row("path: a folder", lambda folder: ["run", "-m", str(folder)], "Is a directory")
    yield Row("path: a loop", loop, "Too many levels of symbolic links")
    yield Row("path: below a file", below_a_file, "Not a directory")
    yield Row("path: a link to nothing", dangling, missing)
    yield Row("path: missing", lambda folder: ["bench", "-m", str(folder / "m.gguf")], missing)
    yield plain("path: missing, relative", ["run", "-m", "./nowhere.gguf"], missing)
    yield plain("path: empty", ["run", "-m", ""], missing)
    yield plain("path: a space", ["run", "-m", " "], missing)
    yield plain("path: too long", ["inspect", "x" * 5000], "File name too long")
    yield plain("path: with a null", ["inspect", "a\0b"], "a path holds no null")
    yield plain("path: with a new line", ["inspect", "a\nb"], f"a b: {missing}")
    yield plain("path: with control characters", ["inspect", "\x1b[2J"], rf"\x1b[2J: {missing}")
    yield plain("path: an empty device", ["inspect", os.devnull], "a device, which may never end")
    yield plain("path: an endless device", ["run", "-m", "/dev/zero"], "a device, which may never")


def options() -> Iterator[Row]:
    range_ = {
        "--temp": ["-1", "nan", "inf", "-inf"],
        "--top-p": ["-0.5", "1.5", "nan"],
        "--min-p": ["-0.1", "1.1", "nan", "inf"],
        "--top-k": ["-1"],
        "--seed": ["-2", "4294967296"],
        "-n": ["-2"],
        "--ctx": ["-5"],
        "--kernels": ["fpga", ""],
        "--tokenizer-pre": ["gpt-2", "nothing"],
    }
    names = {
        "--temp": "--temp ", "--top-p": "--top-p ", "--min-p": "--min-p ", "--top-k": "--top-k ",
        "--seed": "--seed ", "-n": "--max-tokens ", "--ctx": "--ctx ",
        "--kernels": "unknown kernels",
        "--tokenizer-pre": "SentencePiece tokeniser, which takes none",
    }  # fmt: skip
    for option, values in range_.items():
        for value in values:
            yield plain(f"run {option}={value}", ["run", f"{option}={value}"]
                        if option != "-n" else ["run", f"-n{value}"], names[option])  # fmt: skip
    for option in ("--temp", "--top-k", "--top-p", "--min-p", "--seed", "--ctx", "--max-tokens"):
        yield plain(
            f"run {option}=x",
            ["run", f"{option}=x"],
            "invalid float value: 'x'|invalid int value: 'x'",
        )
        yield plain(f"run {option} alone", ["run", option], "expected one argument")
    yield plain("run --top-k=1.5", ["run", "--top-k=1.5"], "invalid int value: '1.5'")
    yield plain("run --weights=int3", ["run", "--weights=int3"], "invalid choice: 'int3'")
    yield plain("run -n too many", ["run", "-n", "9" * 30], "the context has")
    yield plain("run --frob", ["run", "--frob"], "unrecognized arguments: --frob")
    yield plain("run a word", ["run", "hello"], "unrecognized arguments: hello")
    yield plain("run an ambiguous option", ["run", "--t", "1"], "ambiguous option: --t could match")
    yield plain("run a long prompt", ["run", "-p", "word " * 2000], "the context has")
    yield plain("run a long prompt from stdin", ["run", "-p", "-"], "the context has",
                stdin=b"word " * 2000)  # fmt: skip
    yield plain("ABI_KERNELS", ["run"], "ABI_KERNELS=fpga", env={"ABI_KERNELS": "fpga"})


def verbs() -> Iterator[Row]:
    yield plain("no verb", [], "the following arguments are required: VERB")
    yield plain("an unknown verb", ["frob"], "argument VERB: invalid choice: 'frob'")
    yield plain("an empty verb", [""], "argument VERB: invalid choice: ''")
    yield plain("half a verb", ["ru"], "invalid choice: 'ru'")
    yield plain("a verb in capitals", ["RUN"], "invalid choice: 'RUN'")
    yield plain("an option for a verb", ["--frob"], "required: VERB")
    yield plain("doctor of something", ["doctor", "x"], "unrecognized arguments: x")
    yield plain("inspect of two", ["inspect", "a", "b"], "unrecognized arguments: b")
    yield plain("--version=x", ["--version=x"], "ignored explicit argument 'x'")
    yield plain("--json=x", ["doctor", "--json=x"], "ignored explicit argument 'x'")


def token_ids() -> Iterator[Row]:
    for text in ("1 x", "1.5", "0x10", "one", "1;2", "{1}", "1,2]3"):
        yield plain(f"ids {text}", ["tokenize", "--decode", text], "--decode takes token ids")
    for text in ("-1", "999999", "9" * 30, "1 2 -3"):
        line = ["tokenize", "--decode", "--", text]
        yield plain(f"ids {text}", line, "is not in the vocabulary")
    yield plain("ids of many digits", ["tokenize", "--decode", "9" * 5000], "takes token ids")
    yield plain("ids from stdin", ["tokenize", "--decode"], "takes token ids", stdin=b"\xff\n")
    yield plain("two texts", ["tokenize", "a", "b"], "unrecognized arguments: b")
    yield plain("tokenize a lone surrogate", ["tokenize", "\ud800"], "surrogate")


def benches() -> Iterator[Row]:
    for text in ("0", "-1", "8,x", "1.5", "8;9", "x"):
        line = ["bench", f"--prefill={text}"]
        yield plain(f"bench --prefill={text}", line, "expected positive numbers with commas")
    yield plain("bench --decode=0", ["bench", "--decode=0"], "expected positive numbers")
    yield plain("bench too long", ["bench", "--prefill", "99999"], "99999 tokens do not fit")
    yield plain("bench -r 0", ["bench", "-r", "0"], "--repeats 0: expected 1 or more")
    yield plain("bench -r x", ["bench", "-r", "x"], "invalid int value: 'x'")


def models_by_name() -> Iterator[Row]:
    offline = {"ABI_OFFLINE": "1"}
    for text in ("", "x", "a/b/c", "../x", "a/../b.gguf", "a/b:", "a b/c", "a/b@../x",
                 "a/b/nul.gguf", "https://", "https://u:p@x/y.gguf", "https://x/y.zip", "ftp://x/y.gguf",
                 "file:///etc/passwd", "a/b\x1b[2J", "https://x:99999/y.gguf"):  # fmt: skip
        words = "repository|expected owner/repo|safe on every|revision|URL|does not lead"
        yield plain(f"pull {text!r}", ["pull", text], words, env=offline)
    yield plain("pull offline", ["pull", "a/b"], "and ABI_OFFLINE is set; unset it", env=offline)
    yield plain("pull nothing", ["pull"], "the following arguments are required: name")
    yield plain("pull --tries 0", ["pull", "a/b", "--tries", "0"], "expected 1 or more")
    yield plain("pull --timeout x", ["pull", "a/b", "--timeout", "x"], "invalid float value")
    yield plain("a bad mirror", ["pull", "a/b"], "HF_ENDPOINT", env={"HF_ENDPOINT": "hub.example"})
    yield plain("a bad token", ["pull", "a/b"], "HF_TOKEN holds", env={"HF_TOKEN": "a\nb"})
    yield plain("run what is not pulled", ["run", "-m", "a/b:Q4_0"], "abi pull a/b:Q4_0 fetches it")
    yield plain("cache of nothing", ["cache"], "the following arguments are required: ls|rm")
    yield plain("cache frob", ["cache", "frob"], "invalid choice: 'frob'")
    yield plain("cache rm", ["cache", "rm"], "rm takes the names of models")
    yield plain("cache rm of what is not there", ["cache", "rm", "a/b"], "is not in the cache")
    yield plain("cache rm of no name", ["cache", "rm", "../.."], "repository '../..'")
    yield plain("cache ls of a name", ["cache", "ls", "a/b"], "ls takes no name")


ROWS = [
    row
    for table in (
        hostile_files, cut_files, not_gguf, contradictions, tensors, vocabularies, split_models,
        paths, options, verbs, token_ids, benches, models_by_name,
    )
    for row in table()
]  # fmt: skip

# Some as a person meets them; a process each is what they cost.
IN_A_PROCESS = (
    "cut at 1000", "weights of NaN", "split: a part is missing", "run a long prompt from stdin",
    "an unknown verb", "run what is not pulled",
)  # fmt: skip


def check(row: Row, status: int, err: str) -> None:
    assert status == 2, err
    assert err.count("\n") == 1, err
    assert err.endswith("\n")
    assert err.startswith("abi")
    assert ": error: " in err
    assert "Traceback" not in err
    assert err[:-1].isprintable(), err
    fragments = row.words.split("|") if "|" in row.words else [row.words]
    assert any(fragment in err for fragment in fragments), err


def test_there_are_over_a_hundred_rows_with_names_of_their_own() -> None:
    assert len(ROWS) >= 200
    assert len({row.name for row in ROWS}) == len(ROWS)
    assert set(IN_A_PROCESS) <= {row.name for row in ROWS}


@pytest.fixture
def surroundings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to be in, and an empty cache."""
    for name in ("HF_ENDPOINT", "HF_TOKEN", "ABI_OFFLINE", "HF_HUB_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("ABI_KERNELS", "numpy")
    monkeypatch.setenv("ABI_CACHE", str(tmp_path / "cache"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("row", ROWS, ids=lambda row: re.sub(r"[^\w .:=/-]", "?", row.name))
def test_bad_input_is_one_line_and_status_2(
    row: Row,
    surroundings: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in row.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(row.stdin)))
    status = main(row.argv(surroundings))
    check(row, status, capsys.readouterr().err)


@pytest.mark.parametrize("name", IN_A_PROCESS)
def test_bad_input_in_a_process_of_its_own(name: str, surroundings: Path) -> None:
    (row,) = (row for row in ROWS if row.name == name)
    command = [sys.executable, "-m", "abi", *row.argv(surroundings)]
    done = subprocess.run(
        command, input=row.stdin, capture_output=True, check=False, timeout=60,
        env={**os.environ, **row.env, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip
    check(row, done.returncode, done.stderr.decode())
    assert done.stdout == b"" or name == "weights of NaN"
