"""Inverted lists of faiss.

"ilar", nlist u64, code_size u64
"full"          count u64, then the size u64 of each list
"sprs"          count u64, then pairs: a list u64, its size u64
the lists       those that are not empty: vectors, then ids int64
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from abi.errors import UnsupportedError
from abi.store.foreign._cursor import Cursor
from abi.store.foreign._points import Part

__all__ = ["lists"]


def lists(
    cursor: Cursor, nlist: int, width: int, dtype: str, n: int
) -> Callable[[int], Iterator[Part]]:
    """What yields the ids and vectors of all lists.

    Parameters
    ----------
    cursor : Cursor
        Where they begin; it is left where they end.
    nlist : int
        Lists that there have to be.
    width : int
        Numbers of a vector.
    dtype : str
    n : int
        Vectors that there have to be.
    """
    at, code = cursor.at, cursor.code("invlists")
    if code not in (b"ilar", b"il00"):
        raise _elsewhere(cursor, code, at)
    if code == b"il00":
        sizes: list[int] = []
    else:
        sizes = _sizes(cursor, nlist, width * np.dtype(dtype).itemsize)
    total = sum(sizes)
    if total != n:
        raise cursor.error(f"{total} vectors in the lists, expected {n}", "invlists", at)
    row = np.dtype(dtype).itemsize * width + 8
    start = cursor.skip(total * row, "invlists")

    def parts(size: int) -> Iterator[Part]:
        inner = Cursor(cursor.data, cursor.source)
        inner.at = start
        for length in sizes:
            vectors = inner.array(dtype, length * width, "codes").reshape(length, width)
            ids = inner.array("<i8", length, "ids")
            for first in range(0, length, size):
                yield ids[first : first + size], vectors[first : first + size]

    return parts


def _sizes(cursor: Cursor, nlist: int, code_size: int) -> list[int]:
    """Sizes of the lists that are not empty."""
    at = cursor.at
    got, size = cursor.numbers("QQ", "invlists")
    if got != nlist or size != code_size:
        message = f"{got} lists of codes of {size} bytes, expected {nlist} of {code_size}"
        raise cursor.error(message, "invlists", at)
    at, kind = cursor.at, cursor.code("list_type")
    counts = cursor.counted("<u8", "sizes")
    if kind == b"sprs" and len(counts) % 2 == 0:
        which, counts = counts[::2], counts[1::2]
        if (which[1:] <= which[:-1]).any() or (len(which) and which[-1] >= nlist):
            raise cursor.error("the lists are not in order", "sizes", at)
    elif kind != b"full" or len(counts) != nlist:
        raise cursor.error(f"{len(counts)} sizes of kind {kind!r} for {nlist}", "sizes", at)
    return [length for length in counts.tolist() if length]


def _elsewhere(cursor: Cursor, code: bytes, at: int) -> Exception:
    if code == b"ilod":
        return UnsupportedError(
            f"{cursor.source}: its lists lie in another file (OnDiskInvertedLists); expected "
            "them here: load it with faiss.read_index, and add its vectors to an IndexIVFFlat"
        )
    if code[:2] == b"il":
        return UnsupportedError(
            f"{cursor.source}: inverted lists of kind {code.decode('latin-1')!r}; expected "
            "'ilar': add the vectors to an IndexIVFFlat, and write that"
        )
    return cursor.error(f"{code!r} are no inverted lists", "invlists", at)
