"""What makes vectors of texts: the protocol, and a model behind it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

__all__ = ["Embedder", "ModelEmbedder", "query_vector"]

F32 = npt.NDArray[np.float32]

# Names that models give the prompts of what is searched and of what it is searched for.
_DOCUMENT = ("document", "passage", "corpus")
_QUERY = ("query",)


class Embedder(Protocol):
    """What makes vectors of texts.

    Attributes
    ----------
    name : str
        What made the vectors: those of another are not compared with them.
    dim : int
        Numbers a vector.
    """

    name: str
    dim: int

    def embed(self, texts: Sequence[str]) -> F32:
        """A vector of each text, `(n, dim)`. Those of questions are by `embed_query`, if it has
        that method, which takes and gives the same.
        """

    def count(self, text: str) -> int:
        """Tokens of a text."""


class ModelEmbedder:
    """Vectors by a model, with the prompts that it was trained with.

    Parameters
    ----------
    model : abi.Model
    name : str
        Of the model. Vectors of a document prompt that is given here are another's.
    query_prompt, document_prompt : str, optional
        What is put before questions, and before documents. None takes the file's own: that named
        "query", and "document", "passage" or "corpus", else its default.

    Examples
    --------
    >>> import abi
    >>> from abi.rag import ModelEmbedder
    >>> embedder = ModelEmbedder(abi.load(), "tiny", "query: ", "passage: ")
    >>> embedder.name, embedder.dim
    ("tiny 'passage: '", 128)
    """

    def __init__(
        self,
        model: Any,
        name: str,
        query_prompt: str | None = None,
        document_prompt: str | None = None,
    ) -> None:
        self._model, self.dim = model, int(model.config.n_embd)
        self.name = name if document_prompt is None else f"{name} {document_prompt!r:.100}"
        self._document = _asked(model.prompts, _DOCUMENT, document_prompt)
        self._query = _asked(model.prompts, _QUERY, query_prompt)

    def embed(self, texts: Sequence[str]) -> F32:
        """Vectors of documents, `(n, dim)`; the end of what does not fit is left out."""
        found: F32 = self._model.embed(texts, truncate=True, **self._document)
        return found

    def embed_query(self, texts: Sequence[str]) -> F32:
        """Vectors of questions, `(n, dim)`."""
        found: F32 = self._model.embed(texts, truncate=True, **self._query)
        return found

    def count(self, text: str) -> int:
        """Tokens of a text, with those that the tokeniser puts around it."""
        return len(self._model.tokenizer.encode(text))


def query_vector(embedder: Embedder, question: str) -> F32:
    """The vector of a question, `(dim,)`."""
    embed = getattr(embedder, "embed_query", embedder.embed)
    return np.asarray(embed([question])[0], np.float32)


def _asked(
    prompts: Mapping[str, str], names: Sequence[str], prompt: str | None
) -> dict[str, str | None]:
    """Arguments of `embed`."""
    name = next((name for name in names if name in prompts), None)
    return {"prompt": prompt} if prompt is not None else {"prompt_name": name}
