"""Show the tokens of a text, or the text of tokens.

One line a token: its id and its piece.
"""

from __future__ import annotations

import argparse

from abi.cli._common import add_json, add_model, model_file, print_json, read_text
from abi.errors import InputError

STRAY = "put the text in quotes"
_HEX = "<0x"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    add_model(parser, compute=False)
    parser.add_argument("text", nargs="?", default="-", help="the text (default -: standard input)")
    parser.add_argument("--ids", action="store_true", help="print ids alone, on one line")
    parser.add_argument("--count", action="store_true", help="print the number of tokens alone")
    parser.add_argument("--no-special", action="store_true", help="add no start or end token")
    parser.add_argument("--special", action="store_true", help="read control tokens in the text")
    parser.add_argument("--decode", action="store_true", help="the text is ids; print their text")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    from abi.tokenizer import Tokenizer

    tokenizer = Tokenizer.from_metadata(model_file(args).metadata, pre=args.tokenizer_pre)
    text = read_text(args.text)
    if args.decode:
        _print_text(args, tokenizer.decode(_ids(text), special=args.special))
        return
    ids = tokenizer.encode(text, add_special=not args.no_special, parse_special=args.special)
    pieces = [_shown(tokenizer.piece(i)) for i in ids]
    if args.json:
        rows = [
            {"id": i, "piece": piece, "bytes": list(tokenizer.piece(i))}
            for i, piece in zip(ids, pieces, strict=True)
        ]
        print_json({"count": len(ids), "tokens": rows})
    elif args.count:
        print(len(ids))
    elif args.ids:
        print(*ids)
    else:
        for i, piece in zip(ids, pieces, strict=True):
            print(f"{i:>8}  {piece if piece.startswith(_HEX) else repr(piece)}")


def _shown(piece: bytes) -> str:
    """Text, or bytes that are no characters by themselves as <0xC3>."""
    try:
        return piece.decode()
    except UnicodeDecodeError:
        return "".join(f"{_HEX}{byte:02X}>" for byte in piece)


def _print_text(args: argparse.Namespace, text: str) -> None:
    if args.json:
        print_json({"text": text})
    else:
        print(text)


def _ids(text: str) -> list[int]:
    try:
        return [int(word) for word in text.replace(",", " ").strip("[] \n").split()]
    except ValueError as error:
        raise InputError(f"--decode takes token ids: {error}") from None
