"""Writing the quantised file: tensors are expanded, encoded and written some rows at a time."""

from __future__ import annotations

import glob
import os
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.convert._plan import Planned, QuantizeOptions, QuantizePlan, plan_quantize
from abi.errors import InputError
from abi.gguf import Typed, ValueType, read, write
from abi.quant import TYPES, Tensor, decode, encode

__all__ = ["Progress", "quantize", "write_plan"]

_STEP = 1 << 22  # elements expanded at a time
_SAFE = 32768  # magnitudes up to here cannot overflow a float16 scale
_VERSION = 2  # GGML_QNT_VERSION
_PART_NAME = re.compile(r"-\d{5}-of-\d{5}\.gguf\Z")
_SPLIT_KEYS = ("split.no", "split.count", "split.tensors.count")

Progress = Callable[[int, int], None]


def quantize(
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    mix: str,
    options: QuantizeOptions | None = None,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> QuantizePlan:
    """Quantise a model file.

    The new file is written beside its target and renamed when it is whole. Memory is that of
    the largest tensor in its new type and a few rows of the old.

    Parameters
    ----------
    source : path
        A GGUF file; of a split model any part. The result is one file.
    target : path
    mix : str
        A key of `MIXES`, in any case, or Q3_K, Q4_K, Q5_K for their M.
    options : QuantizeOptions, optional
    force : bool
        Replace a target that exists.
    progress : function (done, total), optional
        Called with bytes of the source.

    Returns
    -------
    QuantizePlan
        What was done.

    Raises
    ------
    InputError
        If the target is the source or exists, a value is not finite or too large for its type,
        or as `plan_quantize` says.
    UnsupportedError
        As `plan_quantize` says.
    FormatError
        If the source is malformed.
    OSError
        If a file cannot be read or written.

    Examples
    --------
    >>> import tempfile
    >>> from abi.generate import model_path
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     plan = quantize(model_path(), f"{folder}/small.gguf", "Q8_0")
    >>> plan.fallbacks
    ()
    """
    file = read(source)
    plan = plan_quantize(file, mix, options)
    path = Path(target)
    if path.is_file():
        if any(os.path.samefile(part, path) for part in _parts(Path(source))):
            raise InputError(f"{path}: the output is the input; name another file")
        if not force:
            raise InputError(f"{path} exists; name another file, or replace it with --force")
    write_plan(path, plan, file.typed(), progress)
    return plan


def write_plan(
    path: Path, plan: QuantizePlan, metadata: Mapping[str, Any], progress: Progress | None
) -> None:
    """Carry a plan out, for a file with these metadata."""
    _check_room(path, plan.n_bytes)
    meter = _Meter(plan.n_bytes_before, progress)
    write(path, _metadata(metadata, plan), [_tensor(p, meter) for p in plan.tensors])


def _check_room(path: Path, n_bytes: int) -> None:
    """Hours of work are not begun that the disk cannot take."""
    folder = Path(os.path.realpath(path)).parent
    free = shutil.disk_usage(folder).free if folder.is_dir() else n_bytes
    if free < n_bytes:
        raise InputError(
            f"{path}: {n_bytes:,} bytes are needed, {free:,} are free there; make room, or name a "
            "file on another disk"
        )


def _parts(source: Path) -> list[Path]:
    """The file itself, or what is named as parts of the same model."""
    match = _PART_NAME.search(source.name)
    if match is None:
        return [source]
    pattern = f"{glob.escape(source.name[: match.start()])}-?????-of-?????.gguf"
    return list(source.parent.glob(pattern))


class _Meter:
    """Counts the source's bytes that are done."""

    def __init__(self, total: int, progress: Progress | None) -> None:
        self._done, self._total, self._progress = 0, total, progress

    def add(self, n: int) -> None:
        self._done += n
        if self._progress is not None:
            self._progress(self._done, self._total)


def _metadata(metadata: Mapping[str, Any], plan: QuantizePlan) -> dict[str, Any]:
    """The source's, with what the new file is at the end, where llama.cpp puts it."""
    kept = {key: value for key, value in metadata.items() if key not in _SPLIT_KEYS}
    number: Any = kept.pop("general.file_type", None)
    kept.pop("general.quantization_version", None)
    kept["general.quantization_version"] = Typed(_VERSION, ValueType.UINT32)
    if plan.mix.file_type is not None:
        number = Typed(plan.mix.file_type, ValueType.UINT32)
    return kept if number is None else kept | {"general.file_type": number}


def _tensor(planned: Planned, meter: _Meter) -> Tensor:
    def make() -> npt.NDArray[np.uint8]:
        if planned.type != planned.tensor.type.name:
            return _encoded(planned, meter)
        meter.add(planned.tensor.n_bytes)
        return planned.tensor.data

    old = planned.tensor
    return Tensor(old.name, old.shape, TYPES[planned.type], make)


def _encoded(planned: Planned, meter: _Meter) -> npt.NDArray[np.uint8]:
    tensor, kind = planned.tensor, TYPES[planned.type]
    row = tensor.shape[-1]
    n_rows, step = tensor.n_elements // row, max(1, _STEP // row)
    out = np.empty(planned.n_bytes, np.uint8)
    for start in range(0, n_rows, step):
        values = tensor.rows(start, min(start + step, n_rows))
        raw = encode(values, kind.name)
        _check(tensor.name, values, raw, kind.name)
        at = kind.n_bytes(start * row)
        out[at : at + raw.size] = raw
        meter.add(tensor.type.n_bytes(values.size))
    return out


def _check(
    name: str, values: npt.NDArray[np.float32], raw: npt.NDArray[np.uint8], type_name: str
) -> None:
    largest = np.abs(values).max(initial=0.0)
    if not largest < np.inf:
        raise InputError(f"{name}: holds a value that is no finite number")
    if largest > _SAFE and not np.isfinite(decode(raw, type_name)).all():
        raise InputError(f"{name}: a value of magnitude {largest:g} does not fit in {type_name}")
