"""What special tokens are for, found by their texts where the file does not say.

Follows `llama_vocab::impl::load` of llama.cpp step by step, because files in use depend on it:
tokens get roles, roles decide what ends a generation, and both change how tokens are typed.
Where several tokens fit one role llama.cpp takes any; here it is the one of lowest id.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum
from typing import Any

__all__ = ["SPECIAL_KEYS", "TokenType", "assign_roles", "stripping"]


class TokenType(IntEnum):
    """Values of `tokenizer.ggml.token_type`."""

    UNDEFINED = 0
    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


# Role to the keys that name its token; a later key wins over an earlier one.
SPECIAL_KEYS: dict[str, tuple[str, ...]] = {
    "bos": ("bos_token_id",),
    "eos": ("eos_token_id",),
    "eot": ("eot_token_id",),
    "eom": ("eom_token_id",),
    "unk": ("unknown_token_id",),
    "sep": ("seperator_token_id",),
    "pad": ("padding_token_id",),
    "mask": ("mask_token_id",),
    "fim_pre": ("fim_pre_token_id", "prefix_token_id"),
    "fim_suf": ("fim_suf_token_id", "suffix_token_id"),
    "fim_mid": ("fim_mid_token_id", "middle_token_id"),
    "fim_pad": ("fim_pad_token_id",),
    "fim_rep": ("fim_rep_token_id",),
    "fim_sep": ("fim_sep_token_id",),
}

_TEXTS: dict[str, tuple[str, ...]] = {
    "eot": (
        "<|eot_id|>", "<|im_end|>", "<|end|>", "<end_of_turn>", "<|endoftext|>",
        "<|end_of_text|>", "<EOT>", "_<EOT>", "[EOT]", "<｜end▁of▁sentence｜>",
        "<end_of_utterance>",
    ),
    "eom": ("<|eom_id|>",),
    "fim_pre": (
        "<|fim_prefix|>", "<fim-prefix>", "<fim_prefix>", "<｜fim▁begin｜>", "<PRE>", "▁<PRE>",
        "<|code_prefix|>", "<|prefix|>",
    ),
    "fim_suf": (
        "<|fim_suffix|>", "<fim-suffix>", "<fim_suffix>", "<｜fim▁hole｜>", "<SUF>", "▁<SUF>",
        "<|code_suffix|>", "<|suffix|>",
    ),
    "fim_mid": (
        "<|fim_middle|>", "<fim-middle>", "<fim_middle>", "<｜fim▁end｜>", "<MID>", "▁<MID>",
        "<|code_middle|>", "<|middle|>",
    ),
    "fim_pad": ("<|fim_pad|>", "<fim-pad>", "<fim_pad>", "<PAD>", "[PAD]"),
    "fim_rep": ("<|fim_repo|>", "<|repo_name|>", "<fim-repo>", "<REPO>", "<reponame>"),
    "fim_sep": ("<|file_sep|>",),
}  # fmt: skip

_ENDS = frozenset({
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
    "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
    "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
    "<｜end▁of▁sentence｜>", "[e~[",
})  # fmt: skip
_SHOWN = ("<|channel|>", "<|message|>", "<|start|>", "<|constrain|>")


def assign_roles(
    ids: Mapping[str, int], types: list[TokenType], special: dict[str, int]
) -> frozenset[int]:
    """Complete `special` and `types` in place; the tokens that end a generation."""
    for role, texts in _TEXTS.items():
        found = [ids[text] for text in texts if text in ids]
        if role not in special and found:
            special[role] = min(found)
            types[special[role]] = TokenType.CONTROL
    ends = {special[role] for role in ("fim_pad", "fim_rep", "fim_sep") if role in special}
    for text in _ENDS & ids.keys():
        ends.add(ids[text])
        types[ids[text]] = TokenType.CONTROL
    for text in _SHOWN:
        if text in ids:
            types[ids[text]] = TokenType.USER_DEFINED
    ends |= {special[role] for role in ("eos", "eot", "eom") if role in special}
    _reconsider(ids, types, ends)
    return frozenset(ends)


def stripping(
    ids: Mapping[str, int], types: list[TokenType], metadata: Mapping[str, Any]
) -> tuple[frozenset[int], frozenset[int]]:
    """Tokens that take the white space before them, and after them, out of the text."""
    keys = ("tokenizer.ggml.pre", "general.architecture", "general.name")
    pre, arch, name = (v if isinstance(v := metadata.get(key), str) else "" for key in keys)
    lowered = name.lower()
    if any(part in pre for part in ("jina-v2-de", "jina-v2-es", "jina-v2-code")) or any(
        part in arch for part in ("nomic-bert-moe", "jina-bert-v3")
    ):
        return frozenset({ids["<mask>"]} if "<mask>" in ids else ()), frozenset()
    if "phi-3" in lowered or "phi3" in lowered:
        special = (TokenType.CONTROL, TokenType.USER_DEFINED, TokenType.UNKNOWN)
        after = {i for i, kind in enumerate(types) if kind in special}
        after |= {ids[text] for text in ("</s>",) if text in ids}
        after -= {ids[text] for text in ("<unk>", "<s>", "<|endoftext|>") if text in ids}
        return frozenset(), frozenset(after)
    if "modern-bert" in lowered and "[MASK]" in ids:
        return frozenset({ids["[MASK]"]}), frozenset()
    return frozenset(), frozenset()


def _reconsider(ids: Mapping[str, int], types: list[TokenType], ends: set[int]) -> None:
    """Ends that are none beside certain others."""

    def ending(*texts: str) -> bool:
        return any(text in ids and ids[text] in ends for text in texts)

    whole = ending("<|call|>", "<|calls|>") and ending("<|return|>")
    flushed = ending("<|call|>", "<|calls|>") and ending("<|flush|>")
    if ending("<|end|>") and (whole or flushed):  # it ends one message of a turn
        ends.discard(ids["<|end|>"])
        types[ids["<|end|>"]] = TokenType.USER_DEFINED
    if ending("</s>") and ending("<|tool_response>", "<|plamo:eos|>"):
        ends.discard(ids["</s>"])
        types[ids["</s>"]] = TokenType.NORMAL
