"""Parsing, dispatch, and errors as one line."""

from __future__ import annotations

import argparse
import io
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import abi
from abi.cli import (
    _bench,
    _cache,
    _chat,
    _doctor,
    _embed,
    _inspect,
    _perplexity,
    _pull,
    _quantize,
    _run,
    _tokenize,
)
from abi.errors import AbiError, InputError

__all__ = ["VERBS", "main", "make_parser"]

VERBS = {
    "run": _run,
    "chat": _chat,
    "tokenize": _tokenize,
    "inspect": _inspect,
    "quantize": _quantize,
    "perplexity": _perplexity,
    "embed": _embed,
    "bench": _bench,
    "pull": _pull,
    "cache": _cache,
    "doctor": _doctor,
}

_USAGE, _INTERRUPTED = 2, 130


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(_USAGE, f"{self.prog}: error: {message}; see {self.prog} --help\n")


def make_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = _Parser(prog="abi", description="A private AI engine that runs wherever Python runs.")
    parser.add_argument("--version", action="version", version=f"abi {abi.__version__}")
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    for name, module in VERBS.items():
        summary, _, rest = (module.__doc__ or "").partition("\n")
        verb = verbs.add_parser(
            name,
            help=summary.rstrip("."),
            description=f"{summary}\n{rest}".strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        module.add_arguments(verb)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line.

    Parameters
    ----------
    argv : sequence of str, optional
        Arguments without the program's name; None takes those of the process.

    Returns
    -------
    int
        Exit status: 0, 2 for a user's mistake, 130 after Ctrl-C.
    """
    try:
        args = make_parser().parse_args(argv)
    except SystemExit as exit_:  # argparse prints its own line
        return exit_.code if isinstance(exit_.code, int) else _USAGE
    try:
        _check_streams()
        VERBS[args.verb].run(args)
        sys.stdout.flush()
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of a pipe left; keep Python from complaining while it shuts down.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (AbiError, OSError) as error:
        if sys.stderr is not None:
            print(f"abi {args.verb}: error: {_one_line(error)}", file=sys.stderr)
        return _USAGE
    return 0


def _check_streams() -> None:
    """What a terminal cannot show is escaped; a closed output is a mistake."""
    if sys.stdout is None:
        raise InputError("standard output is closed")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _one_line(error: Exception) -> str:
    text = str(error)
    if isinstance(error, OSError) and not isinstance(error, AbiError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        text = f"{where}{error.strerror}"
    text = " ".join(text.split())
    # What others wrote, such as a server or a file, must not move the terminal's cursor.
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)
