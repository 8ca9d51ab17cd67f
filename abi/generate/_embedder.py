"""From texts and pairs of texts to tokens that fit, and through the network in groups."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from abi.errors import Cancelled, ContextLengthError, FormatError, InputError
from abi.model import POOLINGS, Batch, Progress, Transformer, embed_batch
from abi.tokenizer import Tokenizer

__all__ = ["Embedder"]

F32 = npt.NDArray[np.float32]
Ids = list[int]

_PLACEHOLDER = re.compile(r"\{query\}|\{document\}")


@dataclass(frozen=True)
class Embedder:
    """A model's way from texts to vectors.

    Attributes
    ----------
    transformer : Transformer
    tokenizer : Tokenizer
    n_ctx : int
        The most tokens that a text may have.
    n_batch : int
        Tokens of a forward pass; a longer text has one to itself.
    template : str or None
        Of a reranker: a text with {query} and {document} in it.
    """

    transformer: Transformer
    tokenizer: Tokenizer
    n_ctx: int
    n_batch: int
    template: str | None = None

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
        if self.template is not None:
            return self._templated(self.template, query, document, i, truncate=truncate)
        vocab, role = self.tokenizer.vocab, self.tokenizer.vocab.special
        end = [role[k] for k in ("eos", "sep") if k in role][:1] if vocab.add_eos else []
        start = [role["bos"]] if vocab.add_bos and "bos" in role else []
        middle = [role["sep"]] if vocab.add_sep and "sep" in role else []
        parts = [self.tokenizer.encode(text, add_special=False) for text in (query, document)]
        before = [*start, *parts[0], *end, *middle]
        return self._fit(before, parts[1], end, i, truncate=truncate)

    def _templated(
        self, template: str, query: str, document: str, i: int, *, truncate: bool
    ) -> Ids:
        """Tokens of the model's own text for a pair; only the document is ever cut."""

        def encode(length: int) -> Ids:
            texts = {"{query}": query, "{document}": document[:length]}
            whole = _PLACEHOLDER.sub(lambda found: texts[found[0]], template)
            return self.tokenizer.encode(whole, add_special=False, parse_special=True)

        ids = encode(len(document))
        if len(ids) <= self.n_ctx or not truncate or len(encode(0)) > self.n_ctx:
            return self._fit([], ids, [], i, truncate=False)
        fits, too_long = 0, len(document)
        while too_long - fits > 1:
            middle = (fits + too_long) // 2
            fits, too_long = (
                (middle, too_long) if len(encode(middle)) <= self.n_ctx else (fits, middle)
            )
        return encode(fits)

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
        """Vectors of token sequences, in their order. Those of like length go together.

        Raises
        ------
        Cancelled
            If `cancel()` is true before a forward pass.
        """
        found: dict[int, F32] = {}
        for group in self._groups(sequences):
            if cancel is not None and cancel():
                raise Cancelled(f"cancelled after {len(found)} of {len(sequences)} texts")
            batch = Batch.join([Batch.of(sequences[i], slot=n) for n, i in enumerate(group)])
            vectors = embed_batch(self.transformer, batch, kind, self.n_ctx)
            if not all(np.isfinite(vector).all() for vector in vectors):
                raise FormatError("the model computes NaN or infinity; its weights are broken")
            found.update(zip(group, vectors, strict=True))
            if progress is not None:
                progress(len(found), len(sequences))
        return [found[i] for i in range(len(sequences))]

    def _groups(self, sequences: list[Ids]) -> Iterator[list[int]]:
        """Which go through together, shortest first: of like length, in a cache that is small."""
        group: list[int] = []
        for i in sorted(range(len(sequences)), key=lambda i: len(sequences[i])):
            if group and len(sequences[i]) * (len(group) + 1) > self.n_batch:
                yield group
                group = []
            group.append(i)
        if group:
            yield group
