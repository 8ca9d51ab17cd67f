"""The sampler: a chain, the tokens that came before, and perhaps a constraint."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from typing import Protocol, Self, Unpack

import numpy as np
import numpy.typing as npt

from abi.errors import InputError
from abi.sampling._candidates import Candidates
from abi.sampling._chain import Chain, Setting, make_chain
from abi.sampling._draw import Drawn
from abi.sampling._params import SamplingOptions, SamplingParams
from abi.sampling._vocabulary import Vocabulary

__all__ = ["Constraint", "Sampler", "make_sampler"]


class Constraint(Protocol):
    """What decides which tokens may come next, such as a grammar; it holds its state."""

    def allowed(self) -> npt.NDArray[np.bool_]:
        """`(n_vocab,)`: the tokens that may come next, end tokens among them."""

    def check(self, token: int) -> bool:
        """Whether this token may come next."""

    def accept(self, token: int) -> None:
        """Go on past a token that may."""

    def copy(self) -> Self:
        """Another with the same state."""


class Sampler:
    """Chooses tokens; made by `make_sampler`.

    Attributes
    ----------
    seed : int
        The one given, or the one that was taken from the system.
    drawn : Drawn or None
        The last choice with the candidates it was taken from.
    """

    def __init__(
        self, chain: Chain, history: deque[int], seed: int, constraint: Constraint | None
    ) -> None:
        self.seed = seed
        self.drawn: Drawn | None = None
        self._chain, self._history, self._constraint = chain, history, constraint

    def prime(self, tokens: Iterable[int]) -> None:
        """Tokens of the prompt: penalties look at them, a constraint does not."""
        self._history.extend(tokens)

    def sample(self, logits: npt.NDArray[np.float32]) -> int:
        """A token for a row of logits `(n_vocab,)`, which is left as it is.

        With a constraint the draw is free first; where the constraint refuses its token, the
        allowed ones go through the chain once more, as in llama.cpp.

        Raises
        ------
        InputError
            If biases or the constraint leave no token.
        """
        every = Candidates.of(logits)
        token = self._draw(every)
        if self._constraint is None or self._constraint.check(token):
            return token
        allowed = self._constraint.allowed()
        if allowed.shape != logits.shape:
            raise InputError(
                f"the constraint allows of {allowed.shape} tokens, logits are {logits.shape}"
            )
        places = np.flatnonzero(allowed & (every.logits > -np.inf))
        if not len(places):
            raise InputError("the constraint allows no token after this text")
        return self._draw(every.take(places, ordered=False))

    def accept(self, token: int) -> None:
        """Count a token as generated."""
        self._history.append(token)
        if self._chain.accept is not None:
            self._chain.accept(token)
        if self._constraint is not None:
            self._constraint.accept(token)

    def _draw(self, candidates: Candidates) -> int:
        for step in self._chain.filters:
            candidates = step(candidates)
        self.drawn = self._chain.draw(candidates)
        return self.drawn.token


def make_sampler(
    n_vocab: int,
    params: SamplingParams | None = None,
    *,
    vocabulary: Vocabulary | None = None,
    constraint: Constraint | None = None,
    **options: Unpack[SamplingOptions],
) -> Sampler:
    """A sampler for rows of `n_vocab` logits.

    Given the seed and the logits, it draws the tokens that llama.cpp draws.

    Parameters
    ----------
    n_vocab : int
    params : SamplingParams, optional
        None takes the defaults.
    vocabulary : Vocabulary, optional
        Needed for DRY's sequence breakers and for biases on texts.
    constraint : Constraint, optional
        Decides which tokens may come; the sampler advances it.
    **options
        Fields of `SamplingParams`, over those of `params`.

    Raises
    ------
    InputError
        If an option is out of range, or needs the vocabulary.

    Examples
    --------
    >>> import numpy as np
    >>> sampler = make_sampler(3, temperature=0.0, logit_bias={1: False})
    >>> sampler.sample(np.array([0.1, 2.0, 1.0], np.float32))
    2
    """
    params = SamplingParams(**options) if params is None else replace(params, **options)
    seed = int.from_bytes(os.urandom(4), "little") if params.seed is None else int(params.seed)
    history: deque[int] = deque(maxlen=max(params.repeat_last_n, params.dry_penalty_last_n))
    chain = make_chain(params, Setting(n_vocab, vocabulary, history, seed))
    return Sampler(chain, history, seed, constraint)
