"""`.npy`: an array whose rows are vectors; a file of JSON lines beside it has the rest.

Line i of `name.jsonl` is the point of row i of `name.npy`, without its vector. Where there is no
such file the ids are 0, 1, ... .
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from abi._files import replacing
from abi.errors import FormatError, InputError
from abi.store._collection import Collection, Snapshot
from abi.store._hit import Point
from abi.store.exchange._jsonl import columns_of, json_line, points_of_lines
from abi.store.exchange._source import Source, check_free

__all__ = ["read_npy", "write_npy"]


def read_npy(path: Path, using: str) -> Source:
    """Points of an array; `using` is the name of the vector that it becomes.

    Raises
    ------
    FormatError
        If it is no array of rows of numbers.
    InputError
        If the file beside it has another number of lines.
    """
    data = _mapped(path)
    beside = path.with_suffix(".jsonl")
    if beside.exists():
        with beside.open("rb") as file:
            n = sum(1 for line in file if line.strip())
        if n != len(data):
            raise InputError(f"{beside}: {n} lines for {len(data)} rows of {path}")
    dims = None if data.dtype.kind == "u" else {using: data.shape[1]}
    return Source(dims, None, len(data), lambda size: _batches(data, beside, using, size))


def write_npy(points: Collection | Snapshot, path: Path, using: str, force: bool) -> int:
    """Write a vector of all points, and the file beside it; return how many there are.

    Raises
    ------
    InputError
        If a point has no such vector, or a file is there already.
    """
    settings = points.config.vectors.get(using)
    if settings is None:
        names = ", ".join(map(repr, points.config.vectors)) or "none"
        raise InputError(
            f"{path}: needs one vector; this collection has {names}: name it (--using)"
        )
    frozen = points._frozen()
    n = len(frozen)
    head = {"descr": settings.dtype, "fortran_order": False, "shape": (n, settings.width)}
    beside = path.with_suffix(".jsonl")
    if beside == path:
        raise InputError(f"{path}: the lines beside the array have this name; call it .npy")
    for one in (path, beside):
        check_free(one, force)
    with replacing(path) as array, replacing(beside) as lines:
        np.lib.format.write_array_header_1_0(array, head)
        for point in frozen.points(with_vectors=True):
            vectors = dict(point.vectors or {})
            if using not in vectors:
                cure = "JSON lines and Parquet keep it"
                raise InputError(f"{path}: {point.id!r} has no vector {using!r}; {cure}")
            array.write(vectors.pop(using).tobytes())
            rest = Point(point.id, point.payload, point.text, vectors)
            lines.write(f"{json_line(rest)}\n".encode())
    return n


def _mapped(path: Path) -> npt.NDArray[Any]:
    try:
        data = np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, EOFError, SyntaxError, TypeError) as error:
        raise FormatError(f"no .npy file: {error}", source=str(path)) from None
    if not isinstance(data, np.ndarray) or data.ndim != 2 or data.dtype.kind not in "fiub":
        got = f"{data.dtype} {data.shape}" if isinstance(data, np.ndarray) else "several arrays"
        raise FormatError(f"{got}; expected (n, dim) numbers", source=str(path))
    return data


def _batches(
    data: npt.NDArray[Any], beside: Path, using: str, size: int
) -> Iterator[dict[str, Any]]:
    if not beside.exists():
        for start in range(0, len(data), size):
            some = data[start : start + size]
            yield {"ids": list(range(start, start + len(some))), "vectors": {using: some}}
        return
    with beside.open("rb") as file:
        lines = points_of_lines(file, str(beside))
        start = 0
        while points := list(islice(lines, size)):
            found = columns_of(points)
            found["vectors"][using] = data[start : start + len(points)]
            yield found
            start += len(points)
