"""Look after a database of vectors: what is in it, backups, recovery, checks.

`abi db info FOLDER` shows what it holds, `list` the names of its collections. `backup FOLDER
INTO` makes a backup or brings one up to date; `restore FOLDER INTO --to TIME` writes a past
state, of the database or of a backup of it, as a new database. `check` reads every file,
compares checksums, and indexes with the data; `--repair` makes again what does not fit. `compact`
leaves out what was deleted. `export FOLDER COLLECTION` prints points as JSON lines, or writes
them to a FILE that ends in .jsonl, .npy or .parquet; `import FOLDER COLLECTION FILE` reads such
files, those of faiss and hnswlib, and the folder of a Chroma client.
"""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from abi.cli._common import Bar, add_json, print_json, printable
from abi.cli._db_files import FORMATS, export, import_
from abi.errors import InputError

if TYPE_CHECKING:
    from abi.store import Database

PARAMETERS = {
    "to": "--to", "at": "--at", "dim": "--dim", "metric": "--metric", "format": "--format",
    "using": "--using", "collection": "--source", "force": "--force",
}  # fmt: skip

_WHEN = "a time (2026-11-23T10:00:00Z) or a sequence number"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_argument
    actions("action", choices=list(_ACTIONS), metavar="ACTION", help=", ".join(_ACTIONS))
    actions("folder", metavar="FOLDER", help="the folder of the database")
    actions("names", nargs="*", default=[], metavar="NAME", help="what else the action takes")
    actions("--to", metavar="WHEN", help=f"restore: {_WHEN}")
    actions("--repair", action="store_true", help="check: make indexes again from data")
    actions("--at", metavar="WHEN", help="info, list, export: as it was then")
    actions(
        "--dim", type=int, metavar="N", help="import: make it, of N numbers a vector (0: texts)"
    )
    actions("--metric", help="import: cosine (default), ip, l2 or hamming, of what it makes")
    actions("--format", metavar="NAME", help=f"import, export: {', '.join(FORMATS)}")
    actions("--using", default="", metavar="NAME", help="which vector, where points have several")
    actions("--source", metavar="NAME", help="import: which collection of Chroma's")
    actions("--force", action="store_true", help="export: replace FILE if it exists")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    action, wanted = _ACTIONS[args.action]
    needed = sum(not name.startswith("[") for name in wanted)
    if not needed <= len(args.names) <= len(wanted):
        line = " ".join(["FOLDER", *wanted])
        raise InputError(f"{args.action} takes {line}; got {1 + len(args.names)} names")
    if args.to is not None and args.action != "restore":
        raise InputError("--to is for restore; --at reads a past state")
    if args.at is not None and args.action not in ("info", "list", "export"):
        raise InputError("--at is for info, list and export; --to says what restore goes back to")
    if args.repair and args.action != "check":
        raise InputError("--repair is for check")
    for name in ("dim", "metric", "source"):
        if getattr(args, name) is not None and args.action != "import":
            raise InputError(f"--{name} is for import")
    if (args.format or args.using) and args.action not in ("import", "export"):
        raise InputError("--format and --using are for import and export")
    if args.force and args.action != "export":
        raise InputError("--force is for export")
    action(args)


def _reader(args: argparse.Namespace) -> Database:
    from abi.store import open

    return open(args.folder, "r", at=args.at)


def _info(args: argparse.Namespace) -> None:
    with _reader(args) as db:
        info = db.info()
    if args.json:
        print_json(info)
        return
    sequence, when = info["horizon"]
    print(f"{args.folder}: sequence {info['sequence']}, {_size(info['n_bytes'])}")
    print(f"can go back to {f'sequence {sequence}, {when}' if sequence else 'its beginning'}")
    for name, found in info["collections"].items():
        vectors = ", ".join(
            f"{label + ' ' if label else ''}{v['dim']} x {v['metric']}"
            for label, v in found["vectors"].items()
        )
        parts = f"{found['segments']} segment{'s' * (found['segments'] != 1)}"
        print(
            f"{printable(name)}: {found['points']} points, {vectors or 'no vectors'}, {parts}, "
            f"{_size(found['n_bytes'])}"
        )


def _list(args: argparse.Namespace) -> None:
    with _reader(args) as db:
        names = db.collections()
    if args.json:
        print_json(names)
        return
    for name in names:
        print(printable(name))


def _backup(args: argparse.Namespace) -> None:
    from abi.store import backup

    done = backup(args.folder, args.names[0])
    if args.json:
        print_json(vars(done))
        return
    print(
        f"{args.names[0]}: up to sequence {done.sequence}; {done.copied} files copied "
        f"({_size(done.n_bytes)}), {done.kept} there already"
    )


def _restore(args: argparse.Namespace) -> None:
    from abi.store import restore, show_time

    if args.to is None:
        raise InputError(f"restore needs --to: {_WHEN}")
    sequence, when = restore(args.folder, args.to, args.names[0])
    if args.json:
        print_json({"sequence": sequence, "time": show_time(when)})
        return
    print(f"{args.names[0]}: the state after sequence {sequence}, {show_time(when)}")


def _check(args: argparse.Namespace) -> None:
    import warnings

    from abi.store import open

    done: list[str] = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are among what the check finds
        _reader(args).close()  # a folder that holds no database is not made one
        with open(args.folder, "w" if args.repair else "r") as db, Bar("check", "file") as bar:
            if args.repair:
                done = db.repair()
            problems = db.check(bar.update)
    if args.json:
        print_json({"repaired": done, "problems": problems})
    else:
        for one in done:
            print(one)
        if not problems:
            print(f"{args.folder}: every checksum is right, and every index fits its data")
    if problems:
        raise InputError("; ".join(problems))


def _compact(args: argparse.Namespace) -> None:
    from abi.store import open

    with open(args.folder, "r") as db:
        before = db.info()["n_bytes"]
    with open(args.folder) as db:
        db.compact()
        after = db.info()["n_bytes"]
    if args.json:
        print_json({"before": before, "after": after})
        return
    print(f"{args.folder}: {_size(before)} before, {_size(after)} after")


def _size(n_bytes: int) -> str:
    from abi.hub import human

    return human(n_bytes)


_ACTIONS = {
    "info": (_info, ()),
    "list": (_list, ()),
    "backup": (_backup, ("INTO",)),
    "restore": (_restore, ("INTO",)),
    "check": (_check, ()),
    "compact": (_compact, ()),
    "export": (export, ("COLLECTION", "[FILE]")),
    "import": (import_, ("COLLECTION", "FILE")),
}
