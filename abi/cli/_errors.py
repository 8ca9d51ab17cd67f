"""What went wrong, as one line in the words of the command line."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import sys
from collections.abc import Iterator, Mapping
from typing import TextIO

from abi.errors import AbiError

__all__ = ["PARAMETERS", "one_line", "quietly", "say"]

# Flags of the parameters that messages of the Python interface name; a verb may have others.
PARAMETERS: dict[str, str] = {
    "context_shift": "--context-shift",
    "draft": "--lookup or --model-draft",
    "draft_tokens": "--draft-max",
    "grammar": "--grammar",
    "json_schema": "--json-schema",
    "kernels": "--kernels",
    "layers": "--control-vector-layer-range",
    "logprobs": "--logprobs",
    "max_tokens": "--max-tokens",
    "n": "--choices",
    "n_ctx": "--ctx",
    "n_keep": "--keep",
    "n_threads": "--threads",
    "pooling": "--pooling",
    "stop": "--stop",
    "template": "--chat-template-file",
    "tokenizer_pre": "--tokenizer-pre",
    "truncate": "--truncate",
    "weights": "--weights",
}
_CURES = {
    errno.EACCES: "you may not use it so; see its permissions",
    errno.EDQUOT: "make room, or name a file on another disk",
    errno.EISDIR: "name a file",
    errno.ENAMETOOLONG: "name another",
    errno.ENOENT: "check the name",
    errno.ENOSPC: "make room, or name a file on another disk",
    errno.EROFS: "name a file on another disk",
}
_NO_MEMORY = "out of memory; take a smaller context (--ctx), cache (--cache-type-k) or model"


def one_line(error: BaseException, names: Mapping[str, str] = PARAMETERS) -> str:
    """The message of an error, with flags for parameters and a cure; none of it is obeyed.

    Parameters
    ----------
    error : BaseException
    names : mapping
        Flags by parameter.
    """
    text = str(error)
    if isinstance(error, MemoryError):
        text = _NO_MEMORY
    elif isinstance(error, OSError) and not isinstance(error, AbiError) and error.strerror:
        text = _of_the_system(error)
    elif isinstance(error, AbiError):
        text = _flagged(text, names)
    text = " ".join(text.split())
    # What others wrote, such as a server or a file, must not move the terminal's cursor.
    return "".join(c if c.isprintable() else ascii(c)[1:-1] for c in text)


def say(text: str) -> None:
    """Print a line to standard error, if it can be written to."""
    with quietly():
        print(text, file=sys.stderr, flush=True)


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Standard error that is closed or full is no reason to fail."""
    try:
        yield
    except (OSError, AttributeError, ValueError):
        _to_nothing(sys.stderr)


def _to_nothing(stream: TextIO | None) -> None:
    """Keep Python from complaining about a stream while it shuts down."""
    with contextlib.suppress(OSError, AttributeError, ValueError):
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno())  # type: ignore[union-attr]
        os.close(nothing)


def _of_the_system(error: OSError) -> str:
    name = error.filename
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    where = "" if name is None else f"{name or repr(name)}: "
    cure = _CURES.get(error.errno or 0, "")
    if error.errno == errno.ENOENT and name and not os.path.isdir(os.path.dirname(name) or "."):
        cure = "its folder is not there; check the name"
    return f"{where}{error.strerror}{cure and '; '}{cure}"


def _flagged(text: str, names: Mapping[str, str]) -> str:
    def flag(found: re.Match[str]) -> str:
        value = "" if found[2] == "True" else found[2]
        return f"{names[found[1]]}{' ' if value else ''}{value}"

    known = "|".join(map(re.escape, names))
    return re.sub(rf"(?<![\w.])({known})=(True\b|[^\s)\];,]?)", flag, text)
