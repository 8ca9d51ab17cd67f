"""Joins the columns that several parts have of one path."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.store._blobs import narrow
from abi.store.payload._column import Column
from abi.store.payload._gather import KINDS, ROWS
from abi.store.payload._path_columns import PathColumns

__all__ = ["merge"]

Array = npt.NDArray[Any]
I64 = npt.NDArray[np.int64]


def merge(parts: Sequence[PathColumns], rows: Sequence[I64], n: int) -> PathColumns | None:
    """Of n rows; `rows` has the new row of each of a part's, or -1. None if none is left."""
    found: dict[str, Array] = {}
    for name in ROWS:
        moved = np.concatenate([to[part.rows(name)] for part, to in zip(parts, rows, strict=True)])
        kept = np.sort(moved[moved >= 0])
        if len(kept) or name == "present":
            found[name] = narrow(kept, max(1, n))
    if not len(found["present"]):
        return None
    if len(found["present"]) == n:
        del found["present"]  # everywhere
    columns = {}
    for kind in KINDS:
        having = [i for i, part in enumerate(parts) if kind in part.kinds]
        some = [parts[i].column(kind) for i in having]
        column = _column(kind, some, [rows[i] for i in having], n) if some else None
        if column is not None and len(column):
            columns[kind] = column
    return PathColumns(n, columns, found)


def _column(kind: str, parts: Sequence[Column], rows: Sequence[I64], n: int) -> Column:
    """Entries in the order of their new rows, of the words that still have some."""
    where = np.concatenate([to[part.where] for part, to in zip(parts, rows, strict=True)])
    words, places = _words(parts)
    codes = np.concatenate([to[part.codes] for part, to in zip(parts, places, strict=True)])
    kept = np.flatnonzero(where >= 0)
    order = kept[np.argsort(where[kept], kind="stable")]
    used, codes = np.unique(codes[order], return_inverse=True)
    living = [words[code] for code in used.tolist()]
    return Column.of_words(kind, living, codes, where[order].astype(np.uint32), n)


def _words(parts: Sequence[Column]) -> tuple[list[Any], list[I64]]:
    """All words in order, and where among them those of each part are."""
    own = [[part.word(code) for code in range(len(part))] for part in parts]
    words = sorted(set().union(*own))
    number = {word: i for i, word in enumerate(words)}
    places = [np.fromiter((number[w] for w in some), np.int64, len(some)) for some in own]
    return words, places
