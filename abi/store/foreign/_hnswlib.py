"""Files of hnswlib's `Index.save_index`.

    header      96 bytes: offsetLevel0 u64, max_elements u64, cur_element_count u64,
                size_data_per_element u64, label_offset u64, offsetData u64, maxlevel i32,
                enterpoint_node u32, maxM u64, maxM0 u64, M u64, mult f64, ef_construction u64
    elements    of size_data_per_element bytes: links (a count u16, flags u8 whose lowest bit
                is set where it is deleted, a byte, maxM0 neighbours u32), the vector of float32
                at offsetData, the label u64 at label_offset
    links       for each element a size u32, and so many bytes

The graph is passed over. Neither dim nor metric are in the file.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError, InputError
from abi.store.foreign._cursor import Cursor, map_path
from abi.store.foreign._points import Foreign, Part, check_size, joined

__all__ = ["DELETED", "Header", "hnswlib_points", "read_header", "read_hnswlib"]

_MAX_ROW = 1 << 30  # bytes of an element
DELETED = 1
_LINK = struct.Struct("<I")


@dataclass(frozen=True)
class Header:
    """What a header says of the elements."""

    capacity: int
    n: int
    size: int  # bytes of an element
    label: int  # where in it the label is
    vector: int
    links: int  # bytes of the links of one level above the lowest

    def elements(self, cursor: Cursor, dim: int, rows: int) -> npt.NDArray[Any]:
        """The first `n` of so many rows, in place: `flags`, `vector` and `label`."""
        at = cursor.skip(rows * self.size, "elements")
        if not self.n:
            return np.empty(0, [("flags", "u1"), ("vector", "<f4", (dim,)), ("label", "<u8")])
        layout = {
            "names": ["flags", "vector", "label"],
            "formats": ["u1", ("<f4", (dim,)), "<u8"],
            "offsets": [2, self.vector, self.label],
            "itemsize": self.size,
        }
        data = cursor.data[at : at + self.n * self.size]
        return np.frombuffer(data, np.dtype(layout))  # type: ignore[call-overload]


def read_header(cursor: Cursor, dim: int) -> Header:
    """The header, which has to be one for vectors of `dim` components."""
    at = cursor.at
    values = cursor.numbers("6QiI3QdQ", "header")
    start, capacity, n, size, label, vector, _, _, max_m, max_m0 = values[:10]
    consistent = (
        start == 0
        and n <= capacity
        and vector == 4 * max_m0 + 4
        and vector < label
        and size == label + 8
        and size <= _MAX_ROW
        and max_m <= max_m0
    )
    if not consistent:
        raise cursor.error("no header of an hnswlib index", "header", at)
    if label - vector != 4 * dim:
        got = (label - vector) / 4
        raise InputError(f"{cursor.source}: vectors of {got:g} components; got dim {dim}")
    return Header(capacity, n, size, label, vector, 4 * max_m + 4)


def read_hnswlib(path: str | os.PathLike[str], dim: int) -> Foreign:
    """Points of an index that hnswlib has saved.

    Parameters
    ----------
    path : path
        A file of `Index.save_index`.
    dim : int
        Components of a vector, which the file does not say. Nor does it say the metric: that of
        the result is None. Of an index with the space "cosine" it has vectors of length 1.

    Raises
    ------
    FormatError
        If it is no such file, or damaged.
    InputError
        If its vectors have another length.
    """
    return hnswlib_points(map_path(path), os.fspath(path), dim)


def hnswlib_points(data: memoryview, source: str, dim: int) -> Foreign:
    """As `read_hnswlib`, of bytes."""
    if type(dim) is not int or dim < 1:
        raise InputError(f"dim: {dim!r}; expected components of a vector, 1 or more")
    cursor = Cursor(data, source)
    header = read_header(cursor, dim)
    elements = header.elements(cursor, dim, header.n)
    _pass_links(cursor, header)
    alive = np.flatnonzero(elements["flags"] & DELETED == 0)
    _check_labels(elements["label"][alive], source)

    def parts(size: int) -> Iterator[Part]:
        for start in range(0, len(alive), size):
            rows = elements[alive[start : start + size]]
            yield rows["label"], rows["vector"]

    def batches(size: int) -> Iterator[dict[str, Any]]:
        return joined(parts(check_size(size)), size)

    return Foreign(dim, None, len(alive), batches)


def _pass_links(cursor: Cursor, header: Header) -> None:
    """Go over the links, so that a file that was cut is not taken for whole."""
    data, at, end = cursor.data, cursor.at, len(cursor.data)
    for _ in range(header.n):
        size = _LINK.unpack_from(data, at)[0] if end - at >= _LINK.size else end
        if size % header.links or size > end - at - _LINK.size:
            raise cursor.error("links that cannot be: cut or damaged", "links", at)
        at += _LINK.size + size
    cursor.at = at
    cursor.done("links")


def _check_labels(labels: npt.NDArray[Any], source: str) -> None:
    ordered = np.sort(labels)
    twice = np.flatnonzero(ordered[1:] == ordered[:-1])
    if len(twice):
        message = f"label {ordered[twice[0]]} is there twice"
        raise FormatError(message, field="labels", source=source)
