"""A batch of points: checked before anything is written, and as the log has it.

In the log a batch is a pack whose meta data have the ids that are strings; vectors, payloads
and texts are arrays.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError, InputError
from abi.store._blobs import Blobs
from abi.store._config import CollectionConfig, VectorConfig
from abi.store._ids import Id, check_ids
from abi.store._pack import Array, Pack
from abi.store.payload import encode_all

__all__ = ["MAX_BATCH_BYTES", "Batch", "check_vectors", "ids_from_log", "ids_to_log"]

MAX_BATCH_BYTES = 1 << 30
_LARGEST = 1e15  # the squares of 65,536 of these have a sum in float32

I64 = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Batch:
    """Points that are upserted together.

    Parameters
    ----------
    ids : list of k ids
    vectors : dict of str to (rows, data)
        Rows of the batch that have the vector, ascending, None when all have; and (m, width).
    payloads, texts : Blobs of k rows, or None
        UTF-8; no point has one where it is None. An absent one is empty.
    """

    ids: list[Id]
    vectors: dict[str, tuple[I64 | None, Array]]
    payloads: Blobs | None
    texts: Blobs | None

    @classmethod
    def of(
        cls, config: CollectionConfig, ids: Any, vectors: Any, payloads: Any, texts: Any
    ) -> Batch:
        """From what `upsert` was given; InputError for what cannot be kept."""
        found = check_ids(ids)
        n = len(found)
        by_name = _by_name(config, vectors)
        kept = {name: _vectors(config, name, by_name[name], n) for name in by_name}
        limit = config.max_payload_bytes
        batch = cls(
            found,
            {name: pair for name, pair in kept.items() if len(pair[1])},
            _blobs(payloads, "payloads", n, lambda p: encode_all(p, "payloads", limit)),
            _blobs(texts, "texts", n, _texts),
        )
        if batch.n_bytes > MAX_BATCH_BYTES:
            raise InputError(
                f"a batch of {batch.n_bytes} bytes; {MAX_BATCH_BYTES} at most: split it"
            )
        return batch

    @property
    def n_bytes(self) -> int:
        """Bytes of vectors, payloads and texts."""
        blobs = [b.data.nbytes for b in (self.payloads, self.texts) if b is not None]
        return sum(data.nbytes for _, data in self.vectors.values()) + sum(blobs)

    def to_log(self) -> tuple[dict[str, Any], dict[str, Array]]:
        """Meta data and arrays of its record."""
        meta, arrays = ids_to_log(self.ids)
        for number, (name, (rows, data)) in enumerate(self.vectors.items()):
            meta.setdefault("vectors", []).append(name)
            arrays[f"v{number}"] = data
            if rows is not None:
                arrays[f"r{number}"] = rows
        for key, blobs in (("p", self.payloads), ("t", self.texts)):
            if blobs is not None:
                arrays[key], arrays[f"{key}o"] = blobs.data, blobs.offsets
        return meta, arrays

    @classmethod
    def from_log(cls, config: CollectionConfig, record: Pack) -> Batch:
        """From a record; FormatError if it is none of this collection's."""
        ids = ids_from_log(record)
        vectors = {}
        for number, name in enumerate(record.meta.get("vectors", [])):
            rows = record.array(f"r{number}").astype(np.int64) if f"r{number}" in record else None
            data = record.array(f"v{number}")
            wanted = config.vectors.get(name)
            n = len(ids) if rows is None else len(rows)
            if wanted is None or data.shape != (n, wanted.width) or data.dtype != wanted.dtype:
                raise FormatError("not of this collection", field=name, source=record.source)
            if rows is not None and not _ascending_below(rows, len(ids)):
                raise FormatError("rows that are not", field=name, source=record.source)
            vectors[name] = (rows, data)
        payloads, texts = (
            Blobs.checked(record.array(k), record.array(f"{k}o"), len(ids), record.source)
            if k in record
            else None
            for k in ("p", "t")
        )
        return cls(ids, vectors, payloads, texts)


def ids_to_log(ids: Sequence[Id]) -> tuple[dict[str, Any], dict[str, Array]]:
    """Ids as meta data and arrays of a record."""
    if set(map(type, ids)) <= {int}:
        return {}, {"ids": np.array(ids, np.uint64)}
    return {"ids": list(ids)}, {}


def ids_from_log(record: Pack) -> list[Id]:
    """Ids of a record; FormatError if they are none."""
    try:
        given = record.meta["ids"] if "ids" in record.meta else record.array("ids")
        return check_ids(given)
    except InputError as error:
        raise FormatError(str(error), source=record.source) from None


def check_vectors(given: Any, config: VectorConfig, where: str) -> Array:
    """Vectors as they are kept: (n, width), finite.

    Raises
    ------
    InputError
        If they are of another shape, no numbers, NaN or infinite.
    """
    bits = config.metric == "hamming"
    try:
        array = np.asarray(given)
        if array.dtype.kind not in "iufb":
            array = np.asarray(given, np.float32)
    except (ValueError, TypeError, OverflowError):
        raise InputError(f"{where}: no (n, {config.dim}) array of numbers") from None
    if array.ndim != 2 or array.shape[1] != config.width:
        width = f"{config.width} bytes = {config.dim} bits" if bits else f"{config.dim}"
        raise InputError(f"{where}: shape {array.shape}, expected (n, {width})")
    if bits:
        if array.dtype.kind not in "iu" or (
            array.size and not 0 <= array.min() <= array.max() < 256
        ):
            raise InputError(f"{where}: {array.dtype}, expected bytes with 8 bits each, 0 to 255")
        return np.ascontiguousarray(array, np.uint8)
    with np.errstate(over="ignore", invalid="ignore"):
        found = np.ascontiguousarray(array, np.float32)
        fits = not found.size or (found.max() <= _LARGEST and found.min() >= -_LARGEST)
    if not fits:
        row, column = np.argwhere(~(np.abs(found) <= _LARGEST))[0].tolist()
        got = f"{where}[{row}][{column}]: {array[row, column]!s}"
        raise InputError(f"{got}; expected a number of at most {_LARGEST:g}")
    return found


def _by_name(config: CollectionConfig, vectors: Any) -> dict[str, Any]:
    if vectors is None:
        return {}
    found = dict(vectors) if isinstance(vectors, Mapping) else {"": vectors}
    for name in found:
        if name not in config.vectors:
            names = ", ".join(repr(n) for n in config.vectors if n)
            cure = f"vectors={{name: ...}} with {names}" if names else "upsert without vectors="
            shown = f"vectors[{name!r}]" if name else "vectors"
            raise InputError(f"{shown}: this collection has no such vector; {cure}")
    return found


def _vectors(config: CollectionConfig, name: str, given: Any, n: int) -> tuple[I64 | None, Array]:
    where = f"vectors[{name!r}]" if name else "vectors"
    wanted = config.vectors[name]
    rows = None
    if isinstance(given, Sequence) and any(item is None for item in given):
        if len(given) != n:
            raise InputError(f"{where}: {len(given)} for {n} ids; give one each")
        rows = np.array([i for i, item in enumerate(given) if item is not None], np.int64)
        given = [item for item in given if item is not None]
        if not given:
            return rows, np.empty((0, wanted.width), wanted.dtype)
    if n == 0 and len(given) == 0:
        return None, np.empty((0, wanted.width), wanted.dtype)
    data = check_vectors(given, wanted, where)
    if rows is None and len(data) != n:
        raise InputError(f"{where}: {len(data)} for {n} ids; give one each")
    return rows, data


def _blobs(given: Any, where: str, n: int, encode: Callable[[Any], list[bytes]]) -> Blobs | None:
    if given is None:
        return None
    if isinstance(given, str | bytes | Mapping) or not isinstance(given, Sequence):
        raise InputError(f"{where}: got {type(given).__name__}; expected a list")
    if len(given) != n:
        raise InputError(f"{where}: {len(given)} for {n} ids; give one each, None for none")
    return Blobs.of(encode(given))


def _texts(texts: Sequence[object]) -> list[bytes]:
    return [b"" if text is None else _text(text, f"texts[{i}]") for i, text in enumerate(texts)]


def _text(text: object, where: str) -> bytes:
    if type(text) is not str:
        raise InputError(f"{where}: got {type(text).__name__}; expected a string")
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise InputError(f"{where}: a lone surrogate, which no UTF-8 text has") from None


def _ascending_below(rows: I64, n: int) -> bool:
    if not len(rows):
        return True
    return bool(rows[0] >= 0 and rows[-1] < n and np.all(rows[1:] > rows[:-1]))
