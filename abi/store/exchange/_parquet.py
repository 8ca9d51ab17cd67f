"""Parquet, through pyarrow: columns `id`, `vector` or `vectors.NAME`, `text`, and the payload.

Written, `payload` is JSON and the file's metadata say the metric. Read, it may be JSON or a struct,
and every other column is a field of the payload. Without `id` the ids are 0, 1, ...; without
`vector` the only column of lists of floats is taken.
"""

from __future__ import annotations

import datetime
import decimal
import json
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from abi._files import replacing
from abi._nesting import check_json
from abi.errors import FormatError, InputError, MissingExtraError
from abi.store._collection import Collection, Snapshot
from abi.store._config import METRICS
from abi.store._hit import Point
from abi.store.exchange._source import Source, check_free

__all__ = ["read_parquet", "write_parquet"]

_NAMED = "vectors."
_PAGE = 1024  # points a batch
_KEY = b"abi"


def read_parquet(path: Path, using: str) -> Source:
    """Points of a Parquet file; `using` is the name that a column of unnamed vectors gets.

    Raises
    ------
    FormatError
        If it is none.
    MissingExtraError
        If pyarrow is not installed.
    """
    pa = _pyarrow()
    path.stat()
    try:
        file = pa.parquet.ParquetFile(path)
        schema = file.schema_arrow
    except (pa.ArrowException, OSError, ValueError) as error:
        raise FormatError(f"no Parquet file: {error}", source=str(path)) from None
    if len(set(schema.names)) < len(schema.names):
        raise FormatError("two columns of one name", source=str(path))
    columns = _vector_columns(pa, schema, using)
    for column in columns:
        kind = schema.field(column).type
        if not _is_list(pa, kind):
            raise InputError(f"{path}: column {column!r} is {kind}; expected lists of numbers")
    dims: dict[str, int] | None = {}
    for column, name in columns.items():
        kind = schema.field(column).type
        if dims is not None and pa.types.is_fixed_size_list(kind):
            dims[name] = kind.list_size * (8 if pa.types.is_uint8(kind.value_type) else 1)
        else:
            dims = None
    metrics = _metrics(schema)
    metric = next(iter(metrics.values())) if len(set(metrics.values())) == 1 else None
    n = file.metadata.num_rows
    return Source(dims, metric, n, lambda size: _batches(pa, path, columns, size), metrics)


def write_parquet(points: Collection | Snapshot, path: Path, force: bool) -> int:
    """Write all points; return how many there are.

    Raises
    ------
    InputError
        If some ids are integers and some strings, or the file is there already.
    MissingExtraError
        If pyarrow is not installed.
    """
    pa = _pyarrow()
    frozen = points._frozen()
    kinds = {type(point.id) for point in frozen.points()}
    if len(kinds) > 1:
        raise InputError(f"{path}: ids are both integers and strings; JSON lines keep both")
    schema = _schema(pa, frozen, pa.string() if kinds == {str} else pa.uint64())
    n = 0
    with (
        replacing(check_free(path, force)) as file,
        pa.parquet.ParquetWriter(file, schema, compression="zstd") as writer,
    ):
        left = frozen.points(with_vectors=True)
        while some := list(islice(left, _PAGE)):
            writer.write_batch(_record_batch(pa, schema, frozen, some))
            n += len(some)
    return n


def _pyarrow() -> Any:
    try:
        import pyarrow
        import pyarrow.parquet
    except ImportError:
        cure = "pip install 'abi-framework[parquet]'"
        raise MissingExtraError(f"Parquet needs pyarrow, which is not installed: {cure}") from None
    return pyarrow


def _schema(pa: Any, points: Collection | Snapshot, ids: Any) -> Any:
    fields = [pa.field("id", ids, nullable=False)]
    for name, settings in points.config.vectors.items():
        number = pa.uint8() if settings.metric == "hamming" else pa.float32()
        fields.append(pa.field(_column(name), pa.list_(number, settings.width)))
    fields += [pa.field("payload", pa.string()), pa.field("text", pa.string())]
    metrics = {name: settings.metric for name, settings in points.config.vectors.items()}
    return pa.schema(fields, metadata={_KEY: json.dumps({"metrics": metrics}).encode()})


def _record_batch(pa: Any, schema: Any, points: Collection | Snapshot, some: list[Point]) -> Any:
    columns: list[Any] = [[point.id for point in some]]
    for name, settings in points.config.vectors.items():
        rows = [(point.vectors or {}).get(name) for point in some]
        empty = np.zeros(settings.width, settings.dtype)
        data = np.stack([empty if row is None else row for row in rows])
        lacking = pa.array([row is None for row in rows])
        values = pa.array(data.reshape(-1))
        columns.append(pa.FixedSizeListArray.from_arrays(values, settings.width, mask=lacking))
    columns.append(
        [None if p.payload is None else json.dumps(p.payload, ensure_ascii=False) for p in some]
    )
    columns.append([point.text for point in some])
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, field.type)
        for column, field in zip(columns, schema, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=schema)


def _column(name: str) -> str:
    return f"{_NAMED}{name}" if name else "vector"


def _vector_columns(pa: Any, schema: Any, using: str) -> dict[str, str]:
    """Columns of vectors, and the name of the vector that each is."""
    found = {c: c[len(_NAMED) :] for c in schema.names if c.startswith(_NAMED) and c != _NAMED}
    if "vector" in schema.names:
        found["vector"] = using
    if found:
        return found
    lists = [field.name for field in schema if _is_floats(pa, field.type)]
    if len(lists) > 1:
        names = ", ".join(map(repr, lists))
        raise InputError(f'columns {names} are lists of floats; call one of them "vector"')
    return dict.fromkeys(lists, using)


def _is_list(pa: Any, kind: Any) -> bool:
    lists = (pa.types.is_list, pa.types.is_large_list, pa.types.is_fixed_size_list)
    return any(is_(kind) for is_ in lists)


def _is_floats(pa: Any, kind: Any) -> bool:
    return _is_list(pa, kind) and bool(pa.types.is_floating(kind.value_type))


def _metrics(schema: Any) -> dict[str, str]:
    """The metric of each vector, where the file says them."""
    try:
        metrics = json.loads((schema.metadata or {})[_KEY])["metrics"]
        return {name: metric for name, metric in metrics.items() if metric in METRICS}
    except (KeyError, ValueError, TypeError, AttributeError):
        return {}


def _batches(pa: Any, path: Path, columns: dict[str, str], size: int) -> Iterator[dict[str, Any]]:
    start = 0
    try:
        for batch in pa.parquet.ParquetFile(path).iter_batches(size):
            yield _arguments(pa, batch, columns, start, str(path))
            start += len(batch)
    except InputError:
        raise
    except (pa.ArrowException, OSError, ValueError, OverflowError) as error:
        raise FormatError(f"rows from {start} on: {error}", source=str(path)) from None


def _arguments(
    pa: Any, batch: Any, columns: dict[str, str], start: int, path: str
) -> dict[str, Any]:
    names, n = batch.schema.names, len(batch)
    ids = batch.column("id").to_pylist() if "id" in names else list(range(start, start + n))
    texts = batch.column("text").to_pylist() if "text" in names else None
    own = {*columns, "id", "text", "payload"}
    fields = {name: batch.column(name).to_pylist() for name in names if name not in own}
    payloads: list[Any] = [{} for _ in range(n)]
    if "payload" in names:
        payloads = [_payload(item, path) for item in batch.column("payload").to_pylist()]
    for name, values in fields.items():
        for i, value in enumerate(values):
            if value is not None:
                payloads[i] = {**(payloads[i] or {}), name: _plain(value)}
    vectors = {name: _vectors(pa, batch.column(c)) for c, name in columns.items()}
    kept = [payload or None for payload in payloads] if "payload" not in names else payloads
    return {"ids": ids, "vectors": vectors, "payloads": kept, "texts": texts}


def _payload(item: object, path: str) -> Any:
    if not isinstance(item, str):
        return _plain(item)
    try:
        check_json(item)
        found = json.loads(item)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: payload {item[:40]!r} is no JSON: {error}") from None
    if found is not None and not isinstance(found, dict):
        raise InputError(f"{path}: payload {item[:40]!r}; expected an object")
    return found


def _vectors(pa: Any, column: Any) -> Any:
    """As one array where all have as many numbers, else as a list."""
    if not column.null_count and len(column):
        values = column.flatten()
        width = len(values) // len(column)
        lengths = pa.compute.list_value_length(column)
        if not values.null_count and pa.compute.all(pa.compute.equal(lengths, width)).as_py():
            return values.to_numpy(zero_copy_only=False).reshape(len(column), width)
    return column.to_pylist()


def _plain(value: Any) -> Any:
    """What JSON has: dates as ISO 8601, decimals as floats."""
    if isinstance(value, datetime.datetime | datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, decimal.Decimal):
        return float(value)
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    return value
