"""A byte-level BPE vocabulary of the Hugging Face kind as the keys `tokenizer.ggml.*`.

llama.cpp names the rule that parts text into words (`tokenizer.ggml.pre`). Its converter finds
the name by what a test text becomes; here it is found by the regular expression itself, and one
that is not in the table is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from abi.convert._json import entry, read_object
from abi.convert._vocabulary import added_tokens, listed, optional, text_of
from abi.errors import FormatError, InputError, UnsupportedError

__all__ = ["bpe_metadata"]

_LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
# (pattern, whether words that are tokens skip the merges) to the name of the rule.
_RULES: dict[tuple[str, bool], str] = {
    (_LLAMA3, True): "llama-bpe",
    (_LLAMA3, False): "dbrx",
    (_LLAMA3.replace("{1,3}", ""), False): "qwen2",
    ("", False): "gpt-2",
    ("digits", False): "smollm",
}
_KEYS = {"bos": "bos_token_id", "eos": "eos_token_id", "unk": "unknown_token_id",
         "pad": "padding_token_id"}  # fmt: skip


def bpe_metadata(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of a model's tokeniser.

    Raises
    ------
    FormatError
        If a file is malformed.
    UnsupportedError
        If it is no byte-level BPE, or parts text by a rule that is not known here.
    InputError
        If there is no tokenizer.json.
    """
    path = folder / "tokenizer.json"
    if not path.exists():
        raise InputError(
            f"{folder}: holds no tokenizer.json; save the model with its fast tokeniser"
        )
    fast, settings = read_object(path), optional(folder / "tokenizer_config.json")
    source = str(path)
    model = entry(fast, "model", dict, source, {})
    pre = _rule(fast, model, source)
    added = added_tokens(fast, source)
    ids = {**entry(model, "vocab", dict, source, {}), **{t: i for t, (i, _) in added.items()}}
    specials = {text: special for text, (_, special) in added.items()}
    tokens, types = listed(ids, specials, config, str(folder), lambda text: text)
    found: dict[str, Any] = {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": pre,
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": np.array(types, np.int32),
        "tokenizer.ggml.merges": _merges(model, source),
    }
    for role, key in _KEYS.items():
        token = _special(role, settings, config, ids)
        if token is not None:
            found[f"tokenizer.ggml.{key}"] = np.uint32(token)
    found["tokenizer.ggml.add_bos_token"] = _adds_bos(fast, settings, tokens, found)
    return found | _template(folder, settings)


def _rule(fast: Mapping[str, Any], model: Mapping[str, Any], source: str) -> str:
    """The name of the rule that parts text into words."""
    normalizer, parts = fast.get("normalizer"), fast.get("pre_tokenizer")
    parts = parts if isinstance(parts, dict) else {}
    steps = parts.get("pretokenizers") if parts.get("type") == "Sequence" else [parts]
    steps = [step for step in steps or [] if isinstance(step, dict)]
    kinds = [step.get("type") for step in steps]
    normal = normalizer is None or (
        isinstance(normalizer, dict) and normalizer.get("type") == "NFC"
    )
    plain = normal and kinds[-1:] == ["ByteLevel"] and not steps[-1].get("add_prefix_space")
    pattern: Any = None
    if model.get("type") != "BPE" or model.get("byte_fallback") or not plain:
        pass
    elif kinds == ["ByteLevel"]:
        pattern = ""
    elif kinds == ["Digits", "ByteLevel"] and steps[0].get("individual_digits"):
        pattern = "digits"
    elif kinds == ["Split", "ByteLevel"] and steps[0].get("behavior") == "Isolated":
        inner = steps[0].get("pattern")
        pattern = inner.get("Regex") if isinstance(inner, dict) else None
    skips = model.get("ignore_merges") is True
    if not isinstance(pattern, str) or (pattern, skips) not in _RULES:
        raise UnsupportedError(
            f"{source}: a {model.get('type')!r:.40} tokeniser that parts words by {kinds!r:.80}; "
            f"supported: byte-level BPE by the rules of {', '.join(_RULES.values())}"
        )
    return _RULES[pattern, skips]


def _merges(model: Mapping[str, Any], source: str) -> list[str]:
    merges = entry(model, "merges", list, source, [])
    found = [" ".join(m) if _is_pair(m) else m for m in merges]
    if not found or not all(isinstance(m, str) and m.count(" ") == 1 for m in found):
        raise FormatError("expected pairs of tokens", field="merges", source=source)
    return found


def _is_pair(merge: Any) -> bool:
    return isinstance(merge, list) and len(merge) == 2 and all(isinstance(m, str) for m in merge)


def _special(
    role: str, settings: Mapping[str, Any], config: Mapping[str, Any], ids: Mapping[str, int]
) -> int | None:
    """The token of a role, by its text or else by its number."""
    text = text_of(settings.get(f"{role}_token"))
    if text is not None and text in ids:
        return ids[text]
    number = config.get(f"{role}_token_id")
    number = number[0] if isinstance(number, list) and number else number
    return number if type(number) is int and 0 <= number < 1 << 32 else None


def _adds_bos(
    fast: Mapping[str, Any], settings: Mapping[str, Any], tokens: list[str], found: dict[str, Any]
) -> bool:
    """Whether a text begins with the start token: as is said, or as the template shows."""
    said = settings.get("add_bos_token")
    if isinstance(said, bool):
        return said
    processor = fast.get("post_processor")
    processors = processor.get("processors", [processor]) if isinstance(processor, dict) else []
    bos = found.get("tokenizer.ggml.bos_token_id")
    for one in processors if isinstance(processors, list) else []:
        single = one.get("single") if isinstance(one, dict) else None
        first = single[0] if isinstance(single, list) and single else None
        token = first.get("SpecialToken") if isinstance(first, dict) else None
        if isinstance(token, dict) and bos is not None and int(bos) < len(tokens):
            return bool(token.get("id") == tokens[int(bos)])
    return False


def _template(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any]:
    path = folder / "chat_template.jinja"
    template = settings.get("chat_template")
    if path.exists():
        try:
            template = path.read_text(encoding="utf-8")
        except UnicodeDecodeError as error:
            raise FormatError("not UTF-8", offset=error.start, source=str(path)) from None
    return {"tokenizer.chat_template": template} if isinstance(template, str) else {}
