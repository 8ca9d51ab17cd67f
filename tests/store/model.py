"""A collection as a dict, and what must hold between both: the store's invariants."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from abi.store import Collection, Reads

DIM = 4


@dataclass
class Model:
    """Points by id: vector or None, payload or None, text or None."""

    points: dict[Any, tuple[Any, Any, Any]] = field(default_factory=dict)

    def copy(self) -> Model:
        return Model(dict(self.points))

    def upsert(self, ids: Any, vectors: Any, payloads: Any, texts: Any) -> None:
        for i, id_ in enumerate(ids):
            payload = copy.deepcopy(payloads[i]) if payloads else None
            self.points[id_] = (vectors[i], payload, texts[i] if texts else None)

    def delete(self, ids: Any) -> int:
        return sum(self.points.pop(i, None) is not None for i in ids)

    def matching(self, want: Any) -> list[Any]:
        """Ids of the points whose payload's "n" is at least `want`."""
        return [
            i
            for i, (_, p, _) in self.points.items()
            if p and p.get("n") is not None and p["n"] >= want
        ]


def check_same(reads: Reads, model: Model) -> None:
    """The collection holds what the model holds, by every way of reading it."""
    assert len(reads) == len(model.points)
    found = {point.id: point for point in reads.points(with_vectors=True)}
    assert found.keys() == model.points.keys()
    for id_, (vector, payload, text) in model.points.items():
        point = found[id_]
        assert (point.payload, point.text) == (payload, text), id_
        if vector is None:
            assert point.vector is None
        else:
            assert point.vector is not None
            assert point.vector.tolist() == np.asarray(vector, np.float32).tolist()
    asked = [*model.points, "never there"]
    assert [p.id for p in reads.get(asked)] == list(model.points)


def check_search(reads: Reads, model: Model, query: Any, k: int, least: Any = None) -> None:
    """min(k, matches) hits, and none that is not there is nearer."""
    ids = list(model.points) if least is None else model.matching(least)
    having = [i for i in ids if model.points[i][0] is not None]
    where = None if least is None else {"n": {"$gte": least}}
    hits = reads.search(vector=query, k=k, filter=where)
    assert len(hits) == min(k, len(having))
    scores = {i: cosine(query, model.points[i][0]) for i in having}
    assert {hit.id for hit in hits} <= scores.keys()
    for hit in hits:
        assert abs(hit.score - scores[hit.id]) < 1e-5
    if hits:
        rest = [s for i, s in scores.items() if i not in {hit.id for hit in hits}]
        assert max(rest, default=-2) <= hits[-1].score + 1e-5
    assert [h.score for h in hits] == sorted((h.score for h in hits), reverse=True)


def check_words(reads: Collection, model: Model, word: str) -> None:
    """A search for a word finds just the points whose text has it."""
    having = {i for i, (_, _, text) in model.points.items() if text and word in text.split()}
    assert {hit.id for hit in reads.search(text=word, k=1000)} == having


def cosine(a: Any, b: Any) -> float:
    x, y = np.asarray(a, np.float64), np.asarray(b, np.float32).astype(np.float64)
    lengths = float(np.linalg.norm(x) * np.linalg.norm(y))
    return float(x @ y) / lengths if lengths else 0.0


def random_batch(
    source: np.random.Generator, ids: list[Any]
) -> tuple[list[Any], Any, list[Mapping[str, Any] | None], list[str | None]]:
    """Points for some ids."""
    n = len(ids)
    vectors: npt.NDArray[np.float32] = source.normal(size=(n, DIM)).astype(np.float32)
    words = ["red", "green", "blue"]
    payloads: list[Mapping[str, Any] | None] = [
        None if source.random() < 0.2 else {"n": int(source.integers(5)), "tag": words[i % 3]}
        for i in range(n)
    ]
    texts = [None if source.random() < 0.2 else " ".join(source.choice(words, 2)) for _ in ids]
    return ids, vectors, payloads, texts
