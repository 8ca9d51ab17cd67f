"""Files that are replaced as a whole: written beside their place, and moved there when complete."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from abi.errors import InputError

__all__ = ["replacing"]


@contextmanager
def replacing(target: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """A file to write to that takes the place of `target` when the block ends without an error.

    Whatever happens before, what was there stays as it was, and nothing is left beside it.

    Parameters
    ----------
    target : path
        If it is a link, the file that it leads to is replaced.

    Raises
    ------
    InputError
        If there is something that is no file, such as a folder or a device.
    OSError
        If it cannot be written; it names the target.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with replacing(f"{folder}/a") as file:
    ...         _ = file.write(b"whole")
    ...     Path(folder, "a").read_bytes()
    b'whole'
    """
    path = Path(os.path.realpath(target))
    if path.exists() and not path.is_file():
        what = "folder" if path.is_dir() else "device or the like"
        raise InputError(f"{target}: a {what}, which no file may replace; name another file")
    part = path.with_name(f"{path.name}.{os.getpid()}-{os.urandom(6).hex()}.part")
    try:
        with open(part, "xb") as file:
            yield file
        os.replace(part, path)
    except OSError as error:
        if error.filename not in (None, str(part)):
            raise  # of something else
        number = error.errno or errno.EIO
        raise OSError(number, error.strerror or str(error), str(target)) from None
    finally:
        part.unlink(missing_ok=True)
