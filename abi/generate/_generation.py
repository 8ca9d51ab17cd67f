"""Generations: iterators of text that know how they ended and how long they took."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Self

__all__ = ["Choices", "Generation", "Timings", "TokenLogprob"]


@dataclass
class Timings:
    """Seconds and tokens of the two phases."""

    prefill_s: float = 0.0
    prefill_tokens: int = 0
    decode_s: float = 0.0
    decode_tokens: int = 0
    reused_tokens: int = 0  # of the prompt, from an earlier call
    draft_tokens: int = 0  # guessed
    draft_accepted: int = 0  # and right

    @property
    def prefill_rate(self) -> float:
        """Tokens a second."""
        return self.prefill_tokens / self.prefill_s if self.prefill_s else 0.0

    @property
    def decode_rate(self) -> float:
        """Tokens a second."""
        return self.decode_tokens / self.decode_s if self.decode_s else 0.0


@dataclass(frozen=True)
class TokenLogprob:
    """A token with its log-probability.

    Attributes
    ----------
    token : int
    piece : bytes
        Of the token, perhaps part of a character.
    logprob : float
        Natural logarithm.
    top : tuple of TokenLogprob
        The most likely tokens at this place, best first.
    """

    token: int
    piece: bytes
    logprob: float
    top: tuple[TokenLogprob, ...] = ()

    @property
    def text(self) -> str:
        """The piece, with U+FFFD for bytes that form no character."""
        return self.piece.decode("utf-8", "replace")


@dataclass
class Generation:
    """Pieces of text as they are generated.

    Iterate over it once. Leaving the loop early stops the work.

    Attributes
    ----------
    prompt_tokens : list of int
    tokens : list of int
        Generated so far, the one that ended the text included.
    text : str
        Generated so far.
    finish_reason : str or None
        "stop" (end token or stop string), "length" (max_tokens), "context" (the context
        window is full), "cancelled", or "error" (an exception left the loop); None before
        the end.
    seed : int
        What the draws came from, so that they can be repeated.
    logprobs : list of TokenLogprob or None
        One for each of `tokens`, if they were asked for.
    timings : Timings
    """

    prompt_tokens: list[int] = field(repr=False)
    tokens: list[int] = field(default_factory=list, repr=False)
    text: str = ""
    finish_reason: str | None = None
    seed: int = 0
    logprobs: list[TokenLogprob] | None = field(default=None, repr=False)
    timings: Timings = field(default_factory=Timings)
    _cancelled: bool = field(default=False, repr=False)
    _pieces: Iterator[str] = field(default_factory=lambda: iter(()), repr=False)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        piece = next(self._pieces)
        self.text += piece
        return piece

    def cancel(self) -> None:
        """Stop before the next token, or before the next block of the prompt.

        It may be called from another thread, and once is enough: `finish_reason` says
        "cancelled" from then on unless the text had ended by itself.
        """
        self._cancelled = True
        self.finish_reason = self.finish_reason or "cancelled"

    def close(self) -> None:
        """End it now, where a loop was left early; `with` does so by itself.

        What it computed goes back to the model at once, not when Python finds the time.
        """
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self) -> str:
        """Run to the end and return all of the text."""
        for _ in self:
            pass
        return self.text


@dataclass
class Choices:
    """Several continuations of one prompt, generated together.

    Iterate over it once: it yields `(index, piece)` as pieces come.

    Attributes
    ----------
    generations : list of Generation
        They fill while this is iterated over; `cancel()` of one ends that one alone.
    """

    generations: list[Generation]
    _pieces: Iterator[tuple[int, str]] = field(default_factory=lambda: iter(()), repr=False)

    def __iter__(self) -> Iterator[tuple[int, str]]:
        return self

    def __next__(self) -> tuple[int, str]:
        index, piece = next(self._pieces)
        self.generations[index].text += piece
        return index, piece

    def __len__(self) -> int:
        return len(self.generations)

    def cancel(self) -> None:
        """Stop them all before the next token."""
        for generation in self.generations:
            generation.cancel()

    def close(self) -> None:
        """End them now, where a loop was left early; `with` does so by itself."""
        close = getattr(self._pieces, "close", None)
        if close is not None:
            close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def read(self) -> list[str]:
        """Run all to their ends and return their texts."""
        for _ in self:
            pass
        return [generation.text for generation in self.generations]
