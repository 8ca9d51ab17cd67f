"""The vocabulary: token texts, types, scores and special tokens, from GGUF metadata.

Follows `llama_vocab::impl::load` of llama.cpp, its defaults included.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from abi.errors import FormatError
from abi.tokenizer._roles import SPECIAL_KEYS, TokenType, assign_roles, stripping

__all__ = ["Pieces", "Vocab", "flag", "spaced"]

_BYTE = re.compile("<0x([0-9A-Fa-f]{2})>")

_KEY = "tokenizer.ggml.{}"
_NEEDED = ("bos", "eos", "eot", "eom")  # a wrong id of these would change what is generated
_PARTITIONED = (TokenType.CONTROL, TokenType.USER_DEFINED, TokenType.UNKNOWN)


@dataclass(frozen=True)
class Vocab:
    """Tokens by id.

    Attributes
    ----------
    texts : list of str
        As stored (SentencePiece with U+2581 for a space, BPE in its byte alphabet).
    types : list of TokenType
        After roles were found: a token that ends a generation is a control token, and so on.
    stored_types : list of TokenType
        As the file has them.
    scores : list of float
    special : dict
        Ids by role where there is one: "bos", "eos", "eot", "eom", "unk", "sep", "pad", "mask"
        and "fim_pre", "fim_suf", "fim_mid", "fim_pad", "fim_rep", "fim_sep".
    eog : frozenset of int
        Tokens that end a generation.
    lstrip, rstrip : frozenset of int
        Tokens that take the white space before, or after, them out of the text.
    add_bos, add_eos, add_sep, add_space_prefix, clean_spaces, merge_spaces : bool
        Where the file says nothing, what llama.cpp takes for this kind of tokeniser.
    """

    texts: list[str] = field(repr=False)
    types: list[TokenType] = field(repr=False)
    stored_types: list[TokenType] = field(repr=False)
    scores: list[float] = field(repr=False)
    special: dict[str, int]
    eog: frozenset[int]
    lstrip: frozenset[int] = field(repr=False)
    rstrip: frozenset[int] = field(repr=False)
    add_bos: bool
    add_eos: bool
    add_sep: bool
    add_space_prefix: bool
    clean_spaces: bool
    merge_spaces: bool
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
            add_bos, add_eos, add_sep and add_space_prefix where the file says nothing (false
            where not given), and clean_spaces.

        Raises
        ------
        FormatError
            If a list is missing, has the wrong type or the wrong length.
        """
        texts = _texts(metadata)
        types = _types(metadata, len(texts))
        stored = list(types)
        scores = _scores(metadata, len(texts))
        ids = {text: i for i, text in enumerate(texts)}
        special = _special(metadata, defaults, len(texts))
        eog = assign_roles(ids, types, special)
        lstrip, rstrip = stripping(ids, types, metadata)
        return cls(
            texts, types, stored, scores, special, eog, lstrip, rstrip,
            flag(metadata, "add_bos_token", flags.get("add_bos", False)),
            flag(metadata, "add_eos_token", flags.get("add_eos", False)),
            flag(metadata, "add_sep_token", flags.get("add_sep", False)),
            flag(metadata, "add_space_prefix", flags.get("add_space_prefix", False)),
            flags.get("clean_spaces", False),
            flag(metadata, "remove_extra_whitespaces", False),
            ids,
        )  # fmt: skip

    def __len__(self) -> int:
        return len(self.texts)

    def partitioned(self) -> list[int]:
        """Tokens that are cut out of a text before it is tokenised, longest first."""
        found = [i for i, kind in enumerate(self.types) if kind in _PARTITIONED]
        return sorted(found, key=lambda i: -len(self.texts[i].encode("utf-8", "surrogateescape")))

    def require(self, role: str, why: str) -> int:
        """The token of a role that the tokeniser cannot do without."""
        token = self.special.get(role)
        if token is None:
            raise FormatError(
                f"names no token, and {why}", field=_KEY.format(SPECIAL_KEYS[role][0])
            )
        return token


class Pieces:
    """The bytes of tokens.

    Parameters
    ----------
    vocab : Vocab
    normal : callable, optional
        From the text of an ordinary token to its bytes; U+2581 becomes a space if not given.

    Attributes
    ----------
    of_bytes : dict of int to bytes
        Those of the tokens that are typed as a byte.
    """

    def __init__(self, vocab: Vocab, normal: Callable[[str], bytes] | None = None) -> None:
        self._vocab, self._normal = vocab, normal or spaced
        kinds = enumerate(vocab.types)
        self.of_bytes = {i: _byte(i, vocab.texts[i]) for i, k in kinds if k is TokenType.BYTE}

    def __call__(self, token: int) -> bytes:
        text, kind = self._vocab.texts[token], self._vocab.types[token]
        if kind is TokenType.NORMAL:
            return self._normal(text)
        if kind is TokenType.BYTE:
            return self.of_bytes[token]
        if kind in (TokenType.UNUSED, TokenType.UNDEFINED):
            return b""
        return text.encode("utf-8", "surrogateescape")


def spaced(text: str) -> bytes:
    """The bytes of a token's text, with U+2581 as a space."""
    return text.replace("\u2581", " ").encode("utf-8", "surrogateescape")


def _byte(token: int, text: str) -> bytes:
    match = _BYTE.fullmatch(text)
    if match is None:
        raise FormatError(
            f"token {token} {text!r} is typed as a byte, expected a text like <0x0A>",
            field="tokenizer.ggml.tokens",
        )
    return bytes([int(match[1], 16)])


def flag(metadata: Mapping[str, Any], name: str, default: bool) -> bool:
    """`tokenizer.ggml.` and this name: a BOOL."""
    key = _KEY.format(name)
    value = metadata.get(key, default)
    if not isinstance(value, bool):
        raise FormatError(f"expected a BOOL, got {value!r}", field=key)
    return value


def _texts(metadata: Mapping[str, Any]) -> list[str]:
    key = "tokenizer.ggml.tokens"
    tokens = metadata.get(key)
    if not isinstance(tokens, list) or not tokens or not all(isinstance(t, str) for t in tokens):
        raise FormatError("expected a list of strings; the file has no vocabulary", field=key)
    return [text or f"[EMPTY_{i}]" for i, text in enumerate(tokens)]


def _numbers(metadata: Mapping[str, Any], key: str, n: int, default: Any) -> list[Any]:
    values = metadata.get(key)
    if values is None:
        return [default] * n
    if not hasattr(values, "tolist") or values.dtype.kind not in "iuf" or len(values) < n:
        raise FormatError(f"expected an array of {n} numbers", field=key)
    return list(values[:n].tolist())


def _scores(metadata: Mapping[str, Any], n: int) -> list[float]:
    key = "tokenizer.ggml.scores"
    scores = _numbers(metadata, key, n, 0.0)
    for i, score in enumerate(scores):
        if score != score:
            raise FormatError(f"the score of token {i} is not a number", field=key)
    return scores


def _types(metadata: Mapping[str, Any], n: int) -> list[TokenType]:
    numbers = _numbers(metadata, "tokenizer.ggml.token_type", n, TokenType.NORMAL)
    known = {int(kind): kind for kind in TokenType}
    return [known.get(number, TokenType.UNDEFINED) for number in numbers]


def _special(metadata: Mapping[str, Any], defaults: Mapping[str, int], n: int) -> dict[str, int]:
    special = {role: i for role, i in defaults.items() if i < n}
    for role, keys in SPECIAL_KEYS.items():
        for key in (f"tokenizer.ggml.{key}" for key in keys):
            value = metadata.get(key)
            if value is None:
                continue
            in_vocab = type(value) is int and 0 <= value < n
            if not in_vocab and role not in _NEEDED:
                continue  # converters write 2**32 - 1 for "none"
            if not in_vocab:
                raise FormatError(f"expected an id below {n}, got {value!r}", field=key)
            special[role] = value
    return special
