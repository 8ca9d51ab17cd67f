"""Every error that abi raises for something outside its own code.

    AbiError
    |- FormatError (ValueError)          a file or stream is malformed, cut or hostile
    |- UnsupportedError (ValueError)     well formed, but nothing here can process it yet
    |- InputError (ValueError)           an argument or request cannot be used as given
    |  |- ContextLengthError             more tokens than the context window holds
    |  `- NotPulledError (FileNotFoundError)  a model's name that the cache does not hold
    |- DownloadError (OSError)           a file could not be fetched, or not kept
    |- LockedError (OSError)             a database that another process writes to
    |- StorageError (OSError)            a database that can no longer be written to
    |- KernelError (RuntimeError)        a kernel set that was asked for cannot be used
    |- MissingExtraError (ImportError)   an optional dependency is not installed
    `- Cancelled                         the caller's cancel check asked to stop

A message says what, where, got, expected and the cure, in one line.
"""

from __future__ import annotations

__all__ = [
    "AbiError",
    "Cancelled",
    "ContextLengthError",
    "DamageWarning",
    "DownloadError",
    "FormatError",
    "InputError",
    "KernelError",
    "LockedError",
    "MissingExtraError",
    "NotPulledError",
    "StorageError",
    "UnsupportedError",
]


class AbiError(Exception):
    """Base of every error that abi raises on purpose."""


class FormatError(AbiError, ValueError):
    """A file or stream breaks its format.

    Parameters
    ----------
    message : str
        What is wrong, with got and expected.
    field : str, optional
        The field being read.
    offset : int, optional
        Byte offset of that field in the file.
    source : str, optional
        The file's name.
    """

    def __init__(
        self,
        message: str,
        *,
        field: str | None = None,
        offset: int | None = None,
        source: str | None = None,
    ) -> None:
        self.message, self.field, self.offset, self.source = message, field, offset, source
        super().__init__(message)

    def __str__(self) -> str:
        where = [self.source] if self.source else []
        if self.offset is not None:
            where.append(f"offset {self.offset}")
        if self.field:
            where.append(self.field)
        return f"{', '.join(where)}: {self.message}" if where else self.message


class UnsupportedError(AbiError, ValueError):
    """Well formed, but nothing here can process it yet; the message names what."""


class InputError(AbiError, ValueError):
    """An argument or request cannot be used as given."""


class ContextLengthError(InputError):
    """A prompt, or a prompt and what was generated, passes the context window.

    Parameters
    ----------
    n_tokens : int
        Tokens that were to be held.
    n_ctx : int
        Tokens that the context window holds.
    """

    def __init__(self, message: str, *, n_tokens: int, n_ctx: int) -> None:
        self.n_tokens, self.n_ctx = n_tokens, n_ctx
        super().__init__(message)


class NotPulledError(InputError, FileNotFoundError):
    """A model's name that the cache does not hold; the message has the command to pull it."""


class DownloadError(AbiError, OSError):
    """A file could not be fetched, or could not be kept; nothing broken lies in its place."""


class LockedError(AbiError, OSError):
    """A database that another process, or another part of this one, has open for writing."""


class StorageError(AbiError, OSError):
    """A database whose files could not be written; what was acknowledged before is kept."""


class KernelError(AbiError, RuntimeError):
    """A kernel set that was asked for by name cannot be used here."""


class MissingExtraError(AbiError, ImportError):
    """An optional dependency is not installed; the message holds the pip command."""


class Cancelled(AbiError):  # noqa: N818 - asked for, so no error of anyone
    """The caller's cancel check returned true; the work done so far is kept."""


class DamageWarning(UserWarning):
    """Part of a database could not be read back; the message says what, and what is lost."""
