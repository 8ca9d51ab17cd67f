"""What the cache holds: listing, finding by name, removing. No network."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from abi.errors import InputError, NotPulledError
from abi.hub._files import RepoFile, Variant, choose, variants
from abi.hub._http import hub_endpoint
from abi.hub._name import Name, parse
from abi.hub._part import locked
from abi.hub._record import Record, Spot, cache_root, place

__all__ = ["Cached", "cached", "locate", "remove", "resolve"]

_T = TypeVar("_T")
_WEB = ("http://", "https://")


@dataclass(frozen=True)
class Cached:
    """A model in the cache.

    Attributes
    ----------
    name : str
        What `pull`, `resolve`, `remove` and `abi.load` take.
    path : Path
        The file, of a split model the first.
    size : int or None
        Bytes of the whole model; None if that is not known.
    n_bytes : int
        Bytes on disk.
    complete : bool
        False if some are still missing; `pull` fetches them.
    time : float
        When bytes were last added, in POSIX seconds.
    """

    name: str
    path: Path
    size: int | None
    n_bytes: int
    complete: bool
    time: float


@dataclass(frozen=True)
class _Entry:
    """One file of the cache. `key` is the same for the files of one repository or folder."""

    spot: Spot
    record: Record
    name: Name

    @property
    def key(self) -> tuple[str, str]:
        return _key(self.name)

    @property
    def file(self) -> RepoFile:
        return RepoFile(_file(self.name), self.record.size, self.record.checksum)


def cached() -> list[Cached]:
    """All that is in the cache, whole or partial, in the order of names.

    Returns
    -------
    list of Cached

    Examples
    --------
    >>> from abi import hub
    >>> partial = [model.name for model in hub.cached() if not model.complete]
    """
    groups: dict[tuple[str, str], list[_Entry]] = {}
    for entry in _entries():
        groups.setdefault(entry.key, []).append(entry)
    found = []
    for entries in groups.values():
        models = variants([entry.file for entry in entries])
        found += [_describe(variant, models, entries) for variant in models]
    return sorted(found, key=lambda model: model.name)


def resolve(name: str) -> Path:
    """The path of a model that is in the cache; of a split one, that of its first part.

    Parameters
    ----------
    name : str
        As `abi.hub.parse` reads it.

    Returns
    -------
    Path

    Raises
    ------
    InputError
        If the text is no name.
    NotPulledError
        If the cache does not hold all of such a model, or holds several that fit.

    Examples
    --------
    >>> from abi import hub
    >>> try:
    ...     hub.resolve("no-such-owner/repo")
    ... except FileNotFoundError as error:
    ...     print(error)
    no-such-owner/repo is not in the cache; abi pull no-such-owner/repo fetches it
    """
    wanted = parse(name, hub_endpoint())
    cure = f"abi pull {wanted} fetches it"
    held = [e for e in _entries() if e.key == _key(wanted)]
    whole = {e.file.path: record for e in held if (record := e.spot.whole()) is not None}
    if not whole:
        raise NotPulledError(f"{wanted} is not in the cache; {cure}")
    files = [e.file for e in held if e.file.path in whole]
    try:
        chosen = choose(_query(wanted), files, "the cache")
    except InputError as error:
        raise NotPulledError(f"{wanted}: {error}; {cure}") from None
    if len({whole[file.path].group for file in chosen.files}) > 1:
        raise NotPulledError(f"{wanted}: its parts are of different versions; {cure}")
    return next(e.spot.path for e in held if e.file.path == chosen.files[0].path)


def locate(source: _T) -> _T | Path:
    """A source for `abi.load`: the name of a pulled model as its path, anything else as it is.

    Raises
    ------
    NotPulledError
        If it is no file, and a name of what the cache does not hold.

    Examples
    --------
    >>> from abi import hub
    >>> hub.locate("./model.gguf")
    './model.gguf'
    """
    if not isinstance(source, str) or os.path.exists(source):
        return source
    if not source.lower().startswith(_WEB):
        try:
            parse(source)
        except InputError:  # a path; who opens it says what is wrong with it
            return source
    try:
        return resolve(source)
    except NotPulledError as error:
        raise NotPulledError(f"{source}: no such file; {error}") from None


def remove(name: str) -> int:
    """Remove a model, or what there is of it, from the cache.

    Parameters
    ----------
    name : str
        As `cached` gives it. A repository alone will do where one model of it is there.

    Returns
    -------
    int
        Bytes that are free again.

    Raises
    ------
    NotPulledError
        If there is no such model.
    InputError
        If the name fits several, or another process is pulling it.

    Examples
    --------
    >>> from abi import hub
    >>> for model in hub.cached():
    ...     if not model.complete:
    ...         n_bytes = hub.remove(model.name)
    """
    wanted = parse(name, hub_endpoint())
    held = [e for e in _entries() if e.key == _key(wanted)]
    if not held:
        raise NotPulledError(f"{wanted} is not in the cache; abi cache ls lists what is")
    files = [entry.file for entry in held]
    models = variants(files)
    query = _query(wanted)
    if query.quant or query.path:
        chosen = choose(query, files, "the cache", whole=False)
    elif len(models) == 1:
        chosen = models[0]
    else:
        names = ", ".join(sorted(_describe(v, models, held).name for v in models))
        raise InputError(f"{wanted} is {len(models)} models in the cache; name one: {names}")
    return sum(_remove(entry.spot) for entry in held if entry.file in chosen.files)


def _entries() -> Iterator[_Entry]:
    """Every file with a good record, or a good journal."""
    paths = set()
    for room in ("models", "urls"):
        for folder, _, names in os.walk(cache_root() / room, onerror=_unless_absent):
            files = (n.removesuffix(".json") for n in names if n.endswith(".json"))
            paths |= {Path(folder, name.removesuffix(".part")) for name in files}
    for path in sorted(paths):
        spot = Spot(path)
        record = spot.whole() or spot.partial()
        if record is not None:
            yield _Entry(spot, record, parse(record.name))


def _unless_absent(error: OSError) -> None:
    """A folder that cannot be read is no empty one."""
    if not isinstance(error, FileNotFoundError):
        raise error


def _key(name: Name) -> tuple[str, str]:
    return (name.repo, name.revision) if name.repo else ("", str(place(name).parent))


def _file(name: Name) -> str:
    return name.path if name.repo else place(name).name


def _query(wanted: Name) -> Name:
    """What to look for among the files of its folder."""
    return Name(path=_file(wanted)) if wanted.url else wanted


def _describe(variant: Variant, models: list[Variant], held: list[_Entry]) -> Cached:
    entries = [entry for entry in held if entry.file in variant.files]
    first = entries[0]
    name = str(first.name)
    if first.name.repo and variant.label:
        short = replace(first.name, path="", quant=variant.label)
        try:
            files = [file for model in models for file in model.files]
            if choose(short, files, "", whole=False) == variant:
                name = str(short)
        except InputError:  # two of that label, or a side file
            pass
    return Cached(
        name=name,
        path=first.spot.path,
        size=None if variant.missing else variant.size,
        n_bytes=sum(entry.spot.n_bytes() for entry in entries),
        complete=not variant.missing and all(entry.spot.whole() for entry in entries),
        time=max(entry.spot.time() for entry in entries),
    )


def _remove(spot: Spot) -> int:
    size = spot.n_bytes()
    with locked(spot, None) as is_ours:
        if not is_ours:
            raise InputError(f"{spot.path.name} is being pulled by another process")
        spot.remove()
    spot.prune()
    return size
