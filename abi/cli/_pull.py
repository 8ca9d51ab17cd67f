"""Fetch a model from the Hugging Face hub or a URL into the cache, and print its path.

NAME is owner/repo, owner/repo:Q5_K_M, owner/repo/file.gguf, each with @revision if wanted, or
a URL. An interrupted download goes on where it stopped. HF_ENDPOINT names a mirror, HF_TOKEN
the token for gated and private repositories, ABI_CACHE the cache's folder.
"""

from __future__ import annotations

import argparse

from abi.cli._common import Bar, add_json, print_json

PARAMETERS = {"tries": "--tries", "timeout": "--timeout"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("name", help="the model: owner/repo:QUANT, a file of a repository, a URL")
    parser.add_argument(
        "--timeout", type=float, default=30.0, metavar="S", help="wait S seconds for bytes (30)"
    )
    parser.add_argument(
        "--tries", type=int, default=6, metavar="N", help="give up after N failures in a row (6)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    from abi import hub

    with Bar("pull", "B") as bar:

        def say(message: str) -> None:
            bar.say(f"abi pull: {' '.join(message.split())}")

        try:
            path = hub.pull(
                args.name, progress=bar.update, notify=say,
                timeout=args.timeout, tries=args.tries,
            )  # fmt: skip
        except KeyboardInterrupt:
            say("stopped; the same command goes on from here")
            raise
    if args.json:
        found = [model for model in hub.cached() if model.path == path]
        name, n_bytes = (found[0].name, found[0].n_bytes) if found else (args.name, None)
        print_json({"name": name, "path": str(path), "n_bytes": n_bytes})
    else:
        print(path)
