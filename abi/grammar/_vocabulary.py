"""A vocabulary as a trie of bytes, laid out level by level in flat arrays.

Children of one node lie next to each other, so that a whole level is walked with a few array
operations. Made once for a tokeniser and shared by every grammar and matcher.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from abi.errors import InputError

__all__ = ["Vocabulary"]

I32 = npt.NDArray[np.int32]


class Vocabulary:
    """The bytes of every token.

    Parameters
    ----------
    tokens : sequence of (bytes or None)
        By id. None or no bytes for tokens that are no text: only a token rule allows those.
    end_tokens : iterable of int
        Tokens that end a text; allowed exactly where the grammar may end.

    Attributes
    ----------
    tokens : list of bytes
    end_tokens : frozenset of int
    longest : int
        Bytes of the longest token.

    Raises
    ------
    InputError
        If there is no token, or an end token is not one of them.

    Examples
    --------
    >>> vocabulary = Vocabulary([b"a", b"b", b"ab", None], end_tokens=[3])
    >>> len(vocabulary), vocabulary.longest
    (4, 2)
    """

    def __init__(self, tokens: Sequence[bytes | None], end_tokens: Iterable[int]) -> None:
        self.end_tokens = frozenset(int(token) for token in end_tokens)
        self.tokens = [
            b"" if token is None or i in self.end_tokens else bytes(token)
            for i, token in enumerate(tokens)
        ]
        outside = [token for token in self.end_tokens if not 0 <= token < len(self.tokens)]
        if not self.tokens or outside:
            raise InputError(f"end tokens {outside} are not among the {len(self.tokens)} tokens")
        self.longest = max(map(len, self.tokens))
        self._lay_out()

    def __len__(self) -> int:
        return len(self.tokens)

    def __repr__(self) -> str:
        return f"<abi.grammar.Vocabulary: {len(self)} tokens, {len(self.first)} nodes>"

    def children(self, nodes: I32) -> tuple[I32, I32]:
        """The children of some nodes, one node after the other, and how many each has."""
        counts = self.count[nodes]
        ends = np.cumsum(counts, dtype=np.int32)
        firsts = np.repeat(self.first[nodes] - (ends - counts), counts)
        children: I32 = firsts + np.arange(len(firsts), dtype=np.int32)
        return children, counts

    def _lay_out(self) -> None:
        """`byte`, `first` and `count` by node: its byte, its first child, how many it has.

        `node_of` by token; tokens without bytes are at the root, node 0.
        """
        lengths = np.array([len(token) for token in self.tokens])
        starts = np.cumsum(lengths) - lengths
        joined = np.frombuffer(b"".join(self.tokens), np.uint8)
        self.node_of: I32 = np.zeros(len(lengths), np.int32)
        bytes_, parents, base = [np.zeros(1, np.uint8)], [np.full(1, -1, np.int64)], 1
        for depth in range(self.longest):
            alive = np.flatnonzero(lengths > depth)
            keys = self.node_of[alive].astype(np.int64) * 256 + joined[starts[alive] + depth]
            unique, inverse = np.unique(keys, return_inverse=True)
            self.node_of[alive] = base + inverse
            bytes_.append((unique % 256).astype(np.uint8))
            parents.append(unique // 256)
            base += len(unique)
        self.byte: npt.NDArray[np.uint8] = np.concatenate(bytes_)
        parent = np.concatenate(parents).astype(np.intp)
        self.count: I32 = np.bincount(parent[1:], minlength=base).astype(np.int32)
        # Levels are in the order of their parents, so that children follow one another.
        self.first: I32 = (1 + np.cumsum(self.count) - self.count).astype(np.int32)
        self.has_text: npt.NDArray[np.bool_] = lengths > 0
