"""Questions to one's own documents: reading trees, finding passages, answers with citations."""

from abi.rag._answer import Answer, Quote, quotes
from abi.rag._embedder import Embedder, ModelEmbedder
from abi.rag._indexing import Added
from abi.rag._library import Library
from abi.rag._passage import Passage
from abi.rag._prompt import messages_for

__all__ = [
    "Added",
    "Answer",
    "Embedder",
    "Library",
    "ModelEmbedder",
    "Passage",
    "Quote",
    "messages_for",
    "quotes",
]
