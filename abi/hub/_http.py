"""HTTP by the standard library: the token's reach, redirects, errors as one line, back-off.

Certificates are always verified. The token goes to the hub's own address alone, never to
where it redirects (RFC 9110, 15.4), and never over an unencrypted connection to another
machine. Proxies come from the environment, as urllib reads them.
"""

from __future__ import annotations

import http.client
import os
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from email.utils import parsedate_to_datetime
from time import sleep, time
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urljoin, urlsplit

import abi
from abi.errors import DownloadError, InputError
from abi.hub._name import HUB, split_url

__all__ = ["Backoff", "Http", "Reply", "Retry", "StatusError", "hub_endpoint", "is_offline"]

_RETRIED = {408, 429, 500, 502, 503, 504}
_MAX_REDIRECTS = 10
_MAX_DELAY, _MAX_WAIT = 30.0, 300.0  # seconds: of ours, and that a server may ask for
_ASCII_SIGNS = "!#$%&'()*+,/:;=?@[]~"  # what a URL may hold as it is
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


class Retry(Exception):  # noqa: N818 - a reason to go on
    """What failed may succeed when tried again, after so many seconds if the server says."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


class StatusError(DownloadError):
    """The server at `url` refused; `code` is its status, `hub_code` the hub's word for it."""

    def __init__(self, message: str, url: str, code: int, hub_code: str) -> None:
        super().__init__(message)
        self.url, self.code, self.hub_code = url, code, hub_code


def hub_endpoint() -> str:
    """The hub's address, or that of the mirror in `HF_ENDPOINT`."""
    address = (os.environ.get("HF_ENDPOINT") or HUB).rstrip("/")
    try:
        parts = split_url(address)
    except InputError as error:
        raise InputError(f"HF_ENDPOINT: {error}") from None
    if parts.query or parts.fragment:
        raise InputError(f"HF_ENDPOINT: {address!r} has more than a host and a path")
    return address


def is_offline() -> str:
    """The variable that forbids the network, or ""."""
    ours, hubs = os.environ.get("ABI_OFFLINE"), os.environ.get("HF_HUB_OFFLINE")
    for name, value in (("ABI_OFFLINE", ours), ("HF_HUB_OFFLINE", hubs)):
        if (value or "").lower() in ("1", "on", "yes", "true"):
            return name
    return ""


@dataclass
class Reply:
    """An open answer.

    `first` has headers of the hub's own redirects, which the content's host does not repeat.
    """

    status: int
    headers: Message
    body: IO[bytes]
    first: Mapping[str, str]

    def read1(self, n: int) -> bytes:
        """Some bytes, at most n; b"" at the end."""
        try:
            data: bytes = self.body.read1(n)  # type: ignore[attr-defined]
        except (OSError, http.client.HTTPException) as error:
            raise Retry(_reason(error)) from None
        return data

    def length(self) -> int | None:
        """Bytes that are announced; None if that is not said, or absurd."""
        said = self.headers.get("Content-Length") or ""
        return int(said) if said.isdecimal() and len(said) < 19 else None

    def close(self) -> None:
        self.body.close()


@dataclass
class Http:
    """How to ask: where the hub is, patience, and whom to tell about delays."""

    endpoint: str = field(default_factory=hub_endpoint)
    token: str = field(default_factory=lambda: _token(os.environ.get("HF_TOKEN")), repr=False)
    timeout: float = 30.0
    tries: int = 6
    notify: Callable[[str], None] = lambda message: None

    def open(self, url: str, headers: Mapping[str, str] | None = None) -> Reply:
        """Ask once.

        Raises
        ------
        Retry
            If it is worth another try.
        StatusError
            If the server says no.
        DownloadError
            If nothing can come of this URL.
        """
        redirects = _Redirects(self)
        request = urllib.request.Request(quote(url, safe=_ASCII_SIGNS), headers={
            "User-Agent": f"abi/{abi.__version__}", "Accept-Encoding": "identity",
            **(headers or {}),
        })  # fmt: skip
        self.authorise(request)
        try:
            response = _opener(redirects).open(request, timeout=self.timeout)
        except HTTPError as error:
            with error:
                raise _refused(error) from None
        except DownloadError:
            raise
        except (OSError, http.client.HTTPException) as error:
            raise _failed(error, url) from None
        except ValueError as error:
            raise DownloadError(f"{_host(url)}: {error}") from None
        return Reply(response.status, response.headers, response, redirects.first)

    def authorise(self, request: urllib.request.Request) -> None:
        """Add the token if the request goes to the hub's own address."""
        if self.token and self._carries(request.full_url):
            request.add_unredirected_header("Authorization", f"Bearer {self.token}")

    def is_hub(self, url: str) -> bool:
        """Whether a URL is at the hub's own address."""
        to, hub = urlsplit(url), urlsplit(self.endpoint)
        return (to.scheme, to.netloc.lower()) == (hub.scheme, hub.netloc.lower())

    def _carries(self, url: str) -> bool:
        to = urlsplit(url)
        return self.is_hub(url) and (to.scheme == "https" or to.hostname in _LOOPBACK)


class Backoff:
    """Counts failures in a row, and waits longer after each."""

    def __init__(self, http: Http, what: str) -> None:
        self._http, self._what, self._failures = http, what, 0

    def wait(self, problem: Retry, *, progressed: bool = False) -> None:
        """Sleep before the next try, or raise DownloadError if that was the last."""
        self._failures = 1 if progressed else self._failures + 1
        if self._failures >= self._http.tries:
            tries = "1 try" if self._failures == 1 else f"{self._failures} tries"
            raise DownloadError(f"{self._what}: {problem}; given up after {tries}")
        delay = min(2.0 ** (self._failures - 1), _MAX_DELAY)
        if problem.after is not None:
            delay = max(problem.after, 0.0)
        if delay > _MAX_WAIT:
            raise DownloadError(f"{self._what}: {problem}; try again in {delay:.0f} s")
        self._http.notify(f"{self._what}: {problem}; trying again in {delay:.0f} s")
        sleep(delay)


class _Redirects(urllib.request.HTTPRedirectHandler):
    max_redirections = _MAX_REDIRECTS

    def __init__(self, http: Http) -> None:
        self._http, self.first = http, dict[str, str]()

    def http_error_302(
        self, req: Any, fp: Any, code: int, msg: str, headers: http.client.HTTPMessage
    ) -> IO[bytes] | None:
        target = headers.get("Location") or headers.get("URI") or ""
        scheme = urlsplit(urljoin(req.full_url, target)).scheme
        if scheme not in ("http", "https") or (req.type == "https" and scheme == "http"):
            raise DownloadError(f"{_host(req.full_url)} redirects to {scheme}:, which is not safe")
        return super().http_error_302(req, fp, code, msg, headers)

    http_error_301 = http_error_303 = http_error_307 = http_error_308 = http_error_302

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: Any, newurl: str
    ) -> urllib.request.Request | None:
        for name in ("X-Linked-Etag", "X-Linked-Size", "X-Repo-Commit"):
            if headers.get(name):
                self.first.setdefault(name, headers[name])
        new = super().redirect_request(req, fp, code, msg, headers, newurl)
        if new is not None:
            self._http.authorise(new)
        return new


def _opener(redirects: _Redirects) -> urllib.request.OpenerDirector:
    """Without urllib's handlers for files, FTP and data, which a redirect must not reach."""
    opener = urllib.request.OpenerDirector()
    kinds = ["ProxyHandler", "HTTPHandler", "HTTPSHandler", "UnknownHandler"]
    kinds += ["HTTPDefaultErrorHandler", "HTTPErrorProcessor"]
    for kind in kinds:
        if hasattr(urllib.request, kind):  # no HTTPSHandler where Python has no ssl
            opener.add_handler(getattr(urllib.request, kind)())
    opener.add_handler(redirects)
    return opener


def _refused(error: HTTPError) -> Exception:
    url, headers = error.url or "", error.headers
    host = _host(url)
    if error.code in _RETRIED:
        return Retry(f"{host} answers {error.code}", _retry_after(headers.get("Retry-After")))
    said = headers.get("X-Error-Message") or error.reason
    text = " ".join(str(said).split())[:200]
    message = f"{host} answers {error.code} {text}".rstrip()
    return StatusError(message, url, error.code, headers.get("X-Error-Code") or "")


def _failed(error: Exception, url: str) -> Exception:
    reason = error.reason if isinstance(error, URLError) else error
    if isinstance(reason, OSError) and isinstance(reason, ValueError):  # SSLCertVerificationError
        cure = "check the clock, or name your authority's certificates in SSL_CERT_FILE"
        return DownloadError(f"{_host(url)}: {_reason(reason)}; {cure}")
    proxy = urllib.request.getproxies().get(urlsplit(url).scheme)
    bypass = proxy is None or urllib.request.proxy_bypass(urlsplit(url).hostname or "")
    by = "" if bypass else f" (by the proxy {_host(str(proxy))})"
    return Retry(f"{_host(url)}{by}: {_reason(reason)}")


def _reason(error: object) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was cut"
    text = str(error.strerror if isinstance(error, OSError) and error.strerror else error)
    return " ".join(text.split())[:200] or type(error).__name__


def _retry_after(value: str | None) -> float | None:
    """Seconds; given as a number or as a date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        return float(int(value))
    except (ValueError, OverflowError):
        pass
    try:
        return parsedate_to_datetime(value).timestamp() - time()
    except (ValueError, OverflowError):
        return None


def _token(value: str | None) -> str:
    token = (value or "").strip()
    if not (token.isascii() and token.isprintable()) or " " in token:
        raise InputError("HF_TOKEN holds characters that no token has")
    return token


def _host(url: str) -> str:
    return urlsplit(url).netloc or url
