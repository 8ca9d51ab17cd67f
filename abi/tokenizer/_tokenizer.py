"""One class for every tokeniser: special tokens outside, a model for the text between."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from typing import Any, Protocol

from abi.errors import FormatError, InputError, UnsupportedError
from abi.tokenizer._bpe import BytePairEncoding
from abi.tokenizer._pretokenizer import pretokenizer
from abi.tokenizer._roles import TokenType
from abi.tokenizer._spm import SentencePiece
from abi.tokenizer._unicode import as_text
from abi.tokenizer._vocab import Vocab

__all__ = ["Tokenizer"]

_C_SPACE = " \t\n\v\f\r"  # isspace of the C locale
_SPECIAL = (TokenType.CONTROL, TokenType.UNKNOWN)


class _TextModel(Protocol):
    def encode(self, text: str, after_special: bool) -> Iterable[int]: ...

    def piece(self, token: int) -> bytes: ...


class Tokenizer:
    """Text to token ids and back.

    Attributes
    ----------
    kind : str
        `tokenizer.ggml.model`: "llama" (SentencePiece) or "gpt2" (byte-level BPE).
    vocab : Vocab
    bos, eos : int or None
        Start and end token.
    """

    def __init__(self, kind: str, vocab: Vocab, model: _TextModel) -> None:
        self.kind, self.vocab, self._model = kind, vocab, model
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
        """
        key = "tokenizer.ggml.model"
        kind = metadata.get(key)
        if kind is None:
            raise FormatError("missing; the file has no tokeniser", field=key)
        if not isinstance(kind, str) or kind not in _KINDS:
            raise UnsupportedError(f"{key}: {kind!r} is not supported; supported: llama, gpt2")
        return _KINDS[kind](metadata, pre)

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
        if add_special and self.vocab.add_bos:
            out.append(self._required("bos"))
        after_special = True
        for part in self._fragments(as_text(text), parse_special):
            if isinstance(part, int):
                out.append(part)
                after_special = True
            else:
                out.extend(self._model.encode(part, after_special))
                after_special = False
        if add_special and self.vocab.add_eos:
            out.append(self._required("eos"))
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
        for token_text, token in self._cut if parse_special else self._cut_plain:
            if token_text in text:
                before = token in self.vocab.lstrip
                after = token in self.vocab.rstrip
                cut = partial(_cut, token_text=token_text, token=token, before=before, after=after)
                parts = [piece for part in parts for piece in cut(part)]
        return iter(parts)


def _cut(
    part: str | int, token_text: str, token: int, before: bool, after: bool
) -> Iterator[str | int]:
    """A text around a token; `before` and `after` say where white space goes."""
    if isinstance(part, int):
        yield part
        return
    texts = part.split(token_text)
    for i, text in enumerate(texts):
        if i:
            yield token
            text = text.lstrip(_C_SPACE) if after else text
        if i < len(texts) - 1 and before:
            text = text.rstrip(_C_SPACE)
        if text:
            yield text


def _sentencepiece(metadata: Mapping[str, Any], pre: str | None) -> Tokenizer:
    if pre is not None:
        raise InputError(
            f"pre-tokeniser {pre!r}: this model has a SentencePiece tokeniser, which takes none"
        )
    defaults = {"bos": 1, "eos": 2, "unk": 0}
    vocab = Vocab.from_metadata(
        metadata, defaults, add_bos=True, add_eos=False, add_space_prefix=True
    )
    return Tokenizer("llama", vocab, SentencePiece(vocab))


def _byte_bpe(metadata: Mapping[str, Any], pre: str | None) -> Tokenizer:
    rule = pretokenizer(pre or metadata.get("tokenizer.ggml.pre"))
    defaults = {"bos": 11, "eos": 11} if rule.default_bos else {"eos": 11}
    vocab = Vocab.from_metadata(
        metadata, defaults, add_bos=rule.add_bos, add_eos=False, add_space_prefix=False
    )
    return Tokenizer("gpt2", vocab, BytePairEncoding(vocab, metadata, rule))


_KINDS = {"llama": _sentencepiece, "gpt2": _byte_bpe}
