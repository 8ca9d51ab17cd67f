"""Text from a stream of tokens, never half a character."""

from __future__ import annotations

import codecs

from abi.tokenizer._tokenizer import Tokenizer

__all__ = ["StreamDecoder"]


class StreamDecoder:
    """Turns tokens into text as they come; bytes of an unfinished character are kept back.

    Parameters
    ----------
    tokenizer : Tokenizer
    at_start : bool
        Whether nothing came before, so that the space SentencePiece puts before a text goes.
    special : bool
        Whether special tokens are written out.

    Examples
    --------
    >>> stream = StreamDecoder(tokenizer)  # doctest: +SKIP
    >>> "".join(stream.feed(i) for i in ids) + stream.flush()  # doctest: +SKIP
    """

    def __init__(
        self, tokenizer: Tokenizer, *, at_start: bool = False, special: bool = False
    ) -> None:
        self._tokenizer, self._special = tokenizer, special
        self._strip = at_start and tokenizer.vocab.add_space_prefix
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, token: int) -> str:
        """The text that this token completes, perhaps none."""
        raw = self._tokenizer.piece(token, special=self._special)
        if raw and self._strip:
            self._strip = False
            raw = raw.removeprefix(b" ")
        return self._decoder.decode(raw)

    def flush(self) -> str:
        """What is left at the end: U+FFFD for an unfinished character."""
        return self._decoder.decode(b"", final=True)
