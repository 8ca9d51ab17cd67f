"""Read documents into the library that `search` and `ask` look into.

A second run over the same folder reads what is new or changed and forgets what is gone. Text,
Markdown, HTML, reStructuredText, source code, CSV, JSON, notebooks, EPUB and DOCX are read, PDF
with `pip install 'abi-framework[docs]'`. What `.gitignore`, `.ignore` and `.abiignore` name is left
out. Without a folder it lists what there is.
"""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from abi.cli._common import Bar, add_json, print_json, printable
from abi.cli._errors import say
from abi.cli._library import add_library, opened
from abi.errors import InputError

if TYPE_CHECKING:
    from abi.rag import Added, Library

_SHOWN = 10  # files that could not be read


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("paths", nargs="*", metavar="PATH", help="folders or files")
    parser.add_argument("--remove", action="store_true", help="forget these instead")
    parser.add_argument("--watch", action="store_true", help="go on reading what changes")
    parser.add_argument(
        "--every", type=float, default=2.0, metavar="SECONDS", help="with --watch: look again (2)"
    )
    add_library(parser)
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    if (args.watch or args.remove) and not args.paths:
        raise InputError("name the folders")
    if not 0.1 <= args.every <= 86400:
        raise InputError(f"--every {args.every}: expected 0.1 to 86400 seconds")
    if args.watch and args.remove:
        raise InputError("--watch and --remove exclude each other")
    with opened(args, write=bool(args.paths)) as library:
        if not args.paths:
            _list(args, library)
        elif args.remove:
            _remove(args, library)
        else:
            _add(args, library)
            while args.watch:
                time.sleep(args.every)
                try:
                    _add(args, library, quiet=True)
                except InputError as error:  # a folder may come back
                    say(str(error))


def _list(args: argparse.Namespace, library: Library) -> None:
    trees = library.trees()
    if args.json:
        print_json(trees)
        return
    for name, n in trees.items():
        print(printable(f"{name}: {n} file{'s' * (n != 1)}"))


def _remove(args: argparse.Namespace, library: Library) -> None:
    found = {path: library.remove(path) for path in args.paths}
    if args.json:
        print_json(found)
        return
    for path, n in found.items():
        print(printable(f"{path}: {n} file{'s' * (n != 1)} forgotten"))


def _add(args: argparse.Namespace, library: Library, quiet: bool = False) -> None:
    for path in args.paths:
        with Bar("index", "file") as bar:
            added = library.add(path, progress=lambda done, n, name: bar.update(done, n))
        if quiet and not (added.new or added.changed or added.removed):
            continue
        if args.json:
            print_json({"path": path, **vars(added)})
        else:
            _tell(path, added)


def _tell(path: str, added: Added) -> None:
    for name, reason in added.skipped[:_SHOWN]:
        say(f"skipped {name}: {reason}")
    if len(added.skipped) > _SHOWN:
        say(f"skipped {len(added.skipped) - _SHOWN} more; --json names them all")
    counts = ", ".join(
        f"{getattr(added, name)} {name}"
        for name in ("new", "changed", "unchanged", "removed")
        if getattr(added, name)
    )
    if added.skipped:
        counts = ", ".join(filter(None, (counts, f"{len(added.skipped)} skipped")))
    done = f"{added.chunks} passage{'s' * (added.chunks != 1)} in {added.seconds:.1f} s"
    print(printable(f"{path}: {counts or 'no documents'}; {done}"))
