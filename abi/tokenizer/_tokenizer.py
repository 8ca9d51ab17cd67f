"""One class for every tokeniser: special tokens outside, a model for the text between."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any

from abi.errors import FormatError, InputError
from abi.tokenizer._kinds import Made, make
from abi.tokenizer._roles import TokenType
from abi.tokenizer._unicode import as_text

__all__ = ["Tokenizer"]

_C_SPACE = " \t\n\v\f\r"  # isspace of the C locale
_SPECIAL = (TokenType.CONTROL, TokenType.UNKNOWN)
# What llama.cpp's clean_up_tokenization_spaces takes out, one pass after the other.
_CLEANING = (
    (re.compile(rb" (?=[?!.,])"), b""),
    (re.compile(rb" ' "), b"'"),
    (re.compile(rb" (?='(?:[sm]|re|ve))"), b""),
)


class Tokenizer:
    """Text to token ids and back.

    Attributes
    ----------
    kind : str
        `tokenizer.ggml.model`: "llama" (SentencePiece), "gpt2" (byte-level BPE), "gemma4",
        "whitespace" or "hybriddna" (its relatives), "bert" (WordPiece), "t5" (Unigram), "rwkv"
        or "plamo2".
    vocab : Vocab
    bos, eos : int or None
        Start and end token.
    """

    def __init__(self, kind: str, made: Made) -> None:
        self.kind, self.vocab, self._model = kind, made.vocab, made.model
        self._before, self._after = made.before, made.after
        vocab = self.vocab
        self._cut = [(vocab.texts[i], i) for i in vocab.partitioned()]
        self._cut_plain = [(t, i) for t, i in self._cut if vocab.types[i] not in _SPECIAL]

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any], *, pre: str | None = None) -> Tokenizer:
        """Make a tokeniser from GGUF metadata.

        Parameters
        ----------
        metadata : mapping
            With the keys `tokenizer.ggml.*`.
        pre : str, optional
            Use this pre-tokeniser instead of the one the file names.

        Raises
        ------
        FormatError
            If a key is missing or malformed.
        UnsupportedError
            If the tokeniser or its pre-tokeniser is unknown.
        InputError
            If a pre-tokeniser is asked for where there is none.
        """
        kind, made = make(metadata, pre)
        return cls(kind, made)

    @property
    def bos(self) -> int | None:
        return self.vocab.special.get("bos")

    @property
    def eos(self) -> int | None:
        return self.vocab.special.get("eos")

    def __len__(self) -> int:
        return len(self.vocab)

    def __repr__(self) -> str:
        return f"<abi.Tokenizer {self.kind}: {len(self)} tokens>"

    def encode(
        self, text: str | bytes, add_special: bool = True, parse_special: bool = False
    ) -> list[int]:
        """Token ids of a text.

        Parameters
        ----------
        text : str or bytes
            Bytes need not be valid UTF-8; a str may carry such bytes as surrogate escapes.
        add_special : bool
            Add the start and end tokens that the model asks for.
        parse_special : bool
            Read the text of control tokens, such as `</s>`, as those tokens. Leave it off
            for text that a user wrote.

        Returns
        -------
        list of int

        Raises
        ------
        InputError
            If a str holds a surrogate that stands for no byte.

        Examples
        --------
        >>> import abi
        >>> tokenizer = abi.load().tokenizer
        >>> tokenizer.decode(tokenizer.encode("Once upon a time"))
        'Once upon a time'
        """
        out: list[int] = []
        if add_special:
            out += [self._required(role) for role in self._before]
        after_special = True
        for part in self._fragments(as_text(text), parse_special):
            if isinstance(part, int):
                out.append(part)
                after_special = True
            else:
                out += self._model.encode(part, after_special)
                after_special = False
        if add_special:
            out += [self._required(role) for role in self._after]
        return out

    def decode(self, ids: Iterable[int], *, special: bool = False) -> str:
        """Text of token ids.

        It gives back what `encode` was given, except that SentencePiece reads U+2581 as a
        space and keeps the one it adds after a special token inside the text.

        Parameters
        ----------
        ids : iterable of int
        special : bool
            Write control tokens out.

        Returns
        -------
        str
            Bytes that form no character come out as U+FFFD.

        Raises
        ------
        InputError
            If an id is not in the vocabulary.
        """
        raw = b"".join(self.piece(i, special=special) for i in ids)
        if self.vocab.add_space_prefix:
            raw = raw.removeprefix(b" ")
        return raw.decode("utf-8", "replace")

    def detokenize(
        self, ids: Iterable[int], *, remove_special: bool = False, unparse_special: bool = False
    ) -> bytes:
        """Bytes of token ids as llama.cpp's `llama_detokenize` gives them.

        Other than `decode`, it takes spaces before punctuation and in contractions out where
        the model's own tokeniser does (`vocab.clean_spaces`), so it may lose some of a text.

        Parameters
        ----------
        ids : iterable of int
        remove_special : bool
            Leave out the start and end tokens that `encode` adds.
        unparse_special : bool
            Write control tokens out.

        Returns
        -------
        bytes

        Raises
        ------
        InputError
            If an id is not in the vocabulary.
        """
        ids, vocab = list(ids), self.vocab
        strip = vocab.add_space_prefix
        if remove_special and vocab.add_bos and ids and ids[0] == self.bos:
            strip, ids = False, ids[1:]
        if remove_special and vocab.add_eos and ids and ids[-1] == self.eos:
            ids = ids[:-1]
        pieces = [self.piece(i, special=unparse_special) for i in ids]
        if strip and pieces:
            pieces[0] = pieces[0].removeprefix(b" ")
        raw = b"".join(pieces)
        for pattern, shorter in _CLEANING if vocab.clean_spaces else ():
            raw = pattern.sub(shorter, raw)
        return raw

    def piece(self, token: int, *, special: bool = True) -> bytes:
        """The bytes of one token; none for a control token unless `special`."""
        if not hasattr(token, "__index__") or not 0 <= token < len(self.vocab):
            raise InputError(f"token {token} is not in the vocabulary (0 to {len(self.vocab) - 1})")
        if not special and self.vocab.types[token] in _SPECIAL:
            return b""
        return self._model.piece(token)

    def _required(self, name: str) -> int:
        token = self.vocab.special.get(name)
        if token is None:
            raise FormatError(
                f"asks for {name} to be added but names none",
                field=f"tokenizer.ggml.add_{name}_token",
            )
        return token

    def _fragments(self, text: str, parse_special: bool) -> Iterator[str | int]:
        parts: list[str | int] = [text] if text else []
        chars = set(text)
        for token_text, token in self._cut if parse_special else self._cut_plain:
            if token_text[0] in chars and token_text in text:
                before = token in self.vocab.lstrip
                after = token in self.vocab.rstrip
                cut = partial(_cut, token_text=token_text, token=token, before=before, after=after)
                pieces: list[str | int] = []
                for part in parts:
                    if isinstance(part, str) and token_text in part:
                        pieces += cut(part)
                    else:
                        pieces.append(part)
                parts = pieces
        return iter(parts)


def _cut(part: str, token_text: str, token: int, before: bool, after: bool) -> Iterator[str | int]:
    """A text around a token; `before` and `after` say where white space goes."""
    start = 0
    while (at := part.find(token_text, start)) >= 0:
        left = part[start:at]
        if before:
            left = left.rstrip(_C_SPACE)
        if left:
            yield left
        yield token
        start = at + len(token_text)
        while after and start < len(part) and part[start] in _C_SPACE:
            start += 1
    if start < len(part):
        yield part[start:]
