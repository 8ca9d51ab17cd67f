"""A tokeniser's tokens as `abi.sampling` asks for them."""

from __future__ import annotations

from functools import partial

from abi.sampling import Vocabulary
from abi.tokenizer import Tokenizer

__all__ = ["vocabulary_of"]


def vocabulary_of(tokenizer: Tokenizer) -> Vocabulary:
    """Texts are made when they are first needed."""

    def texts() -> list[bytes]:
        space = b" " if tokenizer.vocab.add_space_prefix else b""
        return [tokenizer.piece(i).removeprefix(space) for i in range(len(tokenizer))]

    return Vocabulary(texts, partial(tokenizer.encode, add_special=False))
