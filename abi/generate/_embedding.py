"""Texts to vectors, and pairs of texts to scores, several texts a forward pass."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abi.errors import Cancelled, ContextLengthError, FormatError, InputError
from abi.generate._base import ModelBase
from abi.generate._decode import Cancel
from abi.model import POOLINGS, Batch, Progress, Transformer, embed_batch
from abi.tokenizer import Tokenizer

__all__ = ["EmbeddingModel"]

F32 = npt.NDArray[np.float32]
Ids = list[int]


@dataclass(frozen=True)
class _Embedder:
    """A model's way from texts to vectors.

    Attributes
    ----------
    transformer : Transformer
    tokenizer : Tokenizer
    n_ctx : int
        The most tokens that a text may have.
    n_batch : int
        Tokens of a forward pass; a longer text has one to itself.
    """

    transformer: Transformer
    tokenizer: Tokenizer
    n_ctx: int
    n_batch: int

    def pooling(self, asked: str | None) -> str:
        """The pooling that was asked for, or the file's own.

        Raises
        ------
        InputError
            If it is unknown, or none was asked for and the file names none.
        """
        if asked is not None:
            if asked not in POOLINGS[1:4]:
                known = ", ".join(POOLINGS[1:4])
                raise InputError(f"pooling={asked!r}: expected one of {known}")
            return asked
        own = self.transformer.config.pooling
        if own in POOLINGS[1:4]:
            return own
        key = f"{self.transformer.config.arch.name}.pooling_type"
        cure = "use rerank()" if own == "rank" else "choose pooling='mean', 'cls' or 'last'"
        raise InputError(f"the model names no pooling for embeddings ({key}: {own}); {cure}")

    def encode(self, texts: Sequence[str], *, truncate: bool) -> list[Ids]:
        """Tokens of texts that each fit, cut to the context only with `truncate`."""
        return [self._encoded(text, i, truncate=truncate) for i, text in enumerate(texts)]

    def _encoded(self, text: str, i: int, *, truncate: bool) -> Ids:
        ids = self.tokenizer.encode(text)
        plain = self.tokenizer.encode(text, add_special=False)
        start = next((n for n in range(3) if ids[n : n + len(plain)] == plain), 0)
        return self._fit(ids[:start], plain, ids[start + len(plain) :], i, truncate=truncate)

    def pair(self, query: str, document: str, i: int, *, truncate: bool) -> Ids:
        """Tokens of a query and a document, joined as llama.cpp's server joins them."""
        vocab, role = self.tokenizer.vocab, self.tokenizer.vocab.special
        end = [role[k] for k in ("eos", "sep") if k in role][:1] if vocab.add_eos else []
        start = [role["bos"]] if vocab.add_bos and "bos" in role else []
        middle = [role["sep"]] if vocab.add_sep and "sep" in role else []
        parts = [self.tokenizer.encode(text, add_special=False) for text in (query, document)]
        before = [*start, *parts[0], *end, *middle]
        return self._fit(before, parts[1], end, i, truncate=truncate)

    def _fit(self, before: Ids, text: Ids, after: Ids, i: int, *, truncate: bool) -> Ids:
        """The tokens of text i, all of them or as many of its own as fit.

        Raises
        ------
        InputError
            If there are none.
        ContextLengthError
            If they do not fit and may not be cut, or not enough can be.
        """
        total = len(before) + len(text) + len(after)
        if not total:
            raise InputError(f"text {i} has no tokens; leave it out")
        room = self.n_ctx - len(before) - len(after)
        if len(text) > room and not (truncate and room > 0):
            raise ContextLengthError(
                f"text {i} has {total} tokens, the context {self.n_ctx}; split it, or pass "
                "truncate=True to leave out its end",
                n_tokens=total,
                n_ctx=self.n_ctx,
            )
        return [*before, *text[:room], *after]

    def run(
        self,
        sequences: list[Ids],
        kind: str,
        cancel: Callable[[], bool] | None,
        progress: Progress | None,
    ) -> list[F32]:
        """Vectors of token sequences, in their order.

        Raises
        ------
        Cancelled
            If `cancel()` is true before a forward pass.
        """
        found: list[F32] = []
        for group in self._groups(sequences):
            if cancel is not None and cancel():
                raise Cancelled(f"cancelled after {len(found)} of {len(sequences)} texts")
            batch = Batch.join([Batch.of(ids, slot=slot) for slot, ids in enumerate(group)])
            found += embed_batch(self.transformer, batch, kind, self.n_ctx)
            if not all(np.isfinite(vector).all() for vector in found[-len(group) :]):
                raise FormatError("the model computes NaN or infinity; its weights are broken")
            if progress is not None:
                progress(len(found), len(sequences))
        return found

    def _groups(self, sequences: list[Ids]) -> Iterator[list[Ids]]:
        """Neighbours whose cache of one forward pass stays small."""
        group: list[Ids] = []
        for ids in sequences:
            longest = max(map(len, [*group, ids]))
            if group and longest * (len(group) + 1) > self.n_batch:
                yield group
                group = []
            group.append(ids)
        if group:
            yield group


def _unit(vectors: F32) -> F32:
    """Rows at length 1; a row of zeros stays."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, np.where(length > 0, length, 1), dtype=np.float32)


class EmbeddingModel(ModelBase):
    """Texts to vectors and scores."""

    def embed(
        self,
        texts: str | Sequence[str],
        *,
        pooling: str | None = None,
        normalize: bool = True,
        truncate: bool = False,
        cancel: Cancel | None = None,
        progress: Progress | None = None,
    ) -> F32:
        """Vectors of texts.

        Parameters
        ----------
        texts : sequence of str
            Or one text, for one row. Prefixes that a model wants ("query: ") are the caller's.
        pooling : {"mean", "cls", "last"}, optional
            How the vectors of tokens become one; None takes what the file names.
        normalize : bool
            Scale each vector to length 1.
        truncate : bool
            Leave out the end of a text that does not fit in the context.
        cancel : callable, optional
            Asked before each forward pass; true raises `Cancelled`.
        progress : callable, optional
            Called after each with the texts so far and in all.

        Returns
        -------
        (n, n_embd) float32

        Raises
        ------
        InputError
            If the file names no pooling and none is given, or a text has no tokens.
        ContextLengthError
            If a text does not fit.

        Examples
        --------
        >>> import abi
        >>> abi.load().embed(["a cat", "a dog"], pooling="mean").shape
        (2, 128)
        """
        listed = [texts] if isinstance(texts, str) else texts
        _check_texts("texts", listed)
        embedder = self._embedder()
        kind = embedder.pooling(pooling)
        sequences = embedder.encode(listed, truncate=truncate)
        found = embedder.run(sequences, kind, cancel, progress)
        vectors = np.stack(found) if found else np.empty((0, self.config.n_embd), np.float32)
        return _unit(vectors) if normalize else vectors

    def embed_tokens(self, text: str) -> F32:
        """One vector a token of a text, special tokens included: `(T, n_embd) float32`."""
        _check_texts("text", [text])
        embedder = self._embedder()
        (vectors,) = embedder.run(embedder.encode([text], truncate=False), "none", None, None)
        return vectors

    def rerank(
        self,
        query: str,
        documents: Sequence[str],
        *,
        truncate: bool = False,
        cancel: Cancel | None = None,
        progress: Progress | None = None,
    ) -> F32:
        """How well documents answer a query, by a model with a classifier.

        Parameters
        ----------
        query : str
        documents : sequence of str
        truncate, cancel, progress
            As for `embed`.

        Returns
        -------
        (n,) float32
            The classifier's first output; higher is better. Its scale is the model's.

        Raises
        ------
        UnsupportedError
            If the model has no classifier.
        ContextLengthError
            If a query and a document do not fit together.
        """
        _check_texts("query", [query])
        _check_texts("documents", documents)
        embedder = self._embedder()
        pairs = [
            embedder.pair(query, document, i, truncate=truncate)
            for i, document in enumerate(documents)
        ]
        found = embedder.run(pairs, "rank", cancel, progress)
        return np.array([scores[0] for scores in found], np.float32)

    def _embedder(self) -> _Embedder:
        return _Embedder(self.transformer, self.tokenizer, self.n_ctx, self.n_batch)


def _check_texts(name: str, texts: object) -> None:
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise InputError(f"{name}={str(texts)[:80]!r}: expected a list of texts")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"{name}[{i}]: expected a text, got {type(text).__name__}")
