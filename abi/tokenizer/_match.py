"""Tokens that a text begins with, without a tree of them in memory."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

__all__ = ["Matcher", "as_latin1"]

_LONG = 64  # longer tokens are compared in place, so that none is copied at every position
_HEADS = (3, 2, 1)


def as_latin1(text: str) -> str:
    """The bytes of a text as characters, for matching that may end within a character.

    Examples
    --------
    >>> as_latin1("é")
    'Ã©'
    """
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


class Matcher:
    """Looks tokens up by their lengths, of which there are few for any first three characters.

    Parameters
    ----------
    tokens : mapping of str to int
        Ids by text; no text is empty.

    Examples
    --------
    >>> matcher = Matcher({"a": 0, "ab": 1, "abcd": 2})
    >>> matcher.longest("abc", 0), list(matcher.all("abcd", 0))
    ((1, 2), [(0, 1), (1, 2), (2, 4)])
    """

    def __init__(self, tokens: Mapping[str, int]) -> None:
        self.tokens = tokens
        self._long: dict[str, list[str]] = {}
        found: dict[str, set[int]] = {}
        for text in tokens:
            if len(text) > _LONG:
                self._long.setdefault(text[:_LONG], []).append(text)
            found.setdefault(text[:3], set()).add(len(text))
        for texts in self._long.values():
            texts.sort(key=len)
        for shorter in [head[:n] for head in found for n in range(1, len(head))]:
            found.setdefault(shorter, set())
        same: dict[tuple[int, ...], tuple[int, ...]] = {}
        self._sizes: dict[str, tuple[int, ...]] = {}
        for head, sizes in found.items():
            sizes |= {n for n in range(1, len(head) + 1) if head[:n] in tokens}
            ordered = tuple(sorted(n for n in sizes if n <= _LONG))
            self._sizes[head] = same.setdefault(ordered, ordered)

    def sizes(self, text: str, start: int) -> tuple[int, ...]:
        """Lengths, rising, that tokens which are there may have."""
        sizes = self._sizes
        for n in _HEADS:
            found = sizes.get(text[start : start + n])
            if found is not None:
                break
        else:
            return ()
        return found + self._long_sizes(text, start) if self._long else found

    def longest(self, text: str, start: int) -> tuple[int, int] | None:
        """Id and length of the longest token that is there, if any."""
        tokens, left = self.tokens, len(text) - start
        for size in reversed(self.sizes(text, start)):
            if size <= left:
                token_id = tokens.get(text[start : start + size])
                if token_id is not None:
                    return token_id, size
        return None

    def all(self, text: str, start: int) -> Iterator[tuple[int, int]]:
        """Id and length of every token that is there, the shortest first."""
        tokens, left = self.tokens, len(text) - start
        for size in self.sizes(text, start):
            token_id = tokens.get(text[start : start + size]) if size <= left else None
            if token_id is not None:
                yield token_id, size

    def _long_sizes(self, text: str, start: int) -> tuple[int, ...]:
        found = self._long.get(text[start : start + _LONG], ())
        return tuple(len(token) for token in found if text.startswith(token, start))
