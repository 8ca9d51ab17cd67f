"""What sentence-transformers keeps beside a model: how it pools, its prompts, its longest text."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from abi.convert._json import entry, read_list, read_object
from abi.errors import FormatError, UnsupportedError

__all__ = ["sentence_metadata"]

_PREFIX = "sentence_transformers."
_POOLINGS = {"mean": 1, "cls": 2, "lasttoken": 3}  # `pooling_type` of llama.cpp
_MODES = {"mean_tokens": "mean", "cls_token": "cls", "lasttoken": "lasttoken"}
_IGNORED = ("Transformer", "Normalize")  # vectors are scaled to length 1 anyway


def sentence_metadata(folder: Path, arch: str) -> dict[str, Any]:
    """Keys of a model's folder; none if it is not one of sentence-transformers.

    Raises
    ------
    FormatError
        If a file is malformed.
    UnsupportedError
        If it pools in a way that GGUF cannot name, or has layers behind the pooling.
    """
    path = folder / "modules.json"
    if not path.exists():
        return {}
    found: dict[str, Any] = {}
    for module in _modules(path):
        kind = entry(module, "type", str, str(path), "").rpartition(".")[2]
        if kind == "Pooling":
            place = folder / entry(module, "path", str, str(path), "") / "config.json"
            if not place.resolve().is_relative_to(folder.resolve()):
                raise FormatError("leads out of the folder", field="path", source=str(path))
            found[f"{arch}.pooling_type"] = np.uint32(_pooling(place))
        elif kind not in _IGNORED:
            raise UnsupportedError(
                f"{path}: a module of type {kind!r:.80}; supported: Pooling, {', '.join(_IGNORED)}"
            )
    return found | _prompts(folder) | _longest(folder)


def _modules(path: Path) -> list[dict[str, Any]]:
    modules = read_list(path)
    if not all(isinstance(module, dict) for module in modules):
        raise FormatError("expected a list of objects", source=str(path))
    return modules


def _pooling(path: Path) -> int:
    settings = read_object(path)
    modes = [
        _MODES.get(name.removeprefix("pooling_mode_"), name)
        for name, value in settings.items()
        if name.startswith("pooling_mode_") and value is True
    ]
    if named := entry(settings, "pooling_mode", str, str(path)):
        modes = [named]
    if len(modes) != 1 or modes[0] not in _POOLINGS:
        raise UnsupportedError(
            f"{path}: pooling by {', '.join(modes) or 'nothing'}; supported is one of "
            f"{', '.join(_POOLINGS)}"
        )
    return _POOLINGS[modes[0]]


def _prompts(folder: Path) -> dict[str, Any]:
    """Prefixes by name; whoever embeds puts them before texts."""
    path = folder / "config_sentence_transformers.json"
    settings = read_object(path) if path.exists() else {}
    prompts = entry(settings, "prompts", dict, str(path), {})
    if not all(isinstance(prompt, str) for prompt in prompts.values()):
        raise FormatError("expected strings", field="prompts", source=str(path))
    found = {f"{_PREFIX}prompt.{name}": prompt for name, prompt in prompts.items()}
    default = entry(settings, "default_prompt_name", str, str(path))
    return found if default is None else found | {f"{_PREFIX}default_prompt": default}


def _longest(folder: Path) -> dict[str, Any]:
    """Tokens at which sentence-transformers cuts a text."""
    path = folder / "sentence_bert_config.json"
    settings = read_object(path) if path.exists() else {}
    longest = entry(settings, "max_seq_length", int, str(path))
    return {} if longest is None else {f"{_PREFIX}max_seq_length": longest}
