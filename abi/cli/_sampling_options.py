"""The sampling flags, named as llama-cli names them, for every verb that generates."""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable
from typing import Any, NamedTuple

from abi.errors import InputError

__all__ = ["FLAGS", "add_sampling_arguments", "sampling_options"]


class _Flag(NamedTuple):
    flags: tuple[str, ...]
    option: str  # of abi.sampling.SamplingParams
    kind: Callable[[str], Any]
    metavar: str
    help: str


_FLAGS = (
    _Flag(
        ("-s", "--seed"), "seed", int, "N", "make the draws repeatable (-1: from the system)"
    ),
    _Flag(("--temp", "--temperature"), "temperature", float, "T", "temperature; 0 is greedy (0.8)"),
    _Flag(("--top-k",), "top_k", int, "K", "keep the K likeliest (40; 0 is off)"),
    _Flag(
        ("--top-p",), "top_p", float, "P", "keep the likeliest up to P together (0.95; 1 is off)"
    ),
    _Flag(
        ("--min-p",), "min_p", float, "P",
        "keep those P times as likely as the first (0.05; 0 is off)",
    ),
    _Flag(
        ("--top-n-sigma", "--top-nsigma"), "top_n_sigma", float, "N",
        "keep logits within N standard deviations of the highest (-1.0 is off)",
    ),
    _Flag(
        ("--typical", "--typical-p"), "typical_p", float, "P",
        "keep those of typical surprise, up to P together (1.0 is off)",
    ),
    _Flag(
        ("--xtc-probability",), "xtc_probability", float, "P",
        "chance to exclude top choices (0.0 is off)",
    ),
    _Flag(
        ("--xtc-threshold",), "xtc_threshold", float, "P",
        "probability that makes a top choice (0.1; above 0.5 is off)",
    ),
    _Flag(
        ("--repeat-last-n",), "repeat_last_n", int, "N", "tokens that penalties look at (64)"
    ),
    _Flag(
        ("--repeat-penalty",), "repeat_penalty", float, "X",
        "divide the logits of repeated tokens (1.0 is off)",
    ),
    _Flag(
        ("--presence-penalty",), "presence_penalty", float, "X",
        "take from the logits of repeated tokens (0.0 is off)",
    ),
    _Flag(
        ("--frequency-penalty",), "frequency_penalty", float, "X",
        "take for each time they came (0.0 is off)",
    ),
    _Flag(
        ("--dry-multiplier",), "dry_multiplier", float, "X",
        "penalty on prolonging a repetition (0.0 is off)",
    ),
    _Flag(("--dry-base",), "dry_base", float, "X", "its growth with each token (1.75)"),
    _Flag(
        ("--dry-allowed-length",), "dry_allowed_length", int, "N",
        "longest repetition without penalty (2)",
    ),
    _Flag(("--dry-penalty-last-n",), "dry_penalty_last_n", int, "N", "tokens it looks at (64)"),
    _Flag(
        ("--dynatemp-range",), "dynatemp_range", float, "X",
        "how far the temperature moves with the entropy (0.0 is off)",
    ),
    _Flag(("--dynatemp-exp",), "dynatemp_exponent", float, "X", "exponent of that move (1.0)"),
    _Flag(
        ("--mirostat",), "mirostat", int, "N",
        "1 or 2: steer the surprise in place of all filters (0 is off)",
    ),
    _Flag(("--mirostat-ent",), "mirostat_tau", float, "X", "its target, in bits (5.0)"),
    _Flag(("--mirostat-lr",), "mirostat_eta", float, "X", "its learning rate (0.1)"),
    _Flag(
        ("--adaptive-target",), "adaptive_target", float, "P",
        "probability that the sampler adaptive_p stays near (-1.0 is off)",
    ),
    _Flag(("--adaptive-decay",), "adaptive_decay", float, "X", "how slowly it forgets (0.9)"),
    _Flag(
        ("--min-keep",), "min_keep", int, "N", "filters leave at least N tokens (0 is off)"
    ),
)  # fmt: skip


FLAGS = {
    **{flag.option: flag.flags[0] if flag.flags[0] != "-s" else "--seed" for flag in _FLAGS},
    "dry_sequence_breakers": "--dry-sequence-breaker",
    "logit_bias": "--logit-bias",
    "samplers": "--samplers",
}  # by parameter


def add_sampling_arguments(parser: argparse.ArgumentParser) -> None:
    """The flags; what is not given stays None."""
    group = parser.add_argument_group("sampling")
    for flag in _FLAGS:
        group.add_argument(
            *flag.flags, dest=flag.option, type=flag.kind, metavar=flag.metavar, help=flag.help
        )
    group.add_argument(
        "--dry-sequence-breaker", action="append", metavar="TEXT",
        help=r"text no repetition reaches across; repeatable, replaces '\n', ':', '\"' and '*'; "
        "none for no breaker",
    )  # fmt: skip
    group.add_argument(
        "-l", "--logit-bias", action="append", metavar="TOKEN_ID(+/-)BIAS",
        help="add to a token's logit: 15043+1, 15043-1, 15043-inf; repeatable",
    )  # fmt: skip
    order = group.add_mutually_exclusive_group()
    order.add_argument(
        "--samplers", metavar="A;B;C",
        help="filters in order "
        "(penalties;dry;top_n_sigma;top_k;typ_p;top_p;min_p;xtc;temperature)",
    )  # fmt: skip
    order.add_argument(
        "--sampler-seq", "--sampling-seq", metavar="LETTERS",
        help="the same by letters (edskypmxt)",
    )  # fmt: skip


def sampling_options(args: argparse.Namespace) -> dict[str, Any]:
    """What was given, as keywords of `Model.generate`.

    Raises
    ------
    InputError
        If a bias or a letter cannot be read. Ranges are checked where the options are used.
    """
    given = {flag.option: getattr(args, flag.option) for flag in _FLAGS}
    options = {name: value for name, value in given.items() if value is not None}
    if options.get("seed") == -1:  # llama-cli's word for none
        del options["seed"]
    if args.dry_sequence_breaker is not None:
        options["dry_sequence_breakers"] = _breakers(args.dry_sequence_breaker)
    if args.logit_bias is not None:
        options["logit_bias"] = _biases(args.logit_bias)
    if args.samplers is not None:
        options["samplers"] = [name for name in args.samplers.split(";") if name]
    if args.sampler_seq is not None:
        options["samplers"] = _letters(args.sampler_seq)
    return options


def _breakers(texts: list[str]) -> list[str]:
    """As llama-cli reads them: "none" drops what came before it."""
    kept: list[str] = []
    for text in texts:
        kept = [] if text == "none" else [*kept, text]
    return kept


def _biases(texts: list[str]) -> dict[int, float]:
    """By token; what is given twice adds up, as in llama-cli."""
    total: dict[int, float] = {}
    for token, bias in map(_bias, texts):
        total[token] = total.get(token, 0.0) + bias
    return total


def _bias(text: str) -> tuple[int, float]:
    match = re.fullmatch(r"\s*(\d+)\s*([+-])(.+)", text)
    try:
        if match is None:
            raise ValueError
        return int(match[1]), float(match[3]) * (-1 if match[2] == "-" else 1)
    except ValueError:
        raise InputError(
            f"--logit-bias {text}: expected a token id and a bias, such as 15043+1 or 15043-inf"
        ) from None


def _letters(text: str) -> list[str]:
    from abi.sampling import SAMPLER_LETTERS

    wrong = [letter for letter in text if letter not in SAMPLER_LETTERS]
    if wrong:
        known = ", ".join(f"{letter} {name}" for letter, name in SAMPLER_LETTERS.items())
        raise InputError(f"--sampler-seq {text}: no sampler {wrong[0]!r}; expected {known}")
    return [SAMPLER_LETTERS[letter] for letter in text]
