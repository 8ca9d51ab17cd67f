"""Names of models: a repository with a quantisation, a file in one, or a URL.

    owner/repo  owner/repo:Q5_K_M  owner/repo@revision:Q5_K_M
    owner/repo/folder/file.gguf  owner/repo/folder/file.gguf@revision
    any of these after hf.co/, huggingface.co/ or hf://
    https://huggingface.co/owner/repo/blob/main/file.gguf (tree, resolve and raw too)
    https://any.host/path/file.gguf

Whatever becomes part of a path on disk is checked here, by the rules of every platform.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import SplitResult, unquote, urlsplit

from abi.errors import InputError

__all__ = ["HUB", "MAIN", "Name", "check_path", "parse", "split_url"]

HUB = "https://huggingface.co"
MAIN = "main"

_HUB_HOSTS = {"huggingface.co", "www.huggingface.co", "hf.co"}
_PREFIX = re.compile(r"(?:hf://|(?:www\.)?huggingface\.co/|hf\.co/)", re.I)
_FILE = re.compile(r"(?P<repo>[^/:@]+/[^/:@]+)/(?P<path>.+\.gguf)(?:@(?P<rev>[^@:]+))?", re.I)
_MODEL = re.compile(
    r"(?P<repo>[^/:@]+/[^/:@]+)(?:@(?P<rev>[^@:]+))?(?::(?P<quant>[^@:/]+))?(?:@(?P<late>[^@:]+))?"
)
_REPO_PART = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_.-]{0,94}[A-Za-z0-9_-])?")
_REVISION = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.-]*)*")
_QUANT = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,63}")

# Names that Windows gives to devices, whatever follows the first dot.
_DEVICES = {"con", "prn", "aux", "nul", "conin$", "conout$"}
_DEVICES |= {f"{port}{n}" for port in ("com", "lpt") for n in "123456789¹²³"}
_MAX_PART, _MAX_PATH = 240, 1024  # bytes, with room for our own suffixes
_MAX_TEXT, _SHOWN = 4096, 200  # characters of a name, and of those in a message
_FORMS = "expected owner/repo, owner/repo:Q4_K_M, owner/repo/file.gguf or a URL of a .gguf file"


@dataclass(frozen=True)
class Name:
    """What a name says; `str` gives its shortest form back.

    Attributes
    ----------
    repo : str
        "owner/repo" of the hub; "" if `url` is set.
    revision : str
        Branch, tag or commit.
    quant : str
        Quantisation in capitals; "" if none is named.
    path : str
        File in the repository; "" if none is named.
    url : str
        Address outside the hub.
    """

    repo: str = ""
    revision: str = MAIN
    quant: str = ""
    path: str = ""
    url: str = ""

    def __str__(self) -> str:
        if self.url:
            return self.url
        revision = "" if self.revision == MAIN else f"@{self.revision}"
        if self.path:
            return f"{self.repo}/{self.path}{revision}"
        return f"{self.repo}{revision}{self.quant and ':'}{self.quant}"


def parse(text: str, endpoint: str = HUB) -> Name:
    """Read a name.

    Parameters
    ----------
    text : str
        `owner/repo`, `owner/repo@revision:QUANT`, `owner/repo/file.gguf@revision`, the same
        after `hf.co/`, a URL of one of the hub's pages, or of any `.gguf` file.
    endpoint : str
        The hub's address, or that of its mirror, whose URLs are names of the hub too.

    Returns
    -------
    Name

    Raises
    ------
    InputError
        If the text is no name, or would lead out of the cache.

    Examples
    --------
    >>> from abi import hub
    >>> hub.parse("hf.co/owner/repo@v2:q8_0")
    Name(repo='owner/repo', revision='v2', quant='Q8_0', path='', url='')
    """
    if not isinstance(text, str) or not 0 < len(text) <= _MAX_TEXT or _has_gaps(text):
        raise InputError(f"model name {str(text)[:_SHOWN]!r}: {_FORMS}")
    if text.lower().startswith(("http://", "https://")):
        return _parse_url(text, endpoint)
    match = _PREFIX.match(text)
    return _parse_plain(text[match.end() :] if match else text, text)


def split_url(url: str) -> SplitResult:
    """The parts of an http or https URL without a password.

    Raises
    ------
    InputError
        If it is none.
    """
    try:
        parts = urlsplit(url)
        good = parts.scheme in ("http", "https") and bool(parts.hostname)
        good = good and (parts.port is None or parts.port > 0)
        (parts.hostname or "").encode("idna")
    except ValueError:
        good = False
    if not good or _has_gaps(url):
        raise InputError(f"{url!r} is not an http or https URL")
    if "@" in parts.netloc:
        raise InputError("a URL with a user name or password is not taken: it would be stored")
    return parts


def check_path(path: str) -> str:
    """The path of a file in a repository, if it stays in its folder on every platform.

    Raises
    ------
    InputError
        If it would not.
    """
    parts = path.split("/")
    if not all(map(_is_safe, parts)) or len(path.encode()) > _MAX_PATH:
        raise InputError(
            f"file name {path[:_SHOWN]!r}: not kept, because it is not safe on every system"
        )
    return path


def _has_gaps(text: str) -> bool:
    return not text.isprintable() or " " in text


def _is_safe(part: str) -> bool:
    stem = part.partition(".")[0].rstrip(" ").lower()
    return (
        part.isprintable()
        and bool(part.strip(". "))
        and part[-1] not in ". "
        and part[0] != " "
        and not set(part) & set('<>:"|?*\\')
        and stem not in _DEVICES
        and len(part.encode()) <= _MAX_PART
    )


def _parse_plain(text: str, whole: str) -> Name:
    if match := _FILE.fullmatch(text):
        return _name(match["repo"], match["rev"], path=match["path"])
    match = _MODEL.fullmatch(text)
    if match is None or (match["rev"] and match["late"]) or text.lower().endswith(".gguf@"):
        raise InputError(f"model name {whole!r}: {_FORMS}")
    quant = match["quant"] or ""
    revision = match["rev"] or match["late"]
    if quant.lower().endswith(".gguf"):
        return _name(match["repo"], revision, path=quant)
    return _name(match["repo"], revision, quant=quant)


def _name(repo: str, revision: str | None, quant: str = "", path: str = "") -> Name:
    parts = repo.split("/")
    for part in parts:
        if not _REPO_PART.fullmatch(part) or "--" in part or ".." in part:
            raise InputError(f"repository {repo!r}: {part!r} is no name of an owner or repository")
    if parts[1].lower().endswith(".gguf"):
        raise InputError(f"{repo!r} names a file but no repository; {_FORMS}")
    revision = revision or MAIN
    bad = ".." in revision or revision.endswith(".") or revision.lower().endswith(".gguf")
    if bad or not _REVISION.fullmatch(revision) or len(revision) > _MAX_PART // 3:
        raise InputError(f"revision {revision!r}: expected a branch, a tag or a commit")
    if quant and not _QUANT.fullmatch(quant):
        raise InputError(f"quantisation {quant!r}: expected a name such as Q4_K_M")
    quant = "" if quant.lower() == "latest" else quant.upper()
    return Name(repo, revision, quant, path and check_path(path))


def _parse_url(text: str, endpoint: str) -> Name:
    url = split_url(text)
    base = split_url(endpoint)
    path = url.path
    mirror = url.scheme == base.scheme and url.netloc.lower() == base.netloc.lower()
    if mirror and path.startswith(base.path.rstrip("/") + "/"):
        path = path[len(base.path.rstrip("/")) :]
    elif url.hostname not in _HUB_HOSTS:
        return _outside(url)
    parts = path.strip("/").split("/")
    is_page = parts[2:3] in (["resolve"], ["blob"]) or not path.lower().endswith(".gguf")
    if not is_page and url.hostname not in _HUB_HOSTS:  # a file beside the mirror's pages
        return _outside(url)
    if len(parts) == 2:
        return _parse_plain(unquote(path.strip("/")), text)
    if len(parts) < 4 or parts[2] not in ("blob", "resolve", "raw", "tree"):
        raise InputError(
            f"{text}: not the page of a repository or of a file in one, as this hub has them; "
            "expected .../owner/repo or .../owner/repo/resolve/main/file.gguf"
        )
    length = 3 if parts[3] == "refs" else 1  # refs/pr/7
    revision = unquote("/".join(parts[3 : 3 + length]))
    rest = unquote("/".join(parts[3 + length :]))
    if parts[2] == "tree" and not rest:
        return _name("/".join(parts[:2]), revision)
    if parts[2] == "tree" or not rest.lower().endswith(".gguf"):
        raise InputError(f"{text}: does not lead to a .gguf file")
    return _name("/".join(parts[:2]), revision, path=rest)


def _outside(url: SplitResult) -> Name:
    file = unquote(url.path.rpartition("/")[2])
    if not file.lower().endswith(".gguf") or "/" in file:
        raise InputError(f"{url.geturl()}: does not lead to a .gguf file")
    check_path(file)
    return Name(url=url._replace(fragment="").geturl())
