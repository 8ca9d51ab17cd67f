"""All points of a `Foreign`, and where the files to read are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from abi.store.foreign import Foreign

DATA = Path(__file__).parents[2] / "data" / "foreign"
VECTORS = np.load(DATA / "vectors.npy")
BITS = np.load(DATA / "bits.npy")
IDS = (np.arange(40, dtype=np.int64) * 3 + (1 << 40)).tolist()


def gathered(foreign: Foreign, size: int = 7) -> dict[Any, tuple[Any, Any, Any]]:
    """Vector, payload and text by id, in order; that batches are as they should be."""
    found: dict[Any, tuple[Any, Any, Any]] = {}
    batches = list(foreign.batches(size))
    assert all(len(batch["ids"]) == size for batch in batches[:-1])
    for batch in batches:
        ids, vectors = batch["ids"], batch["vectors"]
        width = (foreign.dim // 8, "u1") if foreign.metric == "hamming" else (foreign.dim, "f4")
        assert 0 < len(ids) <= size and vectors.shape == (len(ids), width[0])
        assert vectors.dtype == width[1] and all(type(one) in (int, str) for one in ids)
        none = [None] * len(ids)
        payloads, texts = batch.get("payloads", none), batch.get("texts", none)
        for one in zip(ids, vectors, payloads, texts, strict=True):
            assert one[0] not in found
            found[one[0]] = one[1:]
    assert len(found) == foreign.n
    return found


def same_vectors(foreign: Foreign, ids: list[Any], vectors: Any) -> None:
    """The points are these, in whatever order."""
    found = gathered(foreign)
    assert sorted(found) == sorted(ids)
    for one, vector in zip(ids, vectors, strict=True):
        np.testing.assert_array_equal(found[one][0], vector)
