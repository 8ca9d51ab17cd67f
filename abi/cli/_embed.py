"""Turn texts into vectors, or rank them for a query.

Each text gives one line, a JSON list of numbers. Texts are arguments, or the lines of a file
or of standard input.
"""

from __future__ import annotations

import argparse
import io
import sys
from typing import TYPE_CHECKING, Any

from abi._files import replacing
from abi.cli._common import (
    Bar,
    add_json,
    add_model,
    load_model,
    model_name,
    print_json,
    read_bytes,
    read_text,
    stdin_waits,
)
from abi.errors import InputError

if TYPE_CHECKING:
    from abi.generate import Model


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser, compute=True)
    parser.add_argument("texts", nargs="*", metavar="TEXT", help="a text; - reads standard input")
    parser.add_argument("-f", "--file", help="a text a line; - reads standard input")
    parser.add_argument(
        "--pooling",
        choices=["mean", "cls", "last"],
        help="how tokens become a vector (the file's)",
    )
    prompts = parser.add_mutually_exclusive_group()
    prompts.add_argument(
        "--prompt-name", metavar="NAME", help='which of the file\'s prompts, such as "query"'
    )
    prompts.add_argument("--prompt", metavar="TEXT", help="what to put before each text instead")
    parser.add_argument("--no-normalize", action="store_true", help="leave lengths as they are")
    parser.add_argument("--truncate", action="store_true", help="leave out what does not fit")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument(
        "-o", "--out", metavar="FILE", help="write a .npy file instead; - for standard output"
    )
    kinds.add_argument(
        "--rerank", metavar="QUERY", help="score the texts for a query, best first (rerankers)"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    texts = _texts(args)
    if not texts:
        raise InputError("there is no text; give one or more, or a file with -f")
    model = load_model(args)
    if args.rerank is not None:
        for_vectors = (args.pooling, args.prompt, args.prompt_name)
        if args.no_normalize or any(option is not None for option in for_vectors):
            cure = "--pooling, --prompt, --prompt-name and --no-normalize are for vectors"
            raise InputError(f"{cure}, not for --rerank")
        _rank(args, model, texts)
        return
    with Bar("embed", "text") as bar:
        vectors = model.embed(
            texts,
            prompt_name=args.prompt_name,
            prompt=args.prompt,
            pooling=args.pooling,
            normalize=not args.no_normalize,
            truncate=args.truncate,
            progress=bar.update,
        )
    if args.out is not None:
        _save(args.out, vectors)
    elif args.json:
        print_json({"model": model_name(args), "dim": vectors.shape[1], "embeddings": vectors})
    else:
        for vector in vectors:
            print_json(vector)


def _texts(args: argparse.Namespace) -> list[str]:
    texts = [read_text(text) for text in args.texts]
    file = args.file
    if not texts and file is None and stdin_waits():
        file = "-"
    if file is not None:
        whole = read_bytes(file).decode("utf-8", "surrogateescape").removeprefix("\ufeff")
        texts += _lines(whole.removesuffix("\n"))
    return texts


def _lines(text: str) -> list[str]:
    lines = text.split("\n") if text else []
    if "" in lines:
        raise InputError(f"line {lines.index('') + 1} of the texts is empty; take it out")
    return lines


def _rank(args: argparse.Namespace, model: Model, texts: list[str]) -> None:
    with Bar("rerank", "text") as bar:
        scores = model.rerank(args.rerank, texts, truncate=args.truncate, progress=bar.update)
    pairs = zip(scores.tolist(), texts, strict=True)
    ranked = sorted(pairs, key=lambda pair: pair[0], reverse=True)
    if args.json:
        found = [{"score": score, "text": text} for score, text in ranked]
        print_json({"model": model_name(args), "query": args.rerank, "results": found})
        return
    for score, text in ranked:
        print(f"{score:.4f}\t{text.encode('utf-8', 'surrogateescape').decode('utf-8', 'replace')}")


def _save(path: str, vectors: Any) -> None:
    import numpy as np

    head = io.BytesIO()
    form = np.lib.format.header_data_from_array_1_0(vectors)
    np.lib.format.write_array_header_1_0(head, form)
    data = np.ascontiguousarray(vectors).view(np.uint8).data
    if path == "-":
        sys.stdout.buffer.write(head.getvalue())
        sys.stdout.buffer.write(data)
        return
    with replacing(path) as file:
        file.write(head.getvalue())
        file.write(data)
