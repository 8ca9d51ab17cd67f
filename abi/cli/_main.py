"""Parsing, dispatch, and errors as one line."""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from types import ModuleType
from typing import Any, NoReturn

import abi
from abi.cli import (
    _ask,
    _bench,
    _cache,
    _chat,
    _convert,
    _db,
    _demo,
    _doctor,
    _embed,
    _index,
    _inspect,
    _perplexity,
    _pull,
    _quantize,
    _run,
    _search,
    _tokenize,
)
from abi.cli._errors import PARAMETERS, one_line, quietly, say
from abi.errors import AbiError, InputError

__all__ = ["VERBS", "make_parser", "run"]

VERBS: dict[str, ModuleType] = {
    "demo": _demo,
    "run": _run,
    "chat": _chat,
    "tokenize": _tokenize,
    "inspect": _inspect,
    "convert": _convert,
    "quantize": _quantize,
    "perplexity": _perplexity,
    "embed": _embed,
    "bench": _bench,
    "index": _index,
    "search": _search,
    "ask": _ask,
    "db": _db,
    "pull": _pull,
    "cache": _cache,
    "doctor": _doctor,
}

_USAGE, _INTERRUPTED, _TERMINATED = 2, 130, 143


class _Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line, and which does not hide that it cannot print."""

    def error(self, message: str) -> NoReturn:
        raise _UsageError(f"{self.prog}: error: {message}; see {self.prog} --help")

    def _print_message(self, message: str, file: Any = None) -> None:
        if message:
            (file or sys.stdout).write(message)


class _VerbParser(_Parser):
    """Takes what stands by itself in any place among the options."""

    stray = ""  # what to do with an argument that is one too many
    _mixing = False

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: Any = None
    ) -> tuple[Any, list[str]]:
        if self._mixing:  # the call below comes back here
            return super().parse_known_args(args, namespace)
        self._mixing = True
        mixed = "--" not in (args or ())  # which Pythons before 3.13 mix up
        parse = self.parse_known_intermixed_args if mixed else super().parse_known_args
        try:
            found, extra = parse(args, namespace)
        finally:
            self._mixing = False
        if extra:
            cure = "" if extra[0].startswith("-") else self.stray
            self.error(f"unrecognized arguments: {' '.join(extra)}{cure and '; '}{cure}")
        return found, []


class _UsageError(Exception):
    """A command line that cannot be read."""


def make_parser() -> argparse.ArgumentParser:
    """The parser of all verbs."""
    parser = _Parser(prog="abi", description="A private AI engine that runs wherever Python runs.")
    parser.add_argument("--version", action="version", version=f"abi {abi.__version__}")
    verbs = parser.add_subparsers(
        dest="verb", metavar="VERB", required=True, parser_class=_VerbParser
    )
    for name, module in VERBS.items():
        summary, _, rest = (module.__doc__ or "").partition("\n")
        verb = verbs.add_parser(
            name,
            help=summary.rstrip("."),
            description=f"{summary}\n{rest}".strip(),
            formatter_class=argparse.RawDescriptionHelpFormatter,
        )
        verb.stray = getattr(module, "STRAY", "")
        module.add_arguments(verb)
    return parser


def run(argv: Sequence[str] | None = None) -> int:
    """What `abi.cli.main` does."""
    what, names = "abi", PARAMETERS
    try:
        with _endings():
            _check_streams()
            args = make_parser().parse_args(argv)
            what, names = f"abi {args.verb}", _parameters(VERBS[args.verb])
            VERBS[args.verb].run(args)
            sys.stdout.flush()
    except SystemExit as exit_:  # after --help, and of a signal
        return _left(exit_)
    except KeyboardInterrupt:
        say("")
        return _INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe left
        _give_up_output()
    except _UsageError as error:
        say(one_line(error))
        return _USAGE
    except (AbiError, OSError, MemoryError) as error:
        _give_up_output()
        say(f"{what}: error: {one_line(error, names)}")
        return _USAGE
    return 0


def _left(exit_: SystemExit) -> int:
    """The status to leave with, when what was printed has arrived."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        _give_up_output()
    except OSError as error:
        _give_up_output()
        say(f"abi: error: {one_line(error)}")
        return _USAGE
    return exit_.code if isinstance(exit_.code, int) else _USAGE if exit_.code else 0


def _give_up_output() -> None:
    """What could not be written must not be tried again while Python shuts down."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except OSError:
        with quietly():
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextlib.contextmanager
def _endings() -> Iterator[None]:
    """Let what is told to end clean up after itself, as after Ctrl-C."""

    def ended(number: int, frame: object) -> NoReturn:
        raise SystemExit(_TERMINATED)

    names = [name for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name)]
    before: dict[int, Any] = {}
    with contextlib.suppress(ValueError):  # not in the main thread
        for number in (getattr(signal, name) for name in names):
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, ended)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _parameters(module: ModuleType) -> dict[str, str]:
    """Flags by parameter, for messages of a verb."""
    from abi.cli._sampling_options import FLAGS

    own: dict[str, str] = getattr(module, "PARAMETERS", {})
    return {**PARAMETERS, **FLAGS, **own}


def _check_streams() -> None:
    """What a terminal cannot show is escaped; a closed output is a mistake."""
    if sys.stdout is None:
        raise InputError("standard output is closed")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="surrogateescape")
