"""What sampling knows of a tokeniser: the bytes of tokens, and the tokens of a text."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache

__all__ = ["Breakers", "Vocabulary"]

# By the first token of a breaker: the tokens that complete it, none for one token.
Breakers = Mapping[int, frozenset[tuple[int, ...]]]

_LONGEST_TAIL = 20  # tokens; as in llama.cpp


class Vocabulary:
    """For DRY's sequence breakers, and for biases on texts.

    Parameters
    ----------
    texts : callable
        Gives the bytes of every token as they stand at the start of a text; asked once, when
        they are first needed.
    encode : callable
        Tokens of the bytes of a text, with no special tokens added or read.

    Examples
    --------
    >>> pieces = [b"a", b"b", b"ab", b"xa"]
    >>> words = Vocabulary(lambda: pieces, lambda text: [pieces.index(text)])
    >>> sorted(words.breakers(["ab"]).items())
    [(0, frozenset({(1,)})), (2, frozenset({()})), (3, frozenset({(1,)}))]
    """

    def __init__(
        self, texts: Callable[[], Sequence[bytes]], encode: Callable[[bytes], list[int]]
    ) -> None:
        self.encode = encode
        self._texts = texts
        self._found = lru_cache(maxsize=16)(self._find)

    @cached_property
    def texts(self) -> Sequence[bytes]:
        return self._texts()

    def breakers(self, texts: Sequence[str]) -> Breakers:
        """Token sequences that hold one of the texts, by their first token.

        That token holds all of the text, or ends with its beginning and the rest follows.
        """
        return self._found(tuple(texts))

    def _find(self, texts: tuple[str, ...]) -> Breakers:
        found: dict[int, set[tuple[int, ...]]] = {}
        for raw in (text.encode("utf-8", "surrogateescape") for text in texts):
            tails = {
                raw[:n]: tuple(self.encode(raw[n:])[:_LONGEST_TAIL]) for n in range(1, len(raw))
            }
            heads = tuple(tails)
            for token, text in enumerate(self.texts):
                if raw in text:
                    found.setdefault(token, set()).add(())
                elif heads and text.endswith(heads):
                    ends = {tail for head, tail in tails.items() if text.endswith(head)}
                    found.setdefault(token, set()).update(ends)
        return {token: frozenset(ends) for token, ends in found.items()}
