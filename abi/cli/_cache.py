"""List and remove the models that `abi pull` fetched.

`abi cache ls` lists them, with what is there of interrupted downloads; `abi cache rm NAME...`
removes some, named as they are listed.
"""

from __future__ import annotations

import argparse
from datetime import datetime
from typing import TYPE_CHECKING, Any

from abi.cli._common import add_json, print_json
from abi.errors import AbiError, InputError

if TYPE_CHECKING:
    from abi.hub import Cached


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "action", choices=["ls", "rm"], metavar="ls|rm", help="ls to list, rm to remove"
    )
    parser.add_argument(
        "names", nargs="*", default=[], metavar="NAME", help="with rm: the models to remove"
    )
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    if args.action == "ls" and args.names:
        raise InputError(f"ls takes no name, got {args.names[0]!r}")
    if args.action == "rm" and not args.names:
        raise InputError("rm takes the names of models; abi cache ls lists them")
    (_list if args.action == "ls" else _remove)(args)


def _list(args: argparse.Namespace) -> None:
    from abi import hub

    models = hub.cached()
    if args.json:
        print_json({"folder": str(hub.cache_root()), "models": [_row(m) for m in models]})
        return
    width = max((len(model.name) for model in models), default=0)
    for model in models:
        when = datetime.fromtimestamp(model.time).strftime("%Y-%m-%d %H:%M")
        print(f"{model.name:{width}}  {hub.human(model.n_bytes):>8}  {when}{_state(model)}")
    total = hub.human(sum(model.n_bytes for model in models))
    print(f"{len(models)} models, {total} in {hub.cache_root()}")


def _remove(args: argparse.Namespace) -> None:
    from abi import hub

    freed: dict[str, int] = {}
    problems = []
    for name in dict.fromkeys(args.names):
        try:
            freed[name] = hub.remove(name)
        except AbiError as error:  # the others are removed all the same
            problems.append(str(error))
            continue
        if not args.json:
            print(f"{name}: {hub.human(freed[name])} removed")
    if args.json:
        print_json({"removed": freed})
    if problems:
        raise InputError("; ".join(problems))


def _state(model: Cached) -> str:
    from abi.hub import human

    if model.complete:
        return ""
    return "  partial" if model.size is None else f"  partial, of {human(model.size)}"


def _row(model: Cached) -> dict[str, Any]:
    return {
        "name": model.name,
        "path": str(model.path),
        "size": model.size,
        "n_bytes": model.n_bytes,
        "complete": model.complete,
        "time": model.time,
    }
