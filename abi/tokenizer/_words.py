"""Where a text may be cut without changing its tokens, so that words can be remembered."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

__all__ = ["WordTokens", "Words"]

# Words whose tokens are remembered: at most some 25 megabytes, whatever the text.
_CACHED_WORDS = 1 << 16
_CACHED_LENGTH = 48


class WordTokens(dict[str, list[int]]):
    """Tokens by word, found when first asked for; short words are remembered.

    When there are too many it begins anew.

    Examples
    --------
    >>> tokens = WordTokens(lambda word: [len(word)])
    >>> tokens["hello"], dict(tokens)
    ([5], {'hello': [5]})
    """

    def __init__(self, encode: Callable[[str], list[int]]) -> None:
        super().__init__()
        self._encode = encode

    def __missing__(self, word: str) -> list[int]:
        ids = self._encode(word)
        if len(word) <= _CACHED_LENGTH:
            if len(self) >= _CACHED_WORDS:
                self.clear()
            self[word] = ids
        return ids


class Words:
    """Cuts before runs of spaces, except where some token of the vocabulary crosses.

    A tokeniser whose every step looks at one token (a merge, a match, an arc of a lattice) can
    not see across a place that no token crosses: its tokens there are those of the parts.

    Parameters
    ----------
    texts : iterable of str
        Texts of the tokens.
    space : str
        The character that stands for a space in them.

    Examples
    --------
    >>> Words(["a", " b", "c d"], " ").cut("a b c d  e")
    ['a', ' b', ' c d', '  e']
    """

    def __init__(self, texts: Iterable[str], space: str) -> None:
        crossed = re.compile(f"([^{space}]){space}")
        before = {char for text in texts if space in text for char in crossed.findall(text)}
        self._pattern = re.compile(f"{space}+[^{space}]*|[^{space}]+")
        inside = "".join(map(re.escape, sorted(before | {space})))
        self._cuts = re.compile(f"(?<![{inside}])(?={space})") if before else None

    def cut(self, text: str) -> list[str]:
        """Parts of a text that are tokenised each for itself; joined they are the text."""
        if self._cuts is None:
            return self._pattern.findall(text)
        return [part for part in self._cuts.split(text) if part]
