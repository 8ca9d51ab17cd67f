"""Generate text from a prompt.

The prompt is echoed, then its continuation streams to standard output. Sampling follows
llama.cpp: the same names, order and draws for a seed.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from itertools import chain
from typing import TYPE_CHECKING, Any

from abi.cli._common import (
    Bar,
    add_json,
    add_model,
    load_model,
    model_name,
    print_json,
    read_bytes,
    read_text,
)
from abi.cli._errors import say
from abi.cli._generation_options import (
    add_constraint_arguments,
    add_generation_arguments,
    constraint,
    generation_options,
    keep_prompt,
    recall_prompt,
)
from abi.cli._sampling_options import add_sampling_arguments, sampling_options
from abi.errors import InputError

if TYPE_CHECKING:
    from abi.generate import Choices, Generation, Model, TokenLogprob


STRAY = "the prompt goes with -p, the model with -m"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser, compute=True)
    prompts = parser.add_mutually_exclusive_group()
    prompts.add_argument(
        "-p", "--prompt", default="", help="the prompt (none); - reads standard input"
    )
    prompts.add_argument("-f", "--file", help="a file that holds the prompt")
    parser.add_argument(
        "-n", "--max-tokens", "--n-predict", "--predict", type=int, metavar="N",
        help="at most N tokens (-1: to the end of the text or the context)",
    )  # fmt: skip
    parser.add_argument(
        "--choices", type=int, default=1, metavar="N",
        help="continue in N ways, one after the other on standard output (1)",
    )  # fmt: skip
    parser.add_argument(
        "--logprobs", type=int, metavar="K",
        help="with --json: log-probabilities of each token and of K alternatives",
    )  # fmt: skip
    parser.add_argument("--stop", action="append", default=[], help="end at this text; repeatable")
    parser.add_argument("--ignore-eos", action="store_true", help="ban the tokens that end a text")
    parser.add_argument("--special", action="store_true", help="read control tokens in the prompt")
    parser.add_argument("--no-echo", action="store_true", help="do not print the prompt")
    parser.add_argument("-v", "--verbose", action="store_true", help="timings on standard error")
    add_json(parser)
    add_generation_arguments(parser)
    add_constraint_arguments(parser)
    add_sampling_arguments(parser)


def run(args: argparse.Namespace) -> None:
    if args.logprobs is not None and not args.json:
        raise InputError("--logprobs is for --json, which is missing")
    if args.choices > 1 and args.prompt_cache is not None:
        raise InputError("--prompt-cache keeps one text; it does not go with --choices")
    prompt, sampling = _prompt(args), sampling_options(args)
    model = load_model(args)
    if args.ignore_eos:
        ends = dict.fromkeys(model.tokenizer.vocab.eog, False)
        sampling["logit_bias"] = {**sampling.get("logit_bias", {}), **ends}
    recall_prompt(args, model)
    held = constraint(args, model)
    with Bar("prompt", "tok") as bar:
        choices = model.choices(
            prompt,
            n=args.choices,
            max_tokens=None if args.max_tokens == -1 else args.max_tokens,
            stop=args.stop,
            parse_special=args.special,
            progress=bar.update,
            logprobs=args.logprobs,
            constraint=held,
            **generation_options(args, model),
            **sampling,
        )
        try:
            _shown(args, prompt, choices)
        finally:  # after Ctrl-C too, and where the reader of a pipe left
            choices.close()
            keep_prompt(args, model)
    _report_all(args, model, choices, held is not None)


def _prompt(args: argparse.Namespace) -> str:
    if args.file is None:
        return read_text(args.prompt)
    return read_bytes(args.file).decode("utf-8", "surrogateescape").removesuffix("\n")


def _shown(args: argparse.Namespace, prompt: str, choices: Choices) -> None:
    if args.json:
        _print_json(args, choices)
    else:
        _print("" if args.no_echo else prompt, choices)


def _report_all(args: argparse.Namespace, model: Model, choices: Choices, held: bool) -> None:
    for generation in choices.generations:
        if args.verbose:
            _report(generation)
        elif generation.finish_reason == "context":
            say(f"abi run: the context of {model.n_ctx} tokens is full")
        if held and generation.finish_reason != "stop":
            say("abi run: the text ended before it was complete; raise -n")


def _print(prompt: str, choices: Choices) -> None:
    """One choice streams; several are printed when all have ended, with a line between."""
    head = prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    if len(choices) == 1:
        _stream(head, (piece for _, piece in choices))
        return
    for i, text in enumerate(choices.read()):
        sys.stdout.write("---\n" if i else "")
        _stream(head, [text])


def _stream(head: str, pieces: Iterable[str]) -> None:
    for piece in chain([head], pieces):
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _print_json(args: argparse.Namespace, choices: Choices) -> None:
    choices.read()
    reports = [_json(generation) for generation in choices.generations]
    first = choices.generations[0]
    head = {"model": model_name(args), "prompt_tokens": first.prompt_tokens}
    print_json(head | (reports[0] if len(reports) == 1 else {"choices": reports}))


def _json(generation: Generation) -> dict[str, Any]:
    timings = generation.timings
    report: dict[str, Any] = {
        "tokens": generation.tokens,
        "text": generation.text,
        "finish_reason": generation.finish_reason,
        "seed": generation.seed,
        "prefill_tok_s": round(timings.prefill_rate, 2),
        "decode_tok_s": round(timings.decode_rate, 2),
        "reused_tokens": timings.reused_tokens,
        "draft_tokens": timings.draft_tokens,
        "draft_accepted": timings.draft_accepted,
    }
    if generation.logprobs is not None:
        report["logprobs"] = [
            _logprob(one) | {"top": [_logprob(other) for other in one.top]}
            for one in generation.logprobs
        ]
    return report


def _logprob(one: TokenLogprob) -> dict[str, Any]:
    return {
        "token": one.token,
        "text": one.text,
        "bytes": list(one.piece),
        "logprob": one.logprob,
    }


def _report(generation: Generation) -> None:
    t = generation.timings
    reused = f" and {t.reused_tokens} reused" if t.reused_tokens else ""
    guessed = f"; {t.draft_accepted} of {t.draft_tokens} guesses right" if t.draft_tokens else ""
    say(
        f"prompt {t.prefill_tokens} tokens{reused}, {t.prefill_rate:.1f} tok/s; "
        f"generated {len(generation.tokens)}, {t.decode_rate:.1f} tok/s{guessed}; "
        f"ended by {generation.finish_reason}"
    )
