"""A model's folder from Hugging Face as one GGUF file, which llama.cpp reads too."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.convert._bpe import bpe_metadata
from abi.convert._decoder import finished, rope_metadata
from abi.convert._json import entry, read_object
from abi.convert._plan import QuantizeOptions, QuantizePlan, plan_tensors
from abi.convert._quantize import Progress, write_plan
from abi.convert._rules import allows
from abi.convert._safetensors import INDEX, WHOLE, Stored, read_folder
from abi.convert._sentence import sentence_metadata
from abi.convert._sources import CLASSES, SourceModel
from abi.convert._wordpiece import wordpiece_metadata
from abi.errors import FormatError, InputError, UnsupportedError
from abi.quant import TYPES, Tensor

__all__ = ["convert"]

_RANK = 4  # `pooling_type` of a classifier
_LAYER = re.compile(r"(?<=\.)(0|[1-9]\d{0,5})(?=\.)")
_VOCABULARIES = {"wordpiece": wordpiece_metadata, "bpe": bpe_metadata}
_PARTS = {"gamma": "weight", "beta": "bias"}  # as TensorFlow called those of a norm


def convert(
    source_dir: str | os.PathLike[str],
    target: str | os.PathLike[str],
    type: str | None = None,
    options: QuantizeOptions | None = None,
    *,
    force: bool = False,
    progress: Progress | None = None,
) -> QuantizePlan:
    """Make a GGUF file of a folder with a model in safetensors.

    Keys, names and the vocabulary are those of llama.cpp's converter. Of sentence-transformers'
    files the pooling is taken over, and prompts and the longest text as keys
    `sentence_transformers.*`.

    Parameters
    ----------
    source_dir : path
        With config.json, model.safetensors (or its index and parts) and the tokeniser's files.
    target : path
        It is replaced only when the new file is whole.
    type : str, optional
        A key of `MIXES`: F32, F16, BF16, Q8_0, Q4_K_M and so on. None: BF16 where most weights
        are, else F16.
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
    UnsupportedError
        If the model is of a class that is not known here, or has a setting or a part that GGUF
        cannot express; the message names it.
    FormatError
        If a file is malformed, or the files contradict each other.
    InputError
        If the folder holds no such model, the target exists, or as `quantize` says.
    OSError
        If a file cannot be read or written.
    """
    folder, path = Path(source_dir), Path(target)
    config, row = _described(folder)
    if path.is_file() and not force:
        raise InputError(f"{path} exists; name another file, or replace it with --force")
    stored = _weights(folder)
    source = str(folder / "config.json")
    metadata = _metadata(folder, config, row)
    tensors = _tensors(stored, row, _head(config, row), entry(config, row.layers, int, source, 0))
    if row.causal:
        tensors = finished(tensors, config, metadata, row)
    if type is None:
        halves = [s.dtype == "BF16" for s in stored.values() if len(s.shape) > 1]
        type = "BF16" if sum(halves) * 2 > len(halves) else "F16"
    plan = plan_tensors(metadata, tensors, type, options)
    write_plan(path, plan, metadata, progress)
    return plan


def _described(folder: Path) -> tuple[dict[str, Any], SourceModel]:
    """The model's configuration and its row."""
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(f"{folder}: holds no config.json; name the folder of a model")
    config = read_object(path)
    names = entry(config, "architectures", list, str(path), [])
    row = next((CLASSES[name] for name in names if isinstance(name, str) and name in CLASSES), None)
    if row is None:
        shown = ", ".join(map(str, names))[:200] or config.get("model_type", "no architecture")
        raise UnsupportedError(
            f"{path}: {shown!r:.200} is not supported; supported: {', '.join(CLASSES)}"
        )
    for name, values in (row.expected or {}).items():
        if config.get(name) not in values:
            known = ", ".join(repr(value) for value in values if value is not None)
            raise UnsupportedError(f"{path}: {name} is {config[name]!r:.80}; supported: {known}")
    return config, row


def _weights(folder: Path) -> dict[str, Stored]:
    if (folder / INDEX).exists() or (folder / WHOLE).exists():
        return read_folder(folder)
    cure = (
        "save the model with safe_serialization=True" if list(folder.glob("*.bin")) else "fetch it"
    )
    raise InputError(f"{folder}: holds no {WHOLE} and no {INDEX}; {cure}")


def _metadata(folder: Path, config: Mapping[str, Any], row: SourceModel) -> dict[str, Any]:
    """The keys of GGUF, in the order in which llama.cpp's converter writes them."""
    found: dict[str, Any] = {
        "general.architecture": row.arch,
        "general.type": "model",
        "general.name": folder.resolve().name,
    }
    for key in row.keys:
        value = _setting(config, key.names, key.kind, key.default, str(folder / "config.json"))
        if value is not None:
            number = np.float32(value) if key.kind is float else np.uint32(value)
            found[f"{row.arch}.{key.gguf}"] = number
    if row.causal:
        found |= rope_metadata(config, row.arch, str(folder / "config.json"))
    else:
        found[f"{row.arch}.attention.causal"] = False
    found |= sentence_metadata(folder, row.arch)
    if _ranks(config):
        labels = entry(config, "id2label", dict, "config.json", {})
        found[f"{row.arch}.pooling_type"] = np.uint32(_RANK)
        if labels:
            found[f"{row.arch}.classifier.output_labels"] = [str(v) for v in labels.values()]
    return found | _VOCABULARIES[row.vocabulary](folder, config)


def _setting(
    config: Mapping[str, Any], names: tuple[str, ...], kind: type, default: Any, source: str
) -> Any:
    for name in names:
        value = entry(config, name, kind, source)
        if value is not None:
            if not 0 <= value < 1 << 32:
                message = f"expected a number from 0 to 2**32, got {value!r:.80}"
                raise FormatError(message, field=name, source=source)
            return value
    if default == "needed":
        raise FormatError("missing", field=names[0], source=source)
    return default


def _ranks(config: Mapping[str, Any]) -> bool:
    names = config.get("architectures") or []
    return any(str(name).endswith("ForSequenceClassification") for name in names)


def _head(config: Mapping[str, Any], row: SourceModel) -> dict[str, str]:
    """The tensors of a classifier, if the model is of such a class."""
    return (row.head or {}) if _ranks(config) else {}


def _tensors(
    stored: Mapping[str, Stored], row: SourceModel, head: Mapping[str, str], n_layer: int
) -> dict[str, Tensor]:
    """Tensors by their GGUF names; all are placed, and none is missing.

    Raises
    ------
    UnsupportedError
        If there is a tensor that the row does not know.
    FormatError
        If one that it needs is missing, or two come to the same name.
    """
    rows = {**row.tensors, **head}
    known = {name.rstrip("?"): gguf for name, gguf in rows.items()}
    found: dict[str, Tensor] = {}
    for name, one in stored.items():
        plain = next((name[len(p) :] for p in row.prefixes if name.startswith(p)), name)
        new = _renamed(plain, known, n_layer)
        if new is None and not plain.startswith(row.dropped):
            raise UnsupportedError(f"{one.source}, {name}: {row.arch} has no place for this tensor")
        if new in found:
            raise FormatError(f"a second tensor that is {new}", field=name, source=one.source)
        if new is not None:
            found[new] = _typed(one.tensor(new), row.arch)
    for name, gguf in rows.items():
        for i in range(n_layer if "*" in gguf else 1):
            if not name.endswith("?") and f"{gguf.replace('*', str(i))}.weight" not in found:
                missing = f"{name.replace('*', str(i))}.weight"
                raise FormatError("the tensor is missing", field=missing, source=WHOLE)
    return found


def _renamed(name: str, known: Mapping[str, str], n_layer: int) -> str | None:
    """The GGUF name of a tensor, if it has one."""
    stem, _, part = name.rpartition(".")
    layer = _LAYER.search(stem)
    gguf, part = known.get(_LAYER.sub("*", stem, count=1)), _PARTS.get(part, part)
    if gguf is None or part not in ("weight", "bias") or (layer and int(layer[1]) >= n_layer):
        return None
    return f"{gguf.replace('*', layer[1] if layer else '')}.{part}"


def _typed(tensor: Tensor, arch: str) -> Tensor:
    """What is never quantised, such as norms and biases, as F32."""
    if tensor.type.name == "F32" or allows(tensor, arch):
        return tensor

    def single() -> npt.NDArray[np.uint8]:
        return tensor.to_float32().reshape(-1).view(np.uint8)

    return Tensor(tensor.name, tensor.shape, TYPES["F32"], single)
