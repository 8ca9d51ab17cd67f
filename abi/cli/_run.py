"""Generate text from a prompt.

The prompt is echoed, then its continuation streams to standard output.
"""

from __future__ import annotations

import argparse
import sys
from typing import TYPE_CHECKING

from abi.cli._common import (
    Bar,
    add_json,
    add_model,
    load_model,
    model_name,
    print_json,
    read_text,
)

if TYPE_CHECKING:
    from abi.generate import Generation


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser, compute=True)
    parser.add_argument(
        "-p", "--prompt", default="", help="the prompt (none); - reads standard input"
    )
    parser.add_argument(
        "-n",
        "--max-tokens",
        type=int,
        metavar="N",
        help="at most N tokens (to the end of the text or the context)",
    )
    parser.add_argument("--temp", type=float, default=0.8, help="temperature; 0 is greedy (0.8)")
    parser.add_argument(
        "--top-k", type=int, default=40, metavar="K", help="keep the K likeliest (40; 0 is off)"
    )
    parser.add_argument(
        "--top-p",
        type=float,
        default=0.95,
        metavar="P",
        help="keep the likeliest up to P together (0.95; 1 is off)",
    )
    parser.add_argument(
        "--min-p",
        type=float,
        default=0.05,
        metavar="P",
        help="keep those P times as likely as the first (0.05; 0 is off)",
    )
    parser.add_argument("-s", "--seed", type=int, help="make the draws repeatable")
    parser.add_argument("--stop", action="append", default=[], help="end at this text; repeatable")
    parser.add_argument("--special", action="store_true", help="read control tokens in the prompt")
    parser.add_argument("--no-echo", action="store_true", help="do not print the prompt")
    parser.add_argument("-v", "--verbose", action="store_true", help="timings on standard error")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    prompt = read_text(args.prompt)
    model = load_model(args)
    with Bar("prompt", "tok") as bar:
        generation = model.generate(
            prompt,
            max_tokens=args.max_tokens,
            temperature=args.temp,
            top_k=args.top_k,
            top_p=args.top_p,
            min_p=args.min_p,
            seed=args.seed,
            stop=args.stop,
            parse_special=args.special,
            progress=bar.update,
        )
        if args.json:
            _print_json(args, generation)
        else:
            _stream("" if args.no_echo else prompt, generation)
    if args.verbose:
        _report(generation)
    elif generation.finish_reason == "context":
        print(f"abi run: the context of {model.n_ctx} tokens is full", file=sys.stderr)


def _stream(prompt: str, generation: Generation) -> None:
    out = sys.stdout
    out.write(prompt.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
    out.flush()
    for piece in generation:
        out.write(piece)
        out.flush()
    out.write("\n")


def _print_json(args: argparse.Namespace, generation: Generation) -> None:
    text = generation.read()
    timings = generation.timings
    print_json(
        {
            "model": model_name(args),
            "prompt_tokens": generation.prompt_tokens,
            "tokens": generation.tokens,
            "text": text,
            "finish_reason": generation.finish_reason,
            "prefill_tok_s": round(timings.prefill_rate, 2),
            "decode_tok_s": round(timings.decode_rate, 2),
        }
    )


def _report(generation: Generation) -> None:
    t = generation.timings
    print(
        f"prompt {t.prefill_tokens} tokens, {t.prefill_rate:.1f} tok/s; "
        f"generated {len(generation.tokens)}, {t.decode_rate:.1f} tok/s; "
        f"ended by {generation.finish_reason}",
        file=sys.stderr,
    )
