"""Look after a database of vectors: what is in it, backups, recovery, checks.

`abi db info FOLDER` shows what it holds, `list` the names of its collections. `backup FOLDER
INTO` makes a backup or brings one up to date; `restore FOLDER INTO --to TIME` writes a past
state, of the database or of a backup of it, as a new database. `check` reads every file,
compares checksums, and indexes with the data; `--repair` makes again what does not fit. `compact`
leaves out what was deleted. `export FOLDER COLLECTION` prints points as JSON lines, and `import
FOLDER COLLECTION FILE` reads such lines.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from abi.cli._common import Bar, add_json, print_json, printable
from abi.errors import InputError

if TYPE_CHECKING:
    from abi.store import Database

PARAMETERS = {"to": "--to", "at": "--at", "dim": "--dim", "metric": "--metric"}

_BATCH = 1000
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
    actions("--metric", default="cosine", help="with --dim: cosine, ip, l2 or hamming")
    add_json(parser)


def run(args: argparse.Namespace) -> None:
    action, wanted = _ACTIONS[args.action]
    if len(args.names) != len(wanted):
        line = " ".join(["FOLDER", *wanted])
        raise InputError(f"{args.action} takes {line}; got {1 + len(args.names)} names")
    if args.to is not None and args.action != "restore":
        raise InputError("--to is for restore; --at reads a past state")
    if args.at is not None and args.action not in ("info", "list", "export"):
        raise InputError("--at is for info, list and export; --to says what restore goes back to")
    if args.repair and args.action != "check":
        raise InputError("--repair is for check")
    if args.dim is not None and args.action != "import":
        raise InputError("--dim is for import")
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


def _export(args: argparse.Namespace) -> None:
    with _reader(args) as db:
        for point in db[args.names[0]].points(with_vectors=True):
            named = dict(point.vectors or {})
            line: dict[str, Any] = {"id": point.id}
            if "" in named:
                line["vector"] = named.pop("").tolist()
            if named:
                line["vectors"] = {name: vector.tolist() for name, vector in named.items()}
            if point.payload is not None:
                line["payload"] = point.payload
            if point.text is not None:
                line["text"] = point.text
            print(json.dumps(line, ensure_ascii=False))


def _import(args: argparse.Namespace) -> None:
    from abi.store import open

    name, file = args.names
    if file != "-":
        os.stat(file)  # before a database is made for it
    if args.dim is None:
        _check_there(args.folder, name)
    with open(args.folder) as db:
        if args.dim is not None:
            db.create_collection(name, args.dim or None, args.metric, exist_ok=True)
        collection = db[name]
        count = 0
        for batch in _batches(file):
            collection.upsert(**batch)
            count += len(batch["ids"])
    if args.json:
        print_json({"points": count})
        return
    print(f"{printable(name)}: {count} points read")


def _check_there(folder: str, name: str) -> None:
    from abi.store import open

    if os.path.isdir(folder):
        with open(folder, "r") as db:
            if name in db:
                return
    raise InputError(f"{folder}: no collection {name!r}; --dim N makes it (0: texts alone)")


def _batches(file: str) -> Iterator[dict[str, Any]]:
    """Arguments of `upsert`, some lines at a time."""
    lines: list[dict[str, Any]] = []
    source = sys.stdin.buffer if file == "-" else open(file, "rb")  # noqa: SIM115
    with source:
        for number, text in enumerate(source, 1):
            if text.strip():
                lines.append(_point(text, f"{file}, line {number}"))
            if len(lines) == _BATCH:
                yield _columns(lines)
                lines = []
    if lines:
        yield _columns(lines)


def _point(text: bytes, where: str) -> dict[str, Any]:
    try:
        point = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{where}: no JSON: {error}") from None
    if not isinstance(point, dict) or "id" not in point:
        raise InputError(f'{where}: expected an object with "id"')
    if unknown := sorted(set(point) - {"id", "vector", "vectors", "payload", "text"}):
        raise InputError(f'{where}: unknown {unknown[0]!r}; put other values into "payload"')
    return point


def _columns(points: list[dict[str, Any]]) -> dict[str, Any]:
    named = [
        {**p.get("vectors", {}), **({"": p["vector"]} if "vector" in p else {})} for p in points
    ]
    names = dict.fromkeys(name for vectors in named for name in vectors)
    return {
        "ids": [p["id"] for p in points],
        "vectors": {name: [vectors.get(name) for vectors in named] for name in names},
        "payloads": [p.get("payload") for p in points],
        "texts": [p.get("text") for p in points],
    }


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
    "export": (_export, ("COLLECTION",)),
    "import": (_import, ("COLLECTION", "FILE")),
}
