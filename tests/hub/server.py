"""A hub on 127.0.0.1 that does what real ones do, and fails on request.

Two servers: one answers as the hub (lists of files, redirects), the other, on another port and
so another origin, holds the content. Each request is logged; each content request takes the
next `Fault` of the list, until it is empty.
"""

from __future__ import annotations

import hashlib
import json
import re
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, NamedTuple
from urllib.parse import parse_qs, quote, unquote, urlsplit

__all__ = ["Fault", "Hub", "Request", "serving"]


class Request(NamedTuple):
    """What was asked for, of which server, and how many bytes of content were sent."""

    server: str
    path: str
    headers: dict[str, str]
    sent: list[int]

    @property
    def range(self) -> str | None:
        return self.headers.get("range")


@dataclass
class Fault:
    """What goes wrong with one answer."""

    cut: int | None = None  # send only so many bytes, then close
    hang: bool = False  # then send nothing and wait until the server ends
    status: int = 0  # answer with this instead
    headers: dict[str, str] = field(default_factory=dict)  # add these, or replace
    body: bytes | None = None  # other content
    no_ranges: bool = False
    before: Callable[[], None] = lambda: None


class Hub:
    """The state of both servers."""

    def __init__(self) -> None:
        self.repos: dict[str, dict[str, bytes]] = {}  # "owner/repo@revision" to files
        self.plain: dict[str, bytes] = {}  # path to content, outside of any repository
        self.faults: list[Fault] = []
        self.list_faults: list[Fault] = []
        self.log: list[Request] = []
        self.gone = threading.Event()
        self.token = ""  # where set, what the hub asks for
        self.page = 1000  # entries of a list
        self.entries: list[dict[str, Any]] | None = None  # a list as it is
        self.lfs = True
        self.urls: dict[str, str] = {}

    @property
    def endpoint(self) -> str:
        return self.urls["hub"]

    @property
    def content(self) -> list[Request]:
        """Requests for content, the first byte alone left out."""
        return [r for r in self.log if r.server == "cdn" and r.range != "bytes=0-0"]

    def etag(self, data: bytes) -> str:
        return f'"{hashlib.md5(data).hexdigest()}"'

    def tree(self, repo: str) -> list[dict[str, Any]]:
        if self.entries is not None:
            return self.entries
        found: list[dict[str, Any]] = [
            {"type": "directory", "path": "x", "oid": "0" * 40, "size": 0}
        ]
        for path, data in self.repos[repo].items():
            blob = hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()
            entry = {"type": "file", "path": path, "oid": blob, "size": len(data)}
            if self.lfs:
                digest = hashlib.sha256(data).hexdigest()
                entry["lfs"] = {"oid": digest, "size": len(data), "pointerSize": 134}
            found.append(entry)
        return found


class _Handler(BaseHTTPRequestHandler):
    server_version = "test"
    hub: Hub
    role: str

    def log_message(self, *_: Any) -> None:
        pass

    def do_GET(self) -> None:
        headers = {key.lower(): value for key, value in self.headers.items()}
        self.request_ = Request(self.role, self.path, headers, [0])
        self.hub.log.append(self.request_)
        url = urlsplit(self.path)
        path = url.path  # quoted, so that a revision is one part of it
        if self.role == "hub" and path.startswith("/mirror/"):
            path = path.removeprefix("/mirror")
        if self.role == "cdn":
            self._content(path)
        elif match := re.fullmatch(r"/api/models/([^/]+/[^/]+)/tree/(.+)", path):
            self._tree(match[1], unquote(match[2]), parse_qs(url.query))
        elif match := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.*\.gguf)", path):
            self._resolve(match[1], unquote(match[2]), unquote(match[3]))
        else:
            self._say(404, {})

    def _allowed(self) -> bool:
        token = self.hub.token
        if not token or self.headers.get("Authorization") == f"Bearer {token}":
            return True
        self._say(401, {"X-Error-Code": "GatedRepo", "X-Error-Message": "Access is restricted"})
        return False

    def _tree(self, repo: str, revision: str, query: dict[str, list[str]]) -> None:
        if self.hub.list_faults:
            fault = self.hub.list_faults.pop(0)
            self._say(fault.status or 200, fault.headers, fault.body or b"", fault.cut)
            return
        if not self._allowed():
            return
        known = {key.partition("@")[0] for key in self.hub.repos}
        if f"{repo}@{revision}" not in self.hub.repos and self.hub.entries is None:
            code = "RevisionNotFound" if repo in known else "RepoNotFound"
            self._say(404 if repo in known else 401, {"X-Error-Code": code})
            return
        tree = self.hub.tree(f"{repo}@{revision}")
        start = int(query.get("cursor", ["0"])[0])
        page = tree[start : start + self.hub.page]
        headers = {"Content-Type": "application/json"}
        if start + self.hub.page < len(tree):
            # As through a mirror that passes the hub's own addresses on.
            link = f"https://huggingface.co{urlsplit(self.path).path}"
            cursor = start + self.hub.page
            headers["Link"] = f'<{link}?recursive=true&cursor={cursor}>; rel="next"'
        self._say(200, headers, json.dumps(page).encode())

    def _resolve(self, repo: str, revision: str, path: str) -> None:
        if not self._allowed():
            return
        files = self.hub.repos.get(f"{repo}@{revision}", {})
        if path not in files:
            self._say(404, {"X-Error-Code": "EntryNotFound"})
            return
        headers = {"Location": f"{self.hub.urls['cdn']}/{repo}/{quote(revision, '')}/{path}"}
        headers["X-Repo-Commit"] = "c0ffee" * 6 + "c0ff"
        if self.hub.lfs:
            headers["X-Linked-Etag"] = f'"{hashlib.sha256(files[path]).hexdigest()}"'
            headers["X-Linked-Size"] = str(len(files[path]))
        self._say(302, headers)

    def _content(self, path: str) -> None:
        data = self.hub.plain.get(unquote(path))
        if data is None:
            match = re.fullmatch(r"/([^/]+/[^/]+)/([^/]+)/(.*\.gguf)", path)
            files = self.hub.repos.get(f"{match[1]}@{unquote(match[2])}", {}) if match else {}
            data = files.get(unquote(match[3])) if match else None
        if data is None:
            self._say(404, {})
            return
        probe = self.headers.get("Range") == "bytes=0-0"
        fault = self.hub.faults.pop(0) if self.hub.faults and not probe else Fault()
        fault.before()
        data = data if fault.body is None else fault.body
        status, headers = 200, {"ETag": self.hub.etag(data)}
        asked = re.fullmatch(r"bytes=(\d+)-(\d*)", self.headers.get("Range") or "")
        condition = self.headers.get("If-Range")
        if asked and not fault.no_ranges and condition in (None, headers["ETag"]):
            start, end = int(asked[1]), int(asked[2] or len(data) - 1)
            if start >= len(data):
                self._say(416, {"Content-Range": f"bytes */{len(data)}"})
                return
            headers["Content-Range"] = f"bytes {start}-{min(end, len(data) - 1)}/{len(data)}"
            status, data = 206, data[start : end + 1]
        if fault.status:
            status, data = fault.status, b""
        self._say(status, {**headers, **fault.headers}, data, fault.cut, fault.hang)

    def _say(
        self, status: int, headers: dict[str, str], data: bytes = b"", cut: int | None = None,
        hang: bool = False,
    ) -> None:  # fmt: skip
        self.send_response(status)
        for key, value in {"Content-Length": str(len(data)), **headers}.items():
            if value:
                self.send_header(key, value)
        self.end_headers()
        data = data if cut is None else data[:cut]
        try:
            self.wfile.write(data)
            self.wfile.flush()
            self.request_.sent[0] = len(data)
            if hang:
                self.hub.gone.wait(60)
        except ConnectionError:  # the other side was killed, as some tests do
            pass
        self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, *_: Any) -> None:
        pass


@contextmanager
def serving(tls: ssl.SSLContext | None = None) -> Iterator[Hub]:
    """Both servers, on free ports, until the block ends; with `tls` the hub's speaks https."""
    hub = Hub()
    servers = []
    for role in ("hub", "cdn"):
        handler = type("Handler", (_Handler,), {"hub": hub, "role": role})
        server = _Server(("127.0.0.1", 0), handler)
        hub.urls[role] = f"http://127.0.0.1:{server.server_address[1]}"
        if tls is not None and role == "hub":
            server.socket = tls.wrap_socket(server.socket, server_side=True)
            hub.urls[role] = hub.urls[role].replace("http:", "https:")
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
    try:
        yield hub
    finally:
        hub.gone.set()
        for server in servers:
            server.shutdown()
            server.server_close()
