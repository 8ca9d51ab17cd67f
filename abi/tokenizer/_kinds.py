"""The kinds of tokeniser by `tokenizer.ggml.model`, each with llama.cpp's defaults.

The rarer ones are imported when a file names them, to keep `import` short.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from abi.errors import FormatError, InputError, UnsupportedError
from abi.tokenizer._bpe import DNA_MARK, BytePairEncoding, HybridDNA, WhitespaceBPE
from abi.tokenizer._pretokenizer import pretokenizer
from abi.tokenizer._spm import SentencePiece
from abi.tokenizer._vocab import Vocab, flag

__all__ = ["Made", "TextModel", "make"]

_MODEL, _PRE = "tokenizer.ggml.model", "tokenizer.ggml.pre"


class TextModel(Protocol):
    """What lies between special tokens."""

    def encode(self, text: str, after_special: bool) -> list[int]: ...

    def piece(self, token: int) -> bytes: ...


@dataclass(frozen=True)
class Made:
    """A vocabulary with its model, and the roles of the tokens around a text."""

    vocab: Vocab
    model: TextModel
    before: tuple[str, ...]
    after: tuple[str, ...]


def make(metadata: Mapping[str, Any], pre: str | None) -> tuple[str, Made]:
    """The kind that a file names, and what it is made of.

    Raises
    ------
    FormatError
        If a key is missing or malformed.
    UnsupportedError
        If the kind or its pre-tokeniser is unknown.
    InputError
        If a pre-tokeniser is asked for where there is none.
    """
    kind = metadata.get(_MODEL)
    if kind is None:
        raise FormatError("missing; the file has no tokeniser", field=_MODEL)
    if not isinstance(kind, str) or (kind not in _KINDS and kind not in _BYTE_KINDS):
        known = ", ".join([*_KINDS, *_BYTE_KINDS])
        raise UnsupportedError(f"{_MODEL}: {kind!r} is not supported; supported: {known}")
    if kind in _BYTE_KINDS:
        pre = pre or ("gemma4" if kind == "gemma4" else None)
        return kind, _byte_bpe(kind, metadata if pre is None else {**metadata, _PRE: pre})
    if pre is not None:
        raise InputError(
            f"pre-tokeniser {pre!r}: this model has a {_NAMES[kind]} tokeniser, which takes none"
        )
    return kind, _KINDS[kind](metadata)


def _around(vocab: Vocab) -> tuple[tuple[str, ...], tuple[str, ...]]:
    return ("bos",) * vocab.add_bos, ("eos",) * vocab.add_eos


def _sentencepiece(metadata: Mapping[str, Any]) -> Made:
    defaults = {"bos": 1, "eos": 2, "unk": 0}
    vocab = Vocab.from_metadata(metadata, defaults, add_bos=True, add_space_prefix=True)
    return Made(vocab, SentencePiece(vocab), *_around(vocab))


def _wordpiece(metadata: Mapping[str, Any]) -> Made:
    from abi.tokenizer._wordpiece import WordPiece

    defaults = {"bos": 101, "unk": 100, "sep": 102, "pad": 0, "mask": 103}
    vocab = Vocab.from_metadata(metadata, defaults, add_bos=True, add_sep=True, clean_spaces=True)
    lowercase = flag(metadata, "normalizer.lowercase", True)
    strip_accents = flag(metadata, "normalizer.strip_accents", lowercase)
    model = WordPiece(vocab, lowercase, strip_accents)
    return Made(vocab, model, ("bos",), ("sep",))  # whatever the flags say, as in llama.cpp


def _unigram(metadata: Mapping[str, Any]) -> Made:
    from abi.tokenizer._unigram import Unigram

    vocab = Vocab.from_metadata(metadata, {"eos": 1, "unk": 2, "pad": 0}, add_eos=True)
    return Made(vocab, Unigram(vocab, metadata), *_around(vocab))


def _rwkv(metadata: Mapping[str, Any]) -> Made:
    from abi.tokenizer._rwkv import RWKV

    vocab = Vocab.from_metadata(metadata, {})
    return Made(vocab, RWKV(vocab), (), ())


def _plamo2(metadata: Mapping[str, Any]) -> Made:
    from abi.tokenizer._plamo2 import PLaMo2

    vocab = Vocab.from_metadata(metadata, {"bos": 1, "eos": 2, "unk": 0, "pad": 3})
    return Made(vocab, PLaMo2(vocab), (), ())


def _byte_bpe(kind: str, metadata: Mapping[str, Any]) -> Made:
    rule = pretokenizer(metadata.get(_PRE))
    defaults = {} if kind == "gemma4" else {"bos": 11, "eos": 11}
    if not rule.default_bos:
        defaults.pop("bos", None)
    vocab = Vocab.from_metadata(
        metadata, defaults,
        add_bos=rule.add_bos, add_sep=rule.add_sep, clean_spaces=rule.clean_spaces,
    )  # fmt: skip
    vocab = replace(vocab, add_bos=vocab.add_bos or rule.always_bos)
    return Made(vocab, _BYTE_KINDS[kind](vocab, metadata), *_around(vocab))


def _bpe(vocab: Vocab, metadata: Mapping[str, Any]) -> TextModel:
    return BytePairEncoding(vocab, metadata, pretokenizer(metadata.get(_PRE)))


def _whitespace(vocab: Vocab, metadata: Mapping[str, Any]) -> TextModel:
    lowercase = flag(metadata, "normalizer.lowercase", metadata.get(_PRE) != "whitespace")
    return WhitespaceBPE(vocab, metadata, pretokenizer(metadata.get(_PRE)), lowercase)


def _hybrid_dna(vocab: Vocab, metadata: Mapping[str, Any]) -> TextModel:
    oov = vocab.ids.get("<oov>", len(vocab))
    for i in range(oov + 1, len(vocab)):
        vocab.texts[i] = vocab.texts[i].removesuffix(DNA_MARK)
    return HybridDNA(vocab, metadata, pretokenizer(metadata.get(_PRE)))


_KINDS: dict[str, Callable[[Mapping[str, Any]], Made]] = {
    "llama": _sentencepiece,
    "bert": _wordpiece,
    "t5": _unigram,
    "rwkv": _rwkv,
    "plamo2": _plamo2,
}
_NAMES = {
    "llama": "SentencePiece",
    "bert": "WordPiece",
    "t5": "Unigram",
    "rwkv": "RWKV",
    "plamo2": "PLaMo-2",
}
_BYTE_KINDS: dict[str, Callable[[Vocab, Mapping[str, Any]], TextModel]] = {
    "gpt2": _bpe,
    "gemma4": _bpe,
    "whitespace": _whitespace,
    "hybriddna": _hybrid_dna,
}
