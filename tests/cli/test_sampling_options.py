"""The sampling flags: what they become, and what is refused."""

from __future__ import annotations

import argparse
import json
import re
from typing import Any

import pytest

import abi
from abi.cli import main
from abi.cli._sampling_options import _FLAGS, add_sampling_arguments, sampling_options
from abi.errors import InputError
from abi.sampling import DEFAULT_SAMPLERS, SAMPLER_LETTERS, SamplingParams


def options(*arguments: str) -> dict[str, Any]:
    parser = argparse.ArgumentParser()
    add_sampling_arguments(parser)
    return sampling_options(parser.parse_args(arguments))


def test_what_is_not_given_is_left_out() -> None:
    assert options() == {}


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--temp", "0.5", "--top-k", "7", "-s", "3"], {"temperature": 0.5, "top_k": 7, "seed": 3}),
        (["--temperature", "0"], {"temperature": 0.0}),
        (["--typical", "0.9", "--top-nsigma", "2"], {"typical_p": 0.9, "top_n_sigma": 2.0}),
        (["--mirostat", "2", "--mirostat-ent", "4", "--mirostat-lr", "0.2"],
         {"mirostat": 2, "mirostat_tau": 4.0, "mirostat_eta": 0.2}),
        (["--dynatemp-range", "0.3", "--dynatemp-exp", "2"],
         {"dynatemp_range": 0.3, "dynatemp_exponent": 2.0}),
        (["-l", "15043+1", "-l", "7-0.5", "-l", "9-inf", "-l", "7+1"],
         {"logit_bias": {15043: 1.0, 7: 0.5, 9: float("-inf")}}),
        (["--samplers", "top-k;temp"], {"samplers": ["top-k", "temp"]}),
        (["--samplers", ""], {"samplers": []}),
        (["--sampler-seq", "kt"], {"samplers": ["top_k", "temperature"]}),
        (["--dry-sequence-breaker", "a", "--dry-sequence-breaker", "b"],
         {"dry_sequence_breakers": ["a", "b"]}),
        (["--dry-sequence-breaker", "none"], {"dry_sequence_breakers": []}),
    ],
)  # fmt: skip
def test_flags_are_options(arguments: list[str], expected: dict[str, Any]) -> None:
    assert options(*arguments) == expected
    SamplingParams(**expected)


def test_every_option_has_a_flag() -> None:
    elsewhere = {"dry_sequence_breakers", "logit_bias", "samplers"}
    assert {flag.option for flag in _FLAGS} | elsewhere == set(SamplingParams.__annotations__)


@pytest.mark.parametrize("flag", _FLAGS, ids=lambda flag: flag.option)
def test_the_help_tells_the_default(flag: Any) -> None:
    default = getattr(SamplingParams(), flag.option)
    if default is None:
        assert "(-1: from the system)" in flag.help
    else:
        found = re.findall(r"(-?[\d.]+) is off|\((-?[\d.]+)", flag.help)
        assert str(default) in [value for pair in found for value in pair]


def test_the_help_tells_the_order() -> None:
    parser = argparse.ArgumentParser()
    add_sampling_arguments(parser)
    text = parser.format_help().replace("\n", "").replace(" ", "")
    assert ";".join(DEFAULT_SAMPLERS) in text
    assert "".join(letter for letter in "edskypmxt" if letter in SAMPLER_LETTERS) in text


@pytest.mark.parametrize("text", ["5", "x+1", "5*2", "5+x", "+1"])
def test_a_bias_that_cannot_be_read_is_refused(text: str) -> None:
    with pytest.raises(InputError, match="expected a token id and a bias"):
        options("-l", text)


def test_a_letter_without_sampler_is_refused() -> None:
    with pytest.raises(InputError, match="no sampler 'q'; expected e penalties, d dry"):
        options("--sampler-seq", "kq")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--samplers", "top_k;best"], "samplers: 'best' is not a sampler"),
        (["--repeat-penalty", "0"], "--repeat-penalty 0.0: expected"),
        (["--top-p", "nan"], "--top-p nan: expected a number, 0 to 1"),
        (["--seed", "4294967296"], "--seed 4294967296: expected a whole number"),
        (["-l", "999999+1"], "logit_bias: token 999999 is not in the vocabulary"),
        (["--choices", "0"], "--choices 0: expected a whole number, 1 to 1024"),
        (["--logprobs", "2"], "--logprobs is for --json"),
        (["--top-k", "many"], "--top-k: invalid int value"),
        (["--samplers", "top_k", "--sampler-seq", "k"], "not allowed with"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(
    capsys: pytest.CaptureFixture[str], arguments: list[str], words: str
) -> None:
    assert main(["run", "-n", "3", *arguments]) == 2
    error = capsys.readouterr().err
    assert words in error
    assert error.count("\n") == 1


def test_run_passes_the_flags_on(capsys: pytest.CaptureFixture[str]) -> None:
    flags = ["--repeat-penalty", "1.3", "--dry-multiplier", "0.8", "--xtc-probability", "0.5"]
    assert main(["run", "-p", "The", "-n", "20", "-s", "5", "--json", *flags]) == 0
    report = json.loads(capsys.readouterr().out)
    generation = abi.load().generate(
        "The", max_tokens=20, seed=5, repeat_penalty=1.3, dry_multiplier=0.8, xtc_probability=0.5
    )
    assert (report["text"], report["seed"]) == (generation.read(), 5)


def test_run_prints_choices_in_turn(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", "-p", "The", "-n", "9", "-s", "5", "--choices", "2"]) == 0
    texts = abi.load().choices("The", n=2, max_tokens=9, seed=5).read()
    assert capsys.readouterr().out == f"The{texts[0]}\n---\nThe{texts[1]}\n"


def test_run_reports_choices_and_logprobs_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["run", "-p", "The", "-n", "2", "--choices", "2", "--logprobs", "1", "--json"]
    assert main(arguments) == 0
    report = json.loads(capsys.readouterr().out)
    assert len(report["choices"]) == 2
    first = report["choices"][0]["logprobs"][0]
    assert first["logprob"] <= first["top"][0]["logprob"] <= 0
    assert bytes(first["bytes"]).decode() == first["text"]
