"""Prompts of embedding models: what stands before a text, by what the text is for.

Models that were trained with "query: " before questions find little without it. The keys are those
that `abi.convert` writes from sentence-transformers' settings:
`sentence_transformers.prompt.NAME` and `sentence_transformers.default_prompt`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from abi.errors import FormatError, InputError

__all__ = ["prompt_of", "prompts_of"]

_PROMPT = "sentence_transformers.prompt."
_DEFAULT = "sentence_transformers.default_prompt"


def prompts_of(metadata: Mapping[str, Any]) -> dict[str, str]:
    """The prompts that a file has, by name.

    Raises
    ------
    FormatError
        If one is not a string.
    """
    found = {}
    for key, value in metadata.items():
        if key.startswith(_PROMPT):
            if not isinstance(value, str):
                raise FormatError(f"expected a string, got {repr(value)[:80]}", field=key)
            found[key.removeprefix(_PROMPT)] = value
    return found


def prompt_of(metadata: Mapping[str, Any], name: str | None, prompt: str | None) -> str:
    """What goes before a text: what was given, what was named, or the file's default.

    Raises
    ------
    InputError
        If both are given, or the file has none of that name.
    FormatError
        If the file's default is none of its prompts.
    """
    if prompt is not None:
        if name is not None:
            raise InputError("prompt and prompt_name exclude each other")
        return prompt
    known = prompts_of(metadata)
    if name is None:
        name = metadata.get(_DEFAULT)
        if name is None:
            return ""
        if name not in known:
            raise FormatError(f"{name!r:.80} is none of the prompts {list(known)}", field=_DEFAULT)
    if name not in known:
        listed = ", ".join(known) or "none"
        raise InputError(f"prompt_name={name!r}: the file has {listed}; give the text as prompt=")
    return known[name]
