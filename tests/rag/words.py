"""An embedding that tests can foresee: each word has a direction of its own."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from abi.text import analyse


class Words:
    """Texts that share words are near each other."""

    name, dim = "words", 64

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def embed(self, texts: Sequence[str]) -> Any:
        self.embedded += texts
        return np.stack([self._vector(text) for text in texts])

    def embed_query(self, texts: Sequence[str]) -> Any:
        return np.stack([self._vector(text) for text in texts])

    def count(self, text: str) -> int:
        return len(text.split())

    def _vector(self, text: str) -> Any:
        found = np.zeros(self.dim, np.float32)
        for term in analyse(text, "english"):
            seed = int.from_bytes(hashlib.blake2b(term.encode(), digest_size=4).digest(), "little")
            found += np.random.default_rng(seed).normal(size=self.dim).astype(np.float32)
        length = float(np.linalg.norm(found))
        return found / length if length else found
