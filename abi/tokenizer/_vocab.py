"""The vocabulary: token texts, types, scores and special tokens, from GGUF metadata.

Follows `llama_vocab::impl::load` of llama.cpp, its defaults and its detection of
end-of-generation tokens by their text included.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from abi.errors import FormatError

__all__ = ["TokenType", "Vocab"]


class TokenType(IntEnum):
    """Values of `tokenizer.ggml.token_type`."""

    UNDEFINED = 0
    NORMAL = 1
    UNKNOWN = 2
    CONTROL = 3
    USER_DEFINED = 4
    UNUSED = 5
    BYTE = 6


_PARTITIONED = (TokenType.CONTROL, TokenType.USER_DEFINED, TokenType.UNKNOWN)

_END_OF_GENERATION = frozenset({
    "<|eot_id|>", "<|im_end|>", "<|end|>", "<|return|>", "<|call|>", "<|flush|>", "<|calls|>",
    "<end_of_turn>", "<|endoftext|>", "</s>", "<|eom_id|>", "<EOT>", "_<EOT>", "[EOT]", "[EOS]",
    "<|end_of_text|>", "<end_of_utterance>", "<eos>", "<turn|>", "<|tool_response>",
    "<｜end▁of▁sentence｜>", "[e~[",
})  # fmt: skip

_SPECIAL_KEYS = {
    "bos": "tokenizer.ggml.bos_token_id",
    "eos": "tokenizer.ggml.eos_token_id",
    "eot": "tokenizer.ggml.eot_token_id",
    "eom": "tokenizer.ggml.eom_token_id",
    "unk": "tokenizer.ggml.unknown_token_id",
    "sep": "tokenizer.ggml.seperator_token_id",
    "pad": "tokenizer.ggml.padding_token_id",
}


@dataclass(frozen=True)
class Vocab:
    """Tokens by id.

    Attributes
    ----------
    texts : list of str
        As stored (SentencePiece with U+2581 for a space, BPE in its byte alphabet).
    types : list of TokenType
    scores : list of float
    special : dict
        Ids of "bos", "eos", "eot", "eom", "unk", "sep", "pad" where there is one.
    eog : frozenset of int
        Tokens that end a generation.
    add_bos, add_eos, add_space_prefix : bool
    """

    texts: list[str]
    types: list[TokenType]
    scores: list[float]
    special: dict[str, int]
    eog: frozenset[int]
    add_bos: bool
    add_eos: bool
    add_space_prefix: bool
    ids: dict[str, int] = field(repr=False)

    @classmethod
    def from_metadata(
        cls, metadata: Mapping[str, Any], defaults: Mapping[str, int], **flags: bool
    ) -> Vocab:
        """Read `tokenizer.ggml.*`.

        Parameters
        ----------
        metadata : mapping
        defaults : mapping
            Special ids of this kind of tokeniser where the file names none.
        **flags : bool
            add_bos, add_eos and add_space_prefix where the file says nothing.

        Raises
        ------
        FormatError
            If a list is missing, has the wrong type or the wrong length.
        """
        texts = _texts(metadata)
        types = [
            TokenType(t) if 0 <= t <= 6 else TokenType.UNDEFINED
            for t in _numbers(metadata, "tokenizer.ggml.token_type", len(texts), 1)
        ]
        scores = _numbers(metadata, "tokenizer.ggml.scores", len(texts), 0.0)
        ids = {text: i for i, text in enumerate(texts)}
        special = _special(metadata, defaults, len(texts))
        for text in _END_OF_GENERATION & ids.keys():
            types[ids[text]] = TokenType.CONTROL
        return cls(
            texts, types, scores, special, _end_tokens(ids, special),
            _flag(metadata, "add_bos_token", flags["add_bos"]),
            _flag(metadata, "add_eos_token", flags["add_eos"]),
            _flag(metadata, "add_space_prefix", flags["add_space_prefix"]),
            ids,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.texts)

    def partitioned(self) -> list[int]:
        """Tokens that are cut out of a text before it is tokenised, longest first."""
        found = [i for i, kind in enumerate(self.types) if kind in _PARTITIONED]
        return sorted(found, key=lambda i: -len(self.texts[i].encode("utf-8", "surrogateescape")))


def _texts(metadata: Mapping[str, Any]) -> list[str]:
    key = "tokenizer.ggml.tokens"
    tokens = metadata.get(key)
    if not isinstance(tokens, list) or not tokens or not isinstance(tokens[0], str):
        raise FormatError("expected a list of strings; the file has no vocabulary", field=key)
    return [text or f"[EMPTY_{i}]" for i, text in enumerate(tokens)]


def _numbers(metadata: Mapping[str, Any], key: str, n: int, default: Any) -> list[Any]:
    values = metadata.get(key)
    if values is None:
        return [default] * n
    if not hasattr(values, "tolist") or values.dtype.kind not in "iuf" or len(values) < n:
        raise FormatError(f"expected an array of {n} numbers", field=key)
    return list(values[:n].tolist())


def _flag(metadata: Mapping[str, Any], name: str, default: bool) -> bool:
    value = metadata.get(f"tokenizer.ggml.{name}", default)
    if not isinstance(value, bool):
        raise FormatError(f"expected a BOOL, got {value!r}", field=f"tokenizer.ggml.{name}")
    return value


def _special(metadata: Mapping[str, Any], defaults: Mapping[str, int], n: int) -> dict[str, int]:
    special = {name: i for name, i in defaults.items() if i < n}
    for name, key in _SPECIAL_KEYS.items():
        value = metadata.get(key)
        if value is None:
            continue
        if not isinstance(value, int) or not 0 <= value < n:
            raise FormatError(f"expected an id below {n}, got {value!r}", field=key)
        special[name] = value
    return special


def _end_tokens(ids: Mapping[str, int], special: Mapping[str, int]) -> frozenset[int]:
    texts = set(_END_OF_GENERATION & ids.keys())
    # With a token for the end of a whole turn, "<|end|>" only ends one message of it.
    if ("<|call|>" in texts and "<|return|>" in texts) or {"<|calls|>", "<|flush|>"} <= texts:
        texts.discard("<|end|>")
    named = {special[name] for name in ("eos", "eot", "eom") if name in special}
    return frozenset(named | {ids[text] for text in texts})
