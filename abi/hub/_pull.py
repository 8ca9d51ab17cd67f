"""`abi.hub.pull`: from a name to a checked file in the cache."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote

from abi import _platform
from abi.errors import DownloadError, FormatError, InputError, NotPulledError, UnsupportedError
from abi.hub._api import explain, file_url, list_files, probe
from abi.hub._cache import resolve
from abi.hub._download import download
from abi.hub._files import choose, human, part_names
from abi.hub._http import Http, StatusError, hub_endpoint, is_offline
from abi.hub._name import Name, check_path, parse, split_url
from abi.hub._part import header_problem
from abi.hub._record import Record, Spot, place

__all__ = ["Progress", "pull"]

Progress = Callable[[int, int], None]

_MAX_TIMEOUT = 86400

_Job = tuple[Spot, Record]


def pull(
    name: str,
    *,
    progress: Progress | None = None,
    notify: Callable[[str], None] | None = None,
    timeout: float = 30.0,
    tries: int = 6,
) -> Path:
    """Fetch a model into the cache, or what is missing of it.

    Parameters
    ----------
    name : str
        `owner/repo:QUANT`, a file of a repository or a URL; as `abi.hub.parse` reads it.
    progress : callable, optional
        Called with the bytes that are there and those of the whole model.
    notify : callable, optional
        Called with a line about each delay: a cut connection, a wait for another process.
    timeout : float
        Seconds to wait for a connection, and for each next bytes.
    tries : int
        Failures in a row after which to give up.

    Returns
    -------
    Path
        The file; of a split model, its first part.

    Raises
    ------
    InputError
        If the text is no name, or the repository has none or several such models.
    DownloadError
        If it cannot be fetched or kept; what came stays for the next call.
    FormatError
        If what came is no GGUF file.
    NotPulledError
        If `ABI_OFFLINE` or `HF_HUB_OFFLINE` is set and the cache does not hold it.
    UnsupportedError
        In a browser, where Python has no sockets.
    """
    if type(tries) is not int or tries < 1:
        raise InputError(f"tries={tries!r}: expected 1 or more")
    if not 0 < timeout <= _MAX_TIMEOUT:
        raise InputError(f"timeout={timeout!r}: expected seconds, above 0 and up to {_MAX_TIMEOUT}")
    wanted = parse(name, hub_endpoint())
    if variable := is_offline():
        try:
            return resolve(name)
        except NotPulledError as error:
            what = str(error).partition("; abi pull ")[0]
            raise NotPulledError(f"{what}, and {variable} is set; unset it to fetch it") from None
    if not _platform.has_sockets():
        cure = "fetch the file in JavaScript and give its bytes to abi.load"
        raise UnsupportedError(f"pull {name}: Python has no sockets in a browser; {cure}")
    http = Http(timeout=timeout, tries=tries, notify=notify or (lambda message: None))
    jobs = _outside(http, wanted) if wanted.url else _of_hub(http, wanted)
    _check_room(jobs)
    _run(jobs, http, wanted, progress)
    return _checked(jobs)


def _of_hub(http: Http, wanted: Name) -> list[_Job]:
    """Places and records of the files that the name means, as the hub lists them."""
    chosen = choose(wanted, list_files(http, wanted), wanted.repo)
    for file in chosen.files:
        check_path(file.path)
    jobs = []
    listing = "".join(f"{file.path}\n{file.checksum}\n" for file in chosen.files)
    group = hashlib.sha256(listing.encode()).hexdigest()[:16] if len(chosen.files) > 1 else ""
    for file in chosen.files:
        name = replace(wanted, quant="", path=file.path)
        url = file_url(http, wanted, file.path)
        if not file.checksum:
            file = replace(probe(http, url), size=file.size)
        record = Record(str(name), url, file.size, file.checksum, file.etag, group=group)
        jobs.append((Spot(place(name)), record))
    return jobs


def _outside(http: Http, wanted: Name) -> list[_Job]:
    url = split_url(wanted.url)
    folder, _, last = url.path.rpartition("/")
    jobs = []
    names = part_names(unquote(last))
    for part in names:
        path = f"{folder}/{last if len(names) == 1 else part}"
        name = Name(url=url._replace(path=path).geturl())
        file = probe(http, name.url)
        record = Record(name.url, name.url, file.size, file.checksum, file.etag)
        jobs.append((Spot(place(name)), record))
    return jobs


def _is_there(job: _Job) -> bool:
    there = job[0].whole()
    return there is not None and there.same_content(job[1])


def _check_room(jobs: list[_Job]) -> None:
    """Refuse before the download what the disk cannot take."""
    need = 0
    for job in jobs:
        if not _is_there(job):
            spot, record = job
            before = spot.partial()
            resumes = before is not None and before.same_content(record)
            need += (record.size or 0) - (spot.part_size() if resumes else 0)
    folder = jobs[0][0].path.parent
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    free = shutil.disk_usage(folder).free
    if need > free:
        message = f"{human(need)} are needed and {human(free)} are free in {folder}"
        raise DownloadError(f"{message}; make room (abi cache rm), or set ABI_CACHE")


def _run(jobs: list[_Job], http: Http, wanted: Name, progress: Progress | None) -> None:
    sizes = [record.size for _, record in jobs]
    total = sum(size for size in sizes if size is not None)
    base = 0
    for spot, record in jobs:

        def advance(done: int, base: int = base) -> None:
            if progress is not None and None not in sizes:
                progress(min(base + done, total), total)

        try:
            download(spot, record, http, advance)
        except StatusError as error:
            if wanted.url:
                raise DownloadError(f"{wanted}: {error}") from None
            raise explain(error, http, wanted) from None
        base += record.size or 0
        advance(0, base)


def _checked(jobs: list[_Job]) -> Path:
    """The first file, if abi reads all of it.

    What has the hub's own checksum is whole, so it is kept for an abi that can read it.
    """
    path = jobs[0][0].path
    problem = header_problem(path)
    if problem is None:
        return path
    end = "it is what the hub has, and stays in the cache"
    if not all(record.checksum for _, record in jobs):
        for spot, _ in jobs:
            spot.remove()
        end = "removed"
    raise FormatError(
        f"{problem.message}; {end}",
        field=problem.field, offset=problem.offset, source=problem.source,
    )  # fmt: skip
