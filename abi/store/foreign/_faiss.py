"""Files of `faiss.write_index` and `faiss.write_index_binary` that hold whole vectors.

An index is four characters that name its class, a header, and what the class adds:

    header          d i32, ntotal i64, two i64 that mean nothing, is_trained u8, metric i32,
                    and a float32 where metric > 1; binary: d i32, code_size i32, ntotal i64,
                    is_trained u8, metric i32
    IxF2 IxFI IxFl  flat: count of float32 u64, the vectors; binary IBxF: count of bytes
    IxMp IxM2       ids: an index, then count u64 and int64 for each row; IBMp IBM2
    IHNf            a graph, then the index that holds the vectors; binary IBHf
    IwFl            inverted lists, see `_faiss_lists`; binary IBwF
    IxPT            transforms, then an index

Graphs and coarse quantizers are passed over. Kinds that hold codes are named, and refused.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from abi.errors import InputError, UnsupportedError
from abi.store.foreign._cursor import Cursor, map_path
from abi.store.foreign._faiss_kinds import METRICS, unsupported
from abi.store.foreign._faiss_lists import lists
from abi.store.foreign._points import Foreign, Part, check_size, joined

__all__ = ["faiss_points", "read_faiss"]

_MAX_DEPTH = 8  # indexes within indexes
_IP, _L2 = 0, 1
_COSINE = -1  # not faiss's: vectors that were made of length 1


@dataclass(frozen=True)
class _Header:
    dim: int
    n: int
    metric: int
    binary: bool

    @property
    def width(self) -> int:
        """Numbers that a vector is stored as."""
        return self.dim // 8 if self.binary else self.dim

    @property
    def dtype(self) -> str:
        return "u1" if self.binary else "<f4"


@dataclass(frozen=True)
class _Stored:
    """Vectors of an index; `parts(size)` yields ids and vectors, up to `size` at a time."""

    header: _Header
    named: bool  # has ids of its own, not positions
    parts: Callable[[int], Iterator[Part]]


def read_faiss(path: str | os.PathLike[str]) -> Foreign:
    """Points of an index that faiss has written.

    Parameters
    ----------
    path : path
        A file of `faiss.write_index` or `faiss.write_index_binary`.

    Raises
    ------
    FormatError
        If it is no such file, or damaged.
    UnsupportedError
        If the index holds codes instead of vectors; the message has the cure.
    InputError
        If an id is negative, or there twice.
    """
    return faiss_points(map_path(path), os.fspath(path))


def faiss_points(data: memoryview, source: str) -> Foreign:
    """As `read_faiss`, of bytes."""
    cursor = Cursor(data, source)
    stored = _index(cursor, 0)
    cursor.done("end")
    header = stored.header
    metric = "hamming" if header.binary else _metric(cursor, header.metric)
    if stored.named:
        _check_ids(stored, source)

    def batches(size: int) -> Iterator[dict[str, Any]]:
        return joined(stored.parts(check_size(size)), size)

    return Foreign(header.dim, metric, header.n, batches)


def _index(cursor: Cursor, depth: int) -> _Stored:
    at, code = cursor.at, cursor.code("kind")
    if code not in _READERS:
        raise unsupported(cursor, code, at)
    if depth > _MAX_DEPTH:
        raise cursor.error(f"more than {_MAX_DEPTH} indexes within one another", "kind", at)
    return _READERS[code](cursor, _header(cursor, binary=code[:2] == b"IB"), depth)


def _header(cursor: Cursor, *, binary: bool) -> _Header:
    at = cursor.at
    if binary:
        dim, code_size, n, _, metric = cursor.numbers("iiqBi", "header")
        if dim % 8 or code_size != dim // 8:
            raise cursor.error(f"{code_size} bytes for {dim} bits, expected d / 8", "d", at)
    else:
        dim, n, _, _, _, metric = cursor.numbers("iqqqBi", "header")
        if metric > 1:
            cursor.numbers("f", "metric_arg")
    if dim < 1 or n < 0:
        raise cursor.error(f"{n} vectors of {dim} components", "header", at)
    return _Header(dim, n, metric, binary)


def _flat(cursor: Cursor, header: _Header, depth: int) -> _Stored:
    at, count = cursor.at, cursor.number("Q", "codes")
    if count != header.n * header.width:
        message = f"{count} numbers, expected {header.n} times {header.width}"
        raise cursor.error(message, "codes", at)
    vectors = cursor.array(header.dtype, count, "codes").reshape(header.n, header.width)

    def parts(size: int) -> Iterator[Part]:
        for start in range(0, header.n, size):
            chunk = vectors[start : start + size]
            yield np.arange(start, start + len(chunk)), chunk

    return _Stored(header, False, parts)


def _mapped(cursor: Cursor, header: _Header, depth: int) -> _Stored:
    inner = _within(cursor, header, depth)
    at, ids = cursor.at, cursor.counted("<i8", "id_map")
    if len(ids) != header.n:
        raise cursor.error(f"{len(ids)} ids, expected {header.n}", "id_map", at)

    def parts(size: int) -> Iterator[Part]:
        for rows, vectors in inner.parts(size):
            if len(rows) and not (rows.min() >= 0 and rows.max() < len(ids)):
                raise cursor.error(f"no id for row {rows.max()} of {len(ids)}", "id_map", at)
            yield ids[rows], vectors

    return _Stored(header, True, parts)


def _graph(cursor: Cursor, header: _Header, depth: int) -> _Stored:
    for dtype, field in (
        ("<f8", "assign_probas"),
        ("<i4", "cum_nneighbor_per_level"),
        ("<i4", "levels"),
        ("<u8", "offsets"),
        ("<i4", "neighbors"),
    ):
        cursor.counted(dtype, field)
    cursor.numbers("5i", "entry_point")  # and max_level, efConstruction, efSearch, upper_beam
    return _within(cursor, header, depth)


def _inverted(cursor: Cursor, header: _Header, depth: int) -> _Stored:
    nlist, _ = cursor.numbers("QQ", "nlist")
    _index(cursor, depth + 1)  # the coarse quantizer
    kind = cursor.number("B", "direct_map")
    cursor.counted("<i8", "direct_map")
    if kind == 2:
        cursor.skip(16 * cursor.number("Q", "direct_map"), "direct_map")
    found = lists(cursor, nlist, header.width, header.dtype, header.n)
    return _Stored(header, True, found)


def _transformed(cursor: Cursor, header: _Header, depth: int) -> _Stored:
    at, chain = cursor.at, cursor.number("i", "chain")
    if not 0 <= chain <= _MAX_DEPTH:
        raise cursor.error(f"{chain} transforms", "chain", at)
    for _ in range(chain):
        at, code = cursor.at, cursor.code("transform")
        norm = cursor.numbers("f", "norm")[0] if code == b"VNrm" else 0
        if norm != 2:
            raise unsupported(cursor, b"IxPT", at)
        d_in, d_out, _ = cursor.numbers("iiB", "transform")
        if d_in != header.dim or d_out != header.dim:
            raise cursor.error(f"from {d_in} to {d_out}, expected {header.dim}", "transform", at)
    inner = _within(cursor, header, depth)
    if not chain or header.metric not in (_IP, _L2):
        return inner
    return replace(inner, header=replace(header, metric=_COSINE))


def _within(cursor: Cursor, header: _Header, depth: int) -> _Stored:
    """The index within another one, which has to agree with it."""
    at = cursor.at
    inner = _index(cursor, depth + 1)
    got, expected = inner.header, header
    if (got.dim, got.n, got.binary) != (expected.dim, expected.n, expected.binary):
        message = f"{got.n} vectors of {got.dim} within {expected.n} of {expected.dim}"
        raise cursor.error(message, "header", at)
    return replace(inner, header=header)


_READERS: dict[bytes, Callable[[Cursor, _Header, int], _Stored]] = {
    b"IxF2": _flat,
    b"IxFI": _flat,
    b"IxFl": _flat,
    b"IxMp": _mapped,
    b"IxM2": _mapped,
    b"IHNf": _graph,
    b"IwFl": _inverted,
    b"IxPT": _transformed,
    b"IBxF": _flat,
    b"IBMp": _mapped,
    b"IBM2": _mapped,
    b"IBHf": _graph,
    b"IBwF": _inverted,
}


def _metric(cursor: Cursor, metric: int) -> str:
    known = {_IP: "ip", _L2: "l2", _COSINE: "cosine"}
    if metric in known:
        return known[metric]
    if metric not in METRICS:
        raise cursor.error(f"{metric} is no metric of faiss", "metric_type", 0)
    raise UnsupportedError(
        f"{cursor.source}: compares by {METRICS[metric]}; expected l2 or ip: export the vectors "
        "with index.reconstruct_n(0, index.ntotal) and import the .npy under one of those"
    )


def _check_ids(stored: _Stored, source: str) -> None:
    parts = [ids for ids, _ in stored.parts(1 << 16)]
    ids = np.sort(np.concatenate([np.empty(0, np.int64), *parts]))
    if len(ids) and ids[0] < 0:
        raise InputError(
            f"{source}: id {ids[0]}; expected 0 or more: number the vectors anew, with IndexIDMap"
        )
    twice = np.flatnonzero(ids[1:] == ids[:-1])
    if len(twice):
        raise InputError(
            f"{source}: id {ids[twice[0]]} is there twice; give each vector an id of its own"
        )
