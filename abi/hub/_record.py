"""Where a file lies in the cache, and the record beside it.

    models/OWNER--REPO/@REVISION/PATH    a file of the hub
    urls/HASH/FILE                       any other, by the hash of its address
    X X.json                             a whole file and its record
    X.part X.part.json                   one that is being fetched, and its journal
    X.lock                               held by the process that fetches

A file counts as there only with its record. The steps to the end are: journal complete, part
renamed to X, journal renamed to X.json; a journal without a part therefore belongs to X.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from abi import _platform
from abi.errors import InputError
from abi.hub._name import Name, check_path, parse, split_url

__all__ = ["Record", "Spot", "cache_root", "place", "write_record"]

_MAX_RECORD = 1 << 16


@dataclass(frozen=True)
class Record:
    """What is known of a file: its name, where it came from, and what it must be."""

    name: str
    url: str
    size: int | None = None
    checksum: str = ""  # "sha256:HEX" or "git:HEX"; "" where only the ETag identifies it
    etag: str = ""
    commit: str = ""
    group: str = ""  # the same for all parts of a split model that belong together
    time: float = 0.0  # when all of it was there

    def same_content(self, other: Record) -> bool:
        """Whether bytes of one may be bytes of the other."""
        if self.name != other.name or (other.size is not None and self.size != other.size):
            return False
        if other.checksum:
            return self.checksum == other.checksum
        return bool(self.etag) and self.etag == other.etag


def cache_root() -> Path:
    """The folder of all that is pulled: `ABI_CACHE`, or the platform's place for caches.

    Returns
    -------
    Path

    Examples
    --------
    >>> from abi import hub
    >>> folder = hub.cache_root()
    """
    named = os.environ.get("ABI_CACHE")
    try:
        return Path(named).expanduser() if named else _platform.cache_folder()
    except RuntimeError:
        raise InputError(f"ABI_CACHE={named}: there is no such user; give a whole path") from None


def place(name: Name) -> Path:
    """Where the file with this name (one with a path or a URL) lies."""
    if name.url:
        url = split_url(name.url)
        folder, _, file = url.path.rpartition("/")
        key = url._replace(path=folder).geturl()
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()[:20]
        return cache_root() / "urls" / digest / check_path(unquote(file))
    folder = name.repo.replace("/", "--")
    revision = f"@{quote(name.revision, safe='')}"  # with "@" it is no name of a device
    return cache_root().joinpath("models", folder, revision, *check_path(name.path).split("/"))


@dataclass(frozen=True)
class Spot:
    """A file's place with what belongs to it."""

    path: Path

    @property
    def record(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    @property
    def part(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part")

    @property
    def journal(self) -> Path:
        return self.path.with_name(f"{self.path.name}.part.json")

    @property
    def lock(self) -> Path:
        return self.path.with_name(f"{self.path.name}.lock")

    def whole(self) -> Record | None:
        """The record of the file if all of it is there."""
        size = _size(self.path)
        if size is None:
            return None
        record = self.partial() if _size(self.part) is None else None
        if record is None or record.size != size or not record.time:
            record = _load(self.record, self.path)
        return record if record is not None and record.size == size else None

    def partial(self) -> Record | None:
        """The journal of what is being fetched."""
        return _load(self.journal, self.path)

    def n_bytes(self) -> int:
        """Bytes on disk, those of a part included."""
        return (_size(self.path) or 0) + (_size(self.part) or 0)

    def part_size(self) -> int:
        """Bytes of what is being fetched."""
        return _size(self.part) or 0

    def time(self) -> float:
        """When bytes were last added."""
        times = [path.stat().st_mtime for path in (self.path, self.part) if path.exists()]
        return max(times, default=0.0)

    def settle(self) -> None:
        """Take the last step where it is missing."""
        journal = self.partial() if _size(self.part) is None else None
        if journal is not None and journal == self.whole():
            os.replace(self.journal, self.record)

    def remove(self) -> None:
        """Forget all of it; a journal first, because without a part it would name the file."""
        for path in (self.journal, self.part, self.path, self.record):
            path.unlink(missing_ok=True)
            path.with_name(f"{path.name}.new").unlink(missing_ok=True)

    def prune(self) -> None:
        """Remove the folders that are empty now."""
        folder, root = self.path.parent, cache_root()
        with contextlib.suppress(OSError):  # not empty, or in use
            while folder != root and root in folder.parents:
                folder.rmdir()
                folder = folder.parent


def write_record(record: Record, path: Path) -> None:
    """Replace a record as a whole."""
    fresh = path.with_name(f"{path.name}.new")
    with open(fresh, "w", encoding="utf-8") as file:
        json.dump(dataclasses.asdict(record), file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(fresh, path)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size if path.is_file() else None
    except OSError:
        return None


def _load(path: Path, file: Path) -> Record | None:
    """A record that is well formed and of this very file; else None, as if there were none."""
    try:
        with open(path, encoding="utf-8") as text:
            value = json.loads(text.read(_MAX_RECORD))
        record = Record(**value)
        good = all(isinstance(v, str) for v in (record.name, record.url, record.checksum))
        good = good and all(isinstance(v, str) for v in (record.etag, record.commit, record.group))
        good = good and (record.size is None or type(record.size) is int)
        good = good and isinstance(record.time, int | float)
        return record if good and place(parse(record.name)) == file else None
    except (OSError, ValueError, TypeError, RecursionError, InputError):
        return None
