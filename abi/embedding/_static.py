"""The vector of a text as the sum of its tokens' vectors, scaled to length 1.

After Model2Vec (https://github.com/MinishLab/model2vec), whose tokens carry their weight in the
length of their vectors. Sums are of whole numbers, hence exact: a text has the same vector
alone, among others, and on every machine.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain

import numpy as np
import numpy.typing as npt

import abi
from abi.embedding._table import Table, read_table
from abi.errors import InputError
from abi.tokenizer import Tokenizer

__all__ = ["StaticEmbedding"]

F32 = npt.NDArray[np.float32]
I64 = npt.NDArray[np.int64]

_SPECIALS = {"padding": 0, "unknown": 1, "bos": 2, "eos": 3, "seperator": 3, "mask": 4}
_STEP = 2048  # tokens summed at a time: exact in float32, and a cache holds them
_TEXTS = 1024  # texts whose tokens are held at a time


class StaticEmbedding:
    """Texts to vectors by a table.

    A text whose words are all unknown, as an empty one, has the vector zero.

    Parameters
    ----------
    table : Table

    Attributes
    ----------
    name : str
    dim : int

    Examples
    --------
    >>> from abi.embedding import StaticEmbedding
    >>> embedding = StaticEmbedding.default()
    >>> cat, kitten, tax = embedding.embed(["a cat", "a little kitten", "income tax"])
    >>> bool(cat @ kitten > cat @ tax)
    True
    """

    def __init__(self, table: Table) -> None:
        self.name, self.dim, self._table = table.name, table.dim, table
        metadata = {
            "tokenizer.ggml.model": "bert",
            "tokenizer.ggml.tokens": table.tokens,
            "tokenizer.ggml.normalizer.lowercase": table.lowercase,
        }
        roles = {f"tokenizer.ggml.{role}_token_id": i for role, i in _SPECIALS.items()}
        self._tokenizer = Tokenizer.from_metadata(metadata | roles)
        self._rows = np.zeros((len(table.tokens), table.dim), np.float32)
        self._made = np.zeros(len(table.tokens), np.bool_)

    def __repr__(self) -> str:
        return f"<abi.StaticEmbedding {self.name!r}: {self.dim} dimensions>"

    @classmethod
    def default(cls) -> StaticEmbedding:
        """The table that ships, read once."""
        return _default()

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> StaticEmbedding:
        """A table of a file; raises `FormatError` if it is malformed."""
        return cls(read_table(path))

    def embed(self, texts: str | Sequence[str]) -> F32:
        """Vectors of texts.

        Parameters
        ----------
        texts : sequence of str
            Or one text, for one row. No text is too long.

        Returns
        -------
        (n, dim) float32
            Of length 1, or zero for a text without known words.

        Raises
        ------
        InputError
            If something else than texts is given.
        """
        listed = [texts] if isinstance(texts, str) else texts
        for i, text in enumerate(listed):
            if not isinstance(text, str):
                raise InputError(f"texts[{i}]: expected a text, got {type(text).__name__}")
        out = np.empty((len(listed), self.dim), np.float32)
        for start in range(0, len(listed), _TEXTS):
            part = listed[start : start + _TEXTS]
            out[start : start + len(part)] = self._embedded(part)
        return out

    def count(self, text: str) -> int:
        """How many tokens a text has."""
        return len(self._tokenizer.encode(text, add_special=False))

    def _embedded(self, texts: Sequence[str]) -> F32:
        tokens = [self._tokenizer.encode(text, add_special=False) for text in texts]
        lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
        ids = np.fromiter(chain.from_iterable(tokens), np.int64, int(lengths.sum()))
        self._make(ids)
        sums = self._summed(ids, lengths)
        norms = np.sqrt(np.square(sums).sum(axis=1, keepdims=True))
        return (sums / np.where(norms > 0, norms, 1)).astype(np.float32)

    def _make(self, ids: I64) -> None:
        """Expand the rows that are needed for the first time."""
        new = np.unique(ids[~self._made[ids]])
        for start in range(0, len(new), _STEP):
            some = new[start : start + _STEP]
            self._rows[some] = self._table.rows(some)
        self._made[new] = True

    def _summed(self, ids: I64, lengths: I64) -> npt.NDArray[np.float64]:
        """Sums of the rows of each text, some tokens at a time."""
        out = np.zeros((len(lengths), self.dim))
        (texts,) = np.nonzero(lengths)
        ends = np.cumsum(lengths[texts])
        starts = ends - lengths[texts]
        for low in range(0, len(ids), _STEP):
            high = min(low + _STEP, len(ids))
            first, last = np.searchsorted(ends, [low, high - 1], side="right")
            here = np.maximum(starts[first : last + 1] - low, 0).astype(np.intp, copy=False)
            rows = self._rows[ids[low:high]]
            out[texts[first : last + 1]] += np.add.reduceat(rows, here, axis=0)
        return out


@lru_cache(maxsize=1)
def _default() -> StaticEmbedding:
    return StaticEmbedding.load(os.path.join(abi.__path__[0], "data", "static-minilm.bin"))
