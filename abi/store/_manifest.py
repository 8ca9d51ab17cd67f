"""The manifest: which files make up the database, as of one sequence number.

A manifest file, `manifest-<number>`, is text: two equal lines, each the CRC-32 of the rest of
the line in hexadecimal, a space, and JSON. The second line is read where the first is damaged.
The highest number holds; it appears under its name by a rename, when it is complete.
"""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import Any

from abi._nesting import check_json
from abi.errors import FormatError
from abi.store._config import CollectionConfig
from abi.store.files import Files

__all__ = ["FORMAT", "CollectionEntry", "Manifest", "SegmentEntry", "manifest_files"]

# Of everything: the log, packs and manifests go by it together. Older ones are read, and what is
# written is of this one. 2: vectors in the order of partitions, `tuned`, kinds of index files, and
# `terms`, the version of the terms of a segment's texts.
FORMAT = 2

_PREFIX, _PART = "manifest-", ".part"
_FILE_NAME = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


@dataclass(frozen=True)
class SegmentEntry:
    """One segment.

    Parameters
    ----------
    name : str
        Its file.
    rows : int
    deaths : str or None
        The file with its deletions.
    indexes : dict of str to str
        The index file of each vector that has one.
    tuned : dict of str to dict
        How wide the index of a vector is searched, where that was measured: `ef`, `nprobe`,
        `oversample`.
    died : (int, int) or None
        Of rows that nobody sees any more, kept for point-in-time recovery: sequence and time of
        the last deletion among them. None for a segment of the present.
    """

    name: str
    rows: int
    deaths: str | None = None
    indexes: Mapping[str, str] = field(default_factory=dict)
    tuned: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    died: tuple[int, int] | None = None

    def files(self) -> list[str]:
        """Files that it is made of."""
        return [self.name, *([self.deaths] if self.deaths else []), *self.indexes.values()]


@dataclass(frozen=True)
class CollectionEntry:
    """One collection.

    `created` and `dropped` are sequence and time of the commits that did it; a dropped one is
    kept for point-in-time recovery.
    """

    number: int
    name: str
    config: CollectionConfig
    created: tuple[int, int]
    dropped: tuple[int, int] | None = None
    segments: Sequence[SegmentEntry] = ()


@dataclass(frozen=True)
class Manifest:
    """The database as of `sequence`: later commits are in the log.

    Parameters
    ----------
    identity : str
        Tells databases apart; made at random with each.
    number : int
        Of the manifest.
    sequence, time : int
        The last commit that is in segments; time in microseconds since 1970.
    next_file, next_collection : int
        Numbers that were not used yet.
    horizon : (int, int)
        Sequence and time of the earliest state that can be recovered.
    collections : list of CollectionEntry
    """

    identity: str = ""
    number: int = 0
    sequence: int = 0
    time: int = 0
    next_file: int = 1
    next_collection: int = 1
    horizon: tuple[int, int] = (0, 0)
    collections: Sequence[CollectionEntry] = ()

    def files(self) -> set[str]:
        """All files that it refers to."""
        entries = [s for c in self.collections for s in c.segments]
        return {name for entry in entries for name in entry.files()}

    def with_segment(self, segment: SegmentEntry) -> Manifest:
        """With a segment in the place of the one of its name, and the next file's number used."""
        collections = tuple(
            replace(
                entry,
                segments=tuple(segment if s.name == segment.name else s for s in entry.segments),
            )
            for entry in self.collections
        )
        return replace(self, collections=collections, next_file=self.next_file + 1)

    def write(self, files: Files) -> Manifest:
        """Write it as the one that holds, with the next number; return it so numbered."""
        numbered = replace(self, number=self.number + 1)
        name = f"{_PREFIX}{numbered.number:010d}"
        text = json.dumps({"format": FORMAT, **asdict(numbered)}, separators=(",", ":"))
        line = f"{zlib.crc32(text.encode()):08x} {text}\n".encode()
        files.remove(name + _PART)
        file = files.create(name + _PART)
        try:
            file.append(line, line)
            file.sync()
        finally:
            file.close()
        files.sync()  # what it refers to must have its name before
        files.rename(name + _PART, name)
        files.sync()
        return numbered

    @classmethod
    def read(cls, files: Files, name: str) -> Manifest:
        """Read a manifest file.

        Raises
        ------
        FormatError
            If both of its lines are damaged, or it is of a newer format.
        """
        reader = files.open(name)
        data = bytes(reader.view())
        reader.close()
        source, half = f"{files.name}/{name}", len(data) // 2
        for line in (data[:half], data[half:]):
            checksum, _, text = line[:-1].partition(b" ")
            if checksum == b"%08x" % zlib.crc32(text):
                return _from_json(text, source)
        raise FormatError("damaged: neither of its two lines has its checksum", source=source)


def manifest_files(names: Sequence[str]) -> list[tuple[int, str]]:
    """Number and name of the manifests among names, the newest first."""
    tails = ((name.removeprefix(_PREFIX), name) for name in names if name.startswith(_PREFIX))
    numbers = ((int(t), name) for t, name in tails if t.isascii() and t.isdigit())
    return sorted(numbers, reverse=True)


def _from_json(text: bytes, source: str) -> Manifest:
    try:
        check_json(text)
        value = json.loads(text)
        if value["format"] > FORMAT:
            message = f"database format {value['format']}; this abi reads up to {FORMAT}: update it"
            raise FormatError(message, source=source)
        numbers = {
            key: _natural(value[key])
            for key in ("number", "sequence", "time", "next_file", "next_collection")
        }
        collections = tuple(_collection(entry, source) for entry in value["collections"])
        identity = _text(value["identity"])
        return Manifest(
            identity, horizon=_commit(value["horizon"]), collections=collections, **numbers
        )
    except FormatError:
        raise
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FormatError(f"no manifest: {error!r}", source=source) from None


def _collection(value: Any, source: str) -> CollectionEntry:
    dropped = value["dropped"]
    return CollectionEntry(
        _natural(value["number"]),
        _text(value["name"]),
        CollectionConfig.from_json(value["config"], source),
        _commit(value["created"]),
        None if dropped is None else _commit(dropped),
        tuple(_segment(entry) for entry in value["segments"]),
    )


def _segment(value: Any) -> SegmentEntry:
    deaths, died = value["deaths"], value["died"]
    return SegmentEntry(
        _file(value["name"]),
        _natural(value["rows"]),
        None if deaths is None else _file(deaths),
        {_text(k): _file(v) for k, v in value["indexes"].items()},
        {_text(k): _widths(v) for k, v in value.get("tuned", {}).items()},
        None if died is None else _commit(died),
    )


def _widths(value: Any) -> dict[str, int]:
    widths = {_text(k): _natural(v) for k, v in value.items()}
    if not widths.keys() <= {"ef", "nprobe", "oversample"} or 0 in widths.values():
        raise ValueError(f"{value!r} are no widths")
    return widths


def _natural(value: Any) -> int:
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is no natural number")
    return value


def _text(value: Any) -> str:
    if type(value) is not str:
        raise ValueError(f"{value!r} is no name")
    return value


def _file(value: Any) -> str:
    """A name that cannot lead out of the folder."""
    if type(value) is not str or not _FILE_NAME.fullmatch(value):
        raise ValueError(f"{value!r} is no file of a database")
    return value


def _commit(value: Any) -> tuple[int, int]:
    sequence, when = value
    return _natural(sequence), _natural(when)
