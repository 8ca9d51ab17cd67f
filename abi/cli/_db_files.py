"""`abi db import` and `export`: points out of files and into files."""

from __future__ import annotations

import argparse
import os
import sys
from typing import TYPE_CHECKING, Any

from abi.cli._common import Bar, print_json, printable
from abi.errors import FormatError, InputError

if TYPE_CHECKING:
    from abi.store import Collection, Database
    from abi.store.exchange import Source

__all__ = ["FORMATS", "export", "import_"]

FORMATS = ("jsonl", "npy", "parquet", "faiss", "hnswlib", "chroma")  # as `exchange` has them

_BATCH = 1000


def export(args: argparse.Namespace) -> None:
    from abi.store import open
    from abi.store.exchange import json_line, write_points

    name, file = [*args.names, "-"][:2]
    with open(args.folder, "r", at=args.at) as db:
        if file == "-":
            if args.format not in (None, "jsonl"):
                raise InputError(f"--format {args.format} needs a FILE to write to")
            for point in db[name].points(with_vectors=True):
                sys.stdout.buffer.write(f"{json_line(point)}\n".encode())
            return
        count = write_points(db[name], file, args.format, using=args.using, force=args.force)
    if args.json:
        print_json({"points": count})
        return
    print(f"{file}: {count} points written")


def import_(args: argparse.Namespace) -> None:
    from abi.store import open

    name, file = args.names
    source = _source(args, file)  # before a database is made for it
    if args.dim is None and source.dims is None:
        _check_there(args.folder, name)
    with open(args.folder) as db, Bar("import", "point") as bar:
        made = name not in db
        collection = _collection(db, name, args, source)
        count = 0
        try:
            for batch in source.batches(_BATCH):
                collection.upsert(**batch)
                count += len(batch["ids"])
                bar.update(count, source.n or count)
        except (InputError, FormatError) as error:
            if not count:
                if made:
                    db.drop_collection(name)
                raise
            raise InputError(f"{error}; the {count} points before are read in") from None
    if args.json:
        print_json({"points": count})
        return
    print(f"{printable(name)}: {count} points read")


def _source(args: argparse.Namespace, file: str) -> Source:
    from abi.store.exchange import Source, read_jsonl, read_points

    if file == "-":
        if args.format not in (None, "jsonl"):
            raise InputError(f"--format {args.format} needs a FILE to read from")
        return Source(None, None, None, lambda size: read_jsonl(sys.stdin.buffer, "-", size))
    return read_points(
        file, args.format, dim=args.dim or None, collection=args.source, using=args.using
    )


def _check_there(folder: str, name: str) -> None:
    from abi.store import open

    if os.path.isdir(folder):
        with open(folder, "r") as db:
            if name in db:
                return
    raise InputError(f"{folder}: no collection {name!r}; --dim N makes it (0: texts alone)")


def _collection(db: Database, name: str, args: argparse.Namespace, source: Source) -> Collection:
    """The collection to read into; made where it is not there."""
    metric = args.metric or source.metric or "cosine"
    if args.dim is not None:
        wanted: dict[str, Any] = {"dim": args.dim or None}
        if args.using:
            wanted = {"vectors": {args.using: args.dim}}
        return db.create_collection(name, metric=metric, exist_ok=True, **wanted)
    if name in db:
        return db[name]
    assert source.dims is not None
    if set(source.dims) == {""}:
        return db.create_collection(name, source.dims[""], metric)
    metrics = {} if args.metric else source.metrics
    vectors = {k: {"dim": n, "metric": metrics.get(k, metric)} for k, n in source.dims.items()}
    return db.create_collection(name, vectors=vectors or None)
