"""Where in a grammar a text stands, token by token: masks, checks, steps back."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.grammar._grammar import Grammar
from abi.grammar._machine import State
from abi.grammar._masks import Masks
from abi.grammar._vocabulary import Vocabulary

__all__ = ["Matcher"]


class Matcher:
    """A text that is being written under a grammar.

    Parameters
    ----------
    grammar : Grammar
        From `compile_gbnf` or `compile_schema`; shared by any number of matchers.
    vocabulary : Vocabulary
        What the model writes with; shared too, and masks are kept for the two together.

    Attributes
    ----------
    tokens : list of int
        Tokens accepted so far.

    Examples
    --------
    >>> from abi.grammar import Matcher, Vocabulary, compile_gbnf
    >>> matcher = Matcher(
    ...     compile_gbnf('root ::= "yes" | "no"'),
    ...     Vocabulary([b"y", b"es", b"no", b"n", None], end_tokens=[4]),
    ... )
    >>> matcher.allowed().tolist()
    [True, False, True, True, False]
    >>> matcher.accept(2)
    >>> matcher.can_end, matcher.allowed().tolist()
    (True, [False, False, False, False, True])
    """

    def __init__(self, grammar: Grammar, vocabulary: Vocabulary) -> None:
        self.grammar, self.vocabulary = grammar, vocabulary
        self._masks: Masks = grammar._masks_for(vocabulary)
        self._text = bytearray()
        self._states: list[State] = [grammar._machine.start]
        self._lengths: list[int] = [0]
        self.tokens: list[int] = []

    @property
    def can_end(self) -> bool:
        """Whether the text is complete as it is."""
        return self._states[-1].ends

    @property
    def finished(self) -> bool:
        """Whether an end token was accepted, or nothing but an end can follow."""
        ended = bool(self.tokens) and self.tokens[-1] in self.vocabulary.end_tokens
        return ended or (self.can_end and not self._states[-1].cells)

    @property
    def distance(self) -> float:
        """A lower bound of the bytes that are still needed."""
        return self._states[-1].floor

    def allowed(self) -> npt.NDArray[np.bool_]:
        """Which tokens may come next.

        Returns
        -------
        (n_vocab,) bool
            End tokens among them exactly where the text may end; nothing after an end token.

        Raises
        ------
        InputError
            If no token can follow and the text may not end either.
        """
        if self._has_ended():
            return np.zeros(len(self.vocabulary), np.bool_)
        mask = self._masks.allowed(self._states[-1], self._text)
        if not mask.any():
            raise InputError(
                f"no token of the vocabulary can follow the {len(self.tokens)} that are there; "
                "the grammar asks for bytes that the vocabulary has no token for"
            )
        return mask

    def check(self, token: int) -> bool:
        """Whether one token may come next, found without a mask."""
        return self._after(token) is not None

    def accept(self, token: int) -> None:
        """Go on by one token.

        Raises
        ------
        InputError
            If the grammar does not allow it here; nothing has changed then.
        """
        state = self._after(token)
        if state is None:
            raise InputError(
                f"token {token} is not allowed by the grammar after {len(self.tokens)} tokens; "
                "choose one that allowed() or check() admits"
            )
        self.grammar._machine.forget()
        self._text += self._bytes(token)
        self._states.append(state)
        self._lengths.append(len(self._text))
        self.tokens.append(int(token))

    def accept_all(self, tokens: Sequence[int]) -> int:
        """Go on while tokens are allowed; how many were."""
        for n, token in enumerate(tokens):
            if not self.check(token):
                return n
            self.accept(token)
        return len(tokens)

    def rollback(self, n: int = 1) -> None:
        """Take the last n tokens back.

        Raises
        ------
        InputError
            If fewer were accepted.
        """
        if not 0 <= n <= len(self.tokens):
            raise InputError(f"cannot take back {n} of {len(self.tokens)} tokens")
        if n:
            del self._states[-n:], self._lengths[-n:], self.tokens[-n:]
            del self._text[self._lengths[-1] :]

    def copy(self) -> Matcher:
        """A matcher that stands at the same place and goes on by itself."""
        twin = Matcher(self.grammar, self.vocabulary)
        twin._text, twin.tokens = self._text.copy(), self.tokens.copy()
        twin._states, twin._lengths = self._states.copy(), self._lengths.copy()
        return twin

    # -- inside --------------------------------------------------------------------------

    def _has_ended(self) -> bool:
        return bool(self.tokens) and self.tokens[-1] in self.vocabulary.end_tokens

    def _bytes(self, token: int) -> bytes:
        return self.vocabulary.tokens[token]

    def _after(self, token: int) -> State | None:
        """The state after a token, or None where it is not allowed."""
        if not hasattr(token, "__index__") or not 0 <= token < len(self.vocabulary):
            raise InputError(
                f"token {token} is not in the vocabulary (0 to {len(self.vocabulary) - 1})"
            )
        state = self._states[-1]
        if self._has_ended():
            return None
        if token in self.vocabulary.end_tokens:
            return self.grammar._machine.bottom if state.ends else None
        return self._masks.after(state, token, self._text)
