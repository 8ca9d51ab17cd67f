"""The hub's side: what a repository holds, where its files are, and what a refusal means.

    GET /api/models/OWNER/REPO/tree/REVISION?recursive=true    pages by the header Link
    GET /OWNER/REPO/resolve/REVISION/PATH                      redirects to the content

An LFS entry has the sha256 of the content, any other the sha1 of the git blob.
"""

from __future__ import annotations

import json
import re
from typing import Any
from urllib.parse import parse_qs, quote, urlencode, urlsplit

from abi.errors import DownloadError
from abi.hub._files import RepoFile
from abi.hub._http import Backoff, Http, Reply, Retry, StatusError
from abi.hub._name import HUB, Name

__all__ = ["explain", "file_url", "identity", "linked_checksum", "list_files", "probe"]

_MAX_PAGES, _MAX_BYTES = 200, 64 << 20
_NEXT = re.compile(r'<([^<>]*)>\s*;[^<]*\brel="?next"?')
_SHA256, _SHA1 = re.compile(r"[0-9a-f]{64}"), re.compile(r"[0-9a-f]{40}")
_TOTAL = re.compile(r"bytes\s+\d+-\d+/(\d{1,18})")


def file_url(http: Http, name: Name, path: str) -> str:
    """Where a file's content is."""
    revision = quote(name.revision, safe="")
    return f"{http.endpoint}/{name.repo}/resolve/{revision}/{quote(path)}"


def list_files(http: Http, name: Name) -> list[RepoFile]:
    """All files of the repository at the name's revision.

    Raises
    ------
    DownloadError
        If the hub refuses, cannot be reached, or answers with something else than a list.
    """
    path = f"{http.endpoint}/api/models/{name.repo}/tree/{quote(name.revision, safe='')}"
    query: dict[str, str] = {"recursive": "true"}
    files: list[RepoFile] = []
    room = _MAX_BYTES
    for _ in range(_MAX_PAGES):
        entries, link, size = _get_json(http, f"{path}?{urlencode(query)}", name, room)
        room -= size
        files += [_entry(entry, name) for entry in entries if _is_file(entry)]
        following = _NEXT.search(link)
        if following is None:
            return files
        # Only the cursor is taken, so that a mirror stays the one that is asked.
        cursor = parse_qs(urlsplit(following[1]).query).get("cursor", [""])[0]
        if not cursor or query.get("cursor") == cursor:
            raise DownloadError(f"{name.repo}: the list of files has no next page where it says so")
        query["cursor"] = cursor
    raise DownloadError(f"{name.repo}: the list of files has over {_MAX_PAGES} pages")


def probe(http: Http, url: str) -> RepoFile:
    """Size and identity of a file outside the hub, by asking for its first byte."""
    backoff = Backoff(http, url)
    while True:
        try:
            reply = http.open(url, {"Range": "bytes=0-0"})
            break
        except Retry as problem:
            backoff.wait(problem)
        except StatusError as error:
            raise DownloadError(f"{url}: {error}{_about_url(error)}") from None
    reply.close()
    size = reply.length()
    if reply.status == 206:
        total = _TOTAL.fullmatch(reply.headers.get("Content-Range") or "")
        size = int(total[1]) if total else None
    return RepoFile(url, size, linked_checksum(reply), identity(reply))


def identity(reply: Reply) -> str:
    """What names the content for If-Range: the ETag, else the date of its last change."""
    return reply.headers.get("ETag") or reply.headers.get("Last-Modified") or ""


def linked_checksum(reply: Reply) -> str:
    """The content's sha256 as the hub's own answer gave it, or ""."""
    etag = reply.first.get("X-Linked-Etag") or reply.headers.get("X-Linked-Etag") or ""
    digest = etag.strip('"')
    return f"sha256:{digest}" if _SHA256.fullmatch(digest) else ""


def explain(error: StatusError, http: Http, name: Name) -> DownloadError:
    """A refusal of the hub, with its cure."""
    where, code = name.repo, error.hub_code
    if not http.is_hub(error.url):
        return DownloadError(f"{where}: {error}")
    token = "set HF_TOKEN to a token that may read it"
    if http.token:
        token = "the token in HF_TOKEN may not read it"
        if not http.endpoint.startswith("https:"):
            token += " (it is sent over https alone)"
    if error.code == 403 or code == "GatedRepo":
        page = f"{HUB}/{name.repo}"
        text = f"gated: accept its licence at {page}, and {token}"
    elif error.code == 401:
        text = f"no such repository, or a private one: {token}"
    elif code == "RevisionNotFound":
        text = f"no revision {name.revision}"
    elif error.code == 404:
        text = "no such repository" if code in ("", "RepoNotFound") else "no such file"
    else:
        return DownloadError(f"{where}: {error}")
    return DownloadError(f"{where}: {text} ({error})")


def _about_url(error: StatusError) -> str:
    return "; HF_TOKEN is sent to the hub alone" if error.code in (401, 403) else ""


def _get_json(http: Http, url: str, name: Name, room: int) -> tuple[list[Any], str, int]:
    """A list, the header Link, and the bytes that they took of the room for all pages."""
    backoff = Backoff(http, name.repo)
    while True:
        try:
            reply = http.open(url)
            try:
                data = _read_all(reply, name, room)
            finally:
                reply.close()
            break
        except Retry as problem:
            backoff.wait(problem)
        except StatusError as error:
            raise explain(error, http, name) from None
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, list):
        raise DownloadError(f"{name.repo}: {http.endpoint} answers with no list of files")
    return value, reply.headers.get("Link") or "", len(data)


def _read_all(reply: Reply, name: Name, room: int) -> bytes:
    data = bytearray()
    while chunk := reply.read1(1 << 20):
        data += chunk
        if len(data) > room:
            raise DownloadError(f"{name.repo}: the list of files has over {_MAX_BYTES} bytes")
    if len(data) < (reply.length() or 0):
        raise Retry("the connection was cut")
    return bytes(data)


def _is_file(entry: Any) -> bool:
    return isinstance(entry, dict) and entry.get("type") == "file"


def _entry(entry: dict[str, Any], name: Name) -> RepoFile:
    lfs = entry.get("lfs")
    path, size, oid = entry.get("path"), entry.get("size"), entry.get("oid")
    kind, digest = ("git", _SHA1)
    if isinstance(lfs, dict):
        kind, digest, size, oid = "sha256", _SHA256, lfs.get("size", size), lfs.get("oid")
        oid = oid.removeprefix("sha256:") if isinstance(oid, str) else oid
    if not isinstance(path, str) or type(size) is not int or not 0 <= size < 1 << 60:
        raise DownloadError(f"{name.repo}: the list of files has an entry without path or size")
    good = isinstance(oid, str) and digest.fullmatch(oid)
    return RepoFile(path, size, f"{kind}:{oid}" if good else "")
