"""Measure how well a model predicts a text.

The text is cut into chunks of the context, and the second half of each counts, as
llama-perplexity does it. Lower is better; compare only models with the same tokeniser.
"""

from __future__ import annotations

import argparse
from dataclasses import asdict

from abi.cli._common import Bar, add_json, add_model, load_model, model_name, print_json, read_bytes

STRAY = "the text's file goes with -f"
PARAMETERS = {"n_ctx": "--chunk-tokens"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser, compute=True)
    parser.add_argument("-f", "--file", default="-", help="the text (default: standard input)")
    parser.add_argument("--chunks", type=int, metavar="N", help="at most N chunks")
    parser.add_argument(
        "--chunk-tokens", type=int, metavar="N", help="tokens of a chunk (512, or the context)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    from abi.generate import perplexity

    text = read_bytes(args.file)
    model = load_model(args)
    with Bar("perplexity", "chunk") as bar:
        found = perplexity(
            model,
            text,
            n_ctx=args.chunk_tokens,
            chunks=args.chunks,
            progress=bar.update,
        )
    if args.json:
        print_json({"model": model_name(args)} | asdict(found))
        return
    print(
        f"perplexity {found.value:.4f} +/- {found.error:.4f} "
        f"({found.n_tokens} tokens in {found.n_chunks} chunks of {found.n_ctx})"
    )
