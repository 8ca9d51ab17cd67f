"""A vocabulary for tests: the tiny model's."""

from __future__ import annotations

import abi
from abi.generate._words import vocabulary_of
from abi.sampling import Vocabulary

__all__ = ["tiny_words"]


def tiny_words() -> Vocabulary:
    return vocabulary_of(abi.load(kernels="numpy").tokenizer)
