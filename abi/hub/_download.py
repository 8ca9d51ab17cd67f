"""One file: ranges, cuts, changes in between, and honest restarts (RFC 9110, 13.1.5 and 14).

Bytes are resumed where the content is known to be the same: by the hub's checksum, or, where
there is none, by a strong ETag in If-Range. A checksum needs no If-Range, which would send
everything again when another server of the same content names it differently.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from abi.errors import DownloadError
from abi.hub._api import identity, linked_checksum
from abi.hub._http import Backoff, Http, Reply, Retry, StatusError
from abi.hub._part import Part, locked
from abi.hub._record import Record, Spot, write_record

__all__ = ["Advance", "download"]

Advance = Callable[[int], None]  # bytes of this file so far

_CHUNK = 1 << 20
_PROGRESS = 1 << 16  # bytes of a try that make the next failure a first one
_RANGE = re.compile(r"bytes\s+(\d{1,18})-(\d{1,18})/(\d{1,18}|\*)")
_MAX_RESTARTS = 3


def download(spot: Spot, record: Record, http: Http, advance: Advance) -> None:
    """Fetch a file to its place, unless it is there.

    Raises
    ------
    DownloadError, FormatError
        If that failed; what can be resumed stays as a part.
    """
    with locked(spot, http):
        spot.settle()
        there = spot.whole()
        if there is not None and there.same_content(record):
            if there.group != record.group:
                write_record(replace(there, group=record.group), spot.record)
            return
        with Part(spot, record) as part:
            if part.offset:
                http.notify(f"{spot.path.name}: going on after {part.offset} bytes")
            _fetch(part, http, advance)
            part.finish()


def _fetch(part: Part, http: Http, advance: Advance) -> None:
    backoff = Backoff(http, part.spot.path.name)
    advance(part.offset)
    while not part.is_complete:
        before = part.offset
        try:
            if _attempt(part, http, advance):
                return
        except Retry as problem:
            backoff.wait(problem, progressed=part.offset - before >= _PROGRESS)
        if part.restarts > _MAX_RESTARTS:
            raise DownloadError(f"{part.record.name}: the server begins anew each time; given up")


def _attempt(part: Part, http: Http, advance: Advance) -> bool:
    """One request; true if nothing is left, false to ask again at once."""
    try:
        reply = http.open(part.record.url, _range_headers(part))
    except StatusError as error:
        if error.code != 416 or not part.offset:
            raise
        part.restart(part.record)
        return False
    try:
        _begin(part, reply, http)
        while chunk := reply.read1(_CHUNK):
            part.append(chunk)
            advance(part.offset)
    finally:
        reply.close()
    # Without a length the end cannot be told from a cut; the header of the file decides.
    if part.is_complete or part.record.size is None:
        return True
    raise Retry(f"the connection was cut at {part.offset} of {part.record.size} bytes")


def _range_headers(part: Part) -> dict[str, str]:
    if not part.offset:
        return {}
    record = part.record
    headers = {"Range": f"bytes={part.offset}-"}
    if not record.checksum:
        if not record.etag or record.etag.startswith("W/"):
            part.restart(record)  # nothing says that the bytes are of the same content
            return {}
        headers["If-Range"] = record.etag
    return headers


def _begin(part: Part, reply: Reply, http: Http) -> None:
    """Bring part and answer to the same offset."""
    record, name = part.record, part.record.name
    encoding = reply.headers.get("Content-Encoding", "").strip().lower()
    if encoding not in ("", "identity"):
        raise DownloadError(f"{name}: comes compressed, which was not asked for")
    linked = linked_checksum(reply)
    if record.checksum.startswith("sha256:") and linked not in ("", record.checksum):
        raise DownloadError(f"{name}: changed while it was asked for; pull it again")
    if commit := reply.first.get("X-Repo-Commit") or reply.headers.get("X-Repo-Commit"):
        part.record = record = replace(record, commit=commit[:64])
    if reply.status == 206:
        _begin_range(part, reply)
        return
    size = reply.length()
    if record.checksum and size not in (None, record.size):
        raise DownloadError(f"{name}: the server sends {size} bytes, expected {record.size}")
    if part.offset:
        http.notify(f"{part.spot.path.name}: the server sends all of it again")
    if not record.checksum:
        record = replace(record, size=size, etag=identity(reply))
    part.restart(record)


def _begin_range(part: Part, reply: Reply) -> None:
    said = _RANGE.fullmatch(reply.headers.get("Content-Range") or "")
    same = bool(part.record.checksum) or identity(reply) in ("", part.record.etag)
    total = None if said is None or said[3] == "*" else int(said[3])
    fits = said is not None and int(said[1]) == part.offset
    if fits and same and total in (None, part.record.size):
        return
    part.restart(part.record)
    raise Retry(f"asked for the rest, got {reply.headers.get('Content-Range')!r}")
