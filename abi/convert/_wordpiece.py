"""A WordPiece vocabulary of the Hugging Face kind as the keys `tokenizer.ggml.*`.

As llama.cpp's converter has it: a token that begins a word gets U+2581 before it, one inside
a word loses its "##", special tokens stay as they are and are typed as control tokens.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from abi.convert._json import entry
from abi.convert._vocabulary import added_tokens, listed, optional, text_of
from abi.errors import FormatError, InputError, UnsupportedError

__all__ = ["wordpiece_metadata"]

_BEGIN, _INSIDE = "\u2581", "##"
_KEYS = {  # role in tokenizer_config.json to the keys it is stored under
    "cls_token": ("bos_token_id", "cls_token_id"),
    "sep_token": ("eos_token_id", "seperator_token_id"),
    "unk_token": ("unknown_token_id",),
    "pad_token": ("padding_token_id",),
    "mask_token": ("mask_token_id",),
}
_NEEDED = ("cls_token", "sep_token", "unk_token")
_DEFAULTS = {role: f"[{role[:-6].upper()}]" for role in _KEYS}


def wordpiece_metadata(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a model's tokeniser.

    Parameters
    ----------
    folder : path
        With tokenizer.json or vocab.txt.
    config : mapping
        The model's config.json.

    Raises
    ------
    FormatError
        If a file is malformed.
    UnsupportedError
        If it is no WordPiece, or normalises in ways that GGUF cannot name.
    """
    settings = optional(folder / "tokenizer_config.json")
    fast = optional(folder / "tokenizer.json")
    ids = _from_json(fast, str(folder / "tokenizer.json")) if fast else _from_text(folder)
    special = _special(folder, settings, ids)
    added = dict.fromkeys(special.values(), True)
    added |= {text: one[1] for text, one in added_tokens(fast, str(folder)).items()}
    tokens, types = listed(ids, added, config, str(folder), _marked)
    lowercase, strip = _normalizer(fast, settings, folder)
    found: dict[str, Any] = {
        "tokenizer.ggml.model": "bert",
        "tokenizer.ggml.token_type_count": entry(config, "type_vocab_size", int, "config.json", 1),
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": np.array(types, np.int32),
        "tokenizer.ggml.normalizer.lowercase": lowercase,
        "tokenizer.ggml.normalizer.strip_accents": strip,
        "tokenizer.ggml.add_bos_token": True,
        "tokenizer.ggml.add_eos_token": True,
        "tokenizer.ggml.add_sep_token": False,  # of a pair: one [SEP] ends each text, none more
    }
    for role, text in special.items():
        found |= {f"tokenizer.ggml.{key}": ids[text] for key in _KEYS[role]}
    return found


def _from_json(fast: dict[str, Any], source: str) -> dict[str, int]:
    model = entry(fast, "model", dict, source, {})
    kind = entry(model, "type", str, source, "WordPiece")
    prefix = entry(model, "continuing_subword_prefix", str, source, _INSIDE)
    if kind != "WordPiece" or prefix != _INSIDE:
        raise UnsupportedError(
            f"{source}: a {kind} vocabulary whose words go on with {prefix!r}; expected WordPiece "
            f"and {_INSIDE!r}"
        )
    ids = dict(entry(model, "vocab", dict, source, {}))
    return {**{text: i for text, (i, _) in added_tokens(fast, source).items()}, **ids}


def _from_text(folder: Path) -> dict[str, int]:
    path = folder / "vocab.txt"
    if not path.exists():
        raise InputError(f"{folder}: neither tokenizer.json nor vocab.txt; copy one there")
    try:
        lines = path.read_bytes().decode("utf-8").split("\n")
    except UnicodeDecodeError as error:
        raise FormatError("not UTF-8", offset=error.start, source=str(path)) from None
    texts = [line.removesuffix("\r") for line in lines]
    while texts and not texts[-1]:
        texts.pop()
    return {text: i for i, text in enumerate(texts)}


def _special(folder: Path, settings: Mapping[str, Any], ids: Mapping[str, int]) -> dict[str, str]:
    """The text of each role's token that there is."""
    found: dict[str, str] = {}
    named = {**optional(folder / "special_tokens_map.json"), **settings}
    for role, default in _DEFAULTS.items():
        value = named.get(role, default)
        text = text_of(value)
        if text is not None and text in ids:
            found[role] = text
        elif role in _NEEDED:
            message = f"{text!r:.80} is not in the vocabulary"
            raise FormatError(message, field=role, source=str(folder))
    return found


def _marked(text: str) -> str:
    return text[len(_INSIDE) :] if text.startswith(_INSIDE) else _BEGIN + text


def _normalizer(
    fast: Mapping[str, Any], settings: Mapping[str, Any], folder: Path
) -> tuple[bool, bool]:
    """Whether letters are lowered, and whether they lose their accents."""
    given, source = settings, str(folder / "tokenizer_config.json")
    names = ("do_lower_case", "tokenize_chinese_chars")
    if fast:
        source = str(folder / "tokenizer.json")
        given = entry(fast, "normalizer", dict, source, {"type": None})
        if given.get("type") != "BertNormalizer":
            raise UnsupportedError(
                f"{source}: normalizer {given.get('type')!r:.80}, expected 'BertNormalizer'"
            )
        names = ("lowercase", "handle_chinese_chars")
    lowercase: bool = entry(given, names[0], bool, source, True)
    strip: bool = entry(given, "strip_accents", bool, source, lowercase)
    for name in (names[1], "clean_text"):
        if not entry(given, name, bool, source, True):
            raise UnsupportedError(f"{source}: {name} is false, which GGUF has no key for")
    return lowercase, strip
