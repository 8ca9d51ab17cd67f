"""Texts to vectors, and pairs of texts to scores, several texts a forward pass."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from abi.errors import FormatError, InputError
from abi.generate._base import ModelBase
from abi.generate._decode import Cancel
from abi.generate._embedder import Embedder
from abi.generate._prompts import prompt_of, prompts_of
from abi.model import Progress

__all__ = ["EmbeddingModel"]

F32 = npt.NDArray[np.float32]

_TEMPLATE = "tokenizer.chat_template.rerank"


def _unit(vectors: F32) -> F32:
    """Rows at length 1; a row of zeros stays."""
    length = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.divide(vectors, np.where(length > 0, length, 1), dtype=np.float32)


class EmbeddingModel(ModelBase):
    """Texts to vectors and scores."""

    @property
    def prompts(self) -> dict[str, str]:
        """What the file wants before texts, by what they are for; empty if it does not say."""
        return prompts_of(self.metadata)

    def embed(
        self,
        texts: str | Sequence[str],
        *,
        prompt_name: str | None = None,
        prompt: str | None = None,
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
            Or one text, for one row.
        prompt_name : str, optional
            Which of `prompts` is put before each text, such as "query"; None takes the file's
            default, if it has one.
        prompt : str, optional
            What is put before each text instead, such as "query: " where the file has no prompts.
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
            If the file names no pooling and none is given, a text has no tokens, or the file has
            no prompt of that name.
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
        before = prompt_of(self.metadata, prompt_name, prompt)
        embedder = self._embedder()
        kind = embedder.pooling(pooling)
        sequences = embedder.encode([f"{before}{text}" for text in listed], truncate=truncate)
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

        A pair is put into words by the file's own `tokenizer.chat_template.rerank` where it has
        one, and joined by the tokens that part sentences where it has none.

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

    def _embedder(self) -> Embedder:
        template = self.metadata.get(_TEMPLATE)
        if template is not None and not isinstance(template, str):
            raise FormatError(f"expected a string, got {repr(template)[:80]}", field=_TEMPLATE)
        return Embedder(self.transformer, self.tokenizer, self.n_ctx, self.n_batch, template)


def _check_texts(name: str, texts: object) -> None:
    if isinstance(texts, str) or not isinstance(texts, Sequence):
        raise InputError(f"{name}={str(texts)[:80]!r}: expected a list of texts")
    for i, text in enumerate(texts):
        if not isinstance(text, str):
            raise InputError(f"{name}[{i}]: expected a text, got {type(text).__name__}")
