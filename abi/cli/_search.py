"""Find passages in the documents that were indexed.

By words and by meaning, best first, each with where it is.
"""

from __future__ import annotations

import argparse
from time import perf_counter

from abi.cli._common import add_json, print_json, read_text
from abi.cli._library import add_library, add_search, find, opened, reference, shown

PARAMETERS = {"k": "-k", "mode": "--mode", "candidates": "-k"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("question", metavar="WORDS", help="what to look for; - reads it")
    add_search(parser, k=5)
    add_library(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    question = read_text(args.question)
    start = perf_counter()
    with opened(args, write=False) as library:
        opening = perf_counter()
        passages = find(args, library, question)
    seconds = {"open": opening - start, "search": perf_counter() - opening}
    if args.json:
        found = [passage.to_json() for passage in passages]
        print_json({"question": question, "passages": found, "seconds": seconds})
        return
    if not passages:
        print("nothing found")
    for number, passage in enumerate(passages, 1):
        print(f"{reference(number, passage)}\n{shown(passage.text)}\n")
