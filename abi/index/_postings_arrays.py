"""Arrays of postings: made of terms, joined, and checked. `Postings` says what is in them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import chain, count, pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError, InputError

__all__ = ["built", "check", "key_of", "merged", "packed"]

Array = npt.NDArray[Any]
Arrays = Mapping[str, Array]
I64 = npt.NDArray[np.int64]

_NAMES = ("terms", "offsets", "starts", "rows", "counts", "lengths")


def key_of(term: str) -> bytes:
    """A term as it is written; the order of these is the order of the code points."""
    return term.encode("utf-8", "surrogatepass")


def built(documents: Sequence[Sequence[str]]) -> dict[str, Array]:
    """Postings of the terms of each document."""
    numbers: defaultdict[str, int] = defaultdict(count().__next__)  # in the order of arrival
    lengths = np.fromiter(map(len, documents), np.int64, len(documents))
    every = map(numbers.__getitem__, chain.from_iterable(documents))
    term = np.fromiter(every, np.int64, int(lengths.sum()))
    names = [key_of(name) for name in numbers]
    order = sorted(range(len(names)), key=names.__getitem__)
    place = np.empty(len(names), np.int64)
    place[order] = np.arange(len(names))
    n = max(1, len(documents))
    pairs = place[term] * n + np.repeat(np.arange(len(documents)), lengths.astype(np.intp))
    pairs.sort()
    first = np.flatnonzero(np.diff(pairs, prepend=-1))  # where another pair begins
    counts = np.diff(first, append=len(pairs))
    number, rows = np.divmod(pairs[first], n)
    sizes = np.bincount(number, minlength=len(names))
    return packed([names[i] for i in order], sizes, rows, counts, lengths)


def merged(parts: Sequence[Arrays], rows: Sequence[I64], n: int) -> dict[str, Array]:
    """Postings of n documents that were in parts, each with the new numbers of its own or -1."""
    names = [_terms(part) for part in parts]
    everything = sorted(set().union(*names))
    place = {name: i for i, name in enumerate(everything)}
    _check_places(parts, rows, n)
    lengths = np.zeros(n, np.int64)
    found: list[tuple[I64, Array]] = [(np.empty(0, np.int64), np.empty(0, np.uint8))]
    for part, own, new in zip(parts, names, rows, strict=True):
        number = np.fromiter(map(place.__getitem__, own), np.int64, len(own))
        row = new[_documents(part)]
        kept = row >= 0
        starts = part["starts"].astype(np.intp)
        term = np.repeat(number, (starts[1:] - starts[:-1]).astype(np.intp))
        found.append((term[kept] * n + row[kept], part["counts"][kept]))
        lengths[new[new >= 0]] = part["lengths"][new >= 0]
    pairs = np.concatenate([pair for pair, _ in found])
    counts = np.concatenate([c for _, c in found])
    order = np.argsort(pairs, kind="stable")  # of runs that ascend: little more than merging them
    term, row = np.divmod(pairs[order], max(1, n))
    sizes = np.bincount(term, minlength=len(everything))
    left = np.flatnonzero(sizes)
    return packed([everything[i] for i in left], sizes[left], row, counts[order], lengths)


def packed(
    terms: Sequence[bytes], sizes: I64, rows: Array, counts: Array, lengths: Array
) -> dict[str, Array]:
    """Arrays as they are saved, of ascending terms with `sizes` postings each."""
    bytes_of = np.fromiter(map(len, terms), np.int64, len(terms))
    return {
        "terms": np.frombuffer(b"".join(terms), np.uint8),
        "offsets": _narrow(np.concatenate(([0], np.cumsum(bytes_of)))),
        "starts": _narrow(np.concatenate(([0], np.cumsum(sizes)))),
        "rows": rows.astype(np.min_scalar_type(max(1, len(lengths)))),
        "counts": _narrow(counts),
        "lengths": _narrow(lengths),
    }


def check(arrays: Arrays) -> None:
    """That arrays fit together; what they hold is checked where it is read.

    Raises
    ------
    FormatError
    """
    for name in _NAMES:
        array = arrays.get(name)
        if array is None or array.ndim != 1 or array.dtype.kind != "u":
            raise FormatError("missing, or no row of unsigned integers", field=f"posting/{name}")
    for ends, total in (("offsets", "terms"), ("starts", "rows")):
        values = arrays[ends]
        if not len(values) or values[0] or values[-1] != len(arrays[total]):
            raise FormatError("do not go from 0 to the end", field=f"posting/{ends}")
    if len(arrays["starts"]) != len(arrays["offsets"]):
        raise FormatError("not as many as offsets", field="posting/starts")
    if len(arrays["counts"]) != len(arrays["rows"]):
        raise FormatError("not as many as rows", field="posting/counts")


def _terms(part: Arrays) -> list[bytes]:
    """All terms of postings."""
    _check_ascent(part["offsets"], "offsets")
    data, ends = part["terms"].tobytes(), part["offsets"].tolist()
    names = [data[a:b] for a, b in pairwise(ends)]
    if any(a >= b for a, b in pairwise(names)):
        raise FormatError("not in their order", field="posting/terms")
    return names


def _documents(part: Arrays) -> Array:
    """All rows of postings."""
    _check_ascent(part["starts"], "starts")
    rows, n = part["rows"], len(part["lengths"])
    if len(rows) and int(rows.max()) >= n:
        raise FormatError(f"documents that are not there, of {n}", field="posting/rows")
    return rows


def _check_ascent(ends: Array, name: str) -> None:
    if np.any(ends[1:] < ends[:-1]):
        raise FormatError("do not ascend", field=f"posting/{name}")


def _check_places(parts: Sequence[Arrays], rows: Sequence[I64], n: int) -> None:
    taken = np.zeros(n, np.intp)
    for part, new in zip(parts, rows, strict=True):
        if new.shape != part["lengths"].shape or new.dtype.kind != "i":
            raise InputError(
                f"new rows: {new.dtype} {new.shape}; expected one integer for each of "
                f"{len(part['lengths'])} documents"
            )
        if int(new.max(initial=-1)) >= n or int(new.min(initial=-1)) < -1:
            raise InputError(f"new rows: {new.min()} to {new.max()}; expected -1 to {n - 1}")
        np.add.at(taken, new[new >= 0], 1)
    if int(taken.max(initial=0)) > 1:
        raise InputError(f"new row {int(taken.argmax())}: {taken.max()} documents go there")


def _narrow(values: Array) -> Array:
    return values.astype(np.min_scalar_type(int(values.max(initial=0))))
